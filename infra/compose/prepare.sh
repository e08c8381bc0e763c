#!/bin/sh
# Make what docker-compose.yml needs and git must not have: .compose/ with random passwords, the addresses that hold
# them, and interlock.toml with the database by reference. What is there already is kept.
set -eu

here=.compose
secrets=$here/secrets

say() { printf '%s\n' "$*" >&2; }

if [ ! -f interlock.toml ]; then
    say "There is no interlock.toml here: dt init makes one, with its two founders."
    exit 1
fi
if grep -q '^\[database\]' interlock.toml; then
    say "interlock.toml names a database already; docker-compose.yml brings its own. Take that section out."
    exit 1
fi

umask 077
mkdir -p "$secrets"
for role in postgres owner app; do
    file=$secrets/${role}_password
    [ -s "$file" ] || od -An -N24 -tx1 /dev/urandom | tr -d ' \n' > "$file"
done
printf 'postgresql://postgres:%s@postgres/postgres' "$(cat "$secrets/postgres_password")" > "$secrets/admin_dsn"
printf 'postgresql://interlock_owner:%s@postgres/interlock' "$(cat "$secrets/owner_password")" > "$secrets/owner_dsn"
printf 'postgresql://interlock_app:%s@postgres/interlock' "$(cat "$secrets/app_password")" > "$secrets/app_dsn"

# Only the API applies migrations; the other parts are not even given the owner's address.
{
    cat interlock.toml
    printf '\n[database]\napp = "file:/run/secrets/app_dsn"\nowner = "file:/run/secrets/owner_dsn"\n'
} > "$here/interlock.toml"
# The services run as a user of their own, and read these through mounts.
chmod 755 "$here" "$secrets"
chmod 644 "$here/interlock.toml" "$secrets"/*
say "Made $here. Next: docker compose up --detach"
