#!/bin/sh
# Make what docker-compose.yml needs and git must not have: .compose/ with random passwords, the addresses that hold
# them, and the settings, in which the database is named and every secret is where compose mounts it. Passwords that are
# there already are kept.
set -eu

here=.compose
secrets=$here/secrets
settings=$here/settings
# Where the containers find them.
mounted=/run/secrets
known=/var/lib/interlock

say() { printf '%s\n' "$*" >&2; }

if [ ! -f interlock.toml ]; then
    say "There is no interlock.toml here: dt init makes one, with its two founders."
    exit 1
fi
if grep -q '^\[database\]' interlock.toml; then
    say "interlock.toml names a database already; docker-compose.yml brings its own. Take that section out."
    exit 1
fi

# Print what stands behind KEY in [TABLE], without its quotes; with a third word, print all with that in its place.
setting() {
    awk -v table="[$1]" -v key="$2" -v instead="${3-}" '
        /^[ \t]*\[/ { at = $0; gsub(/[ \t]|#.*/, "", at) }
        at == table && match($0, "^[ \t]*" key "[ \t]*=[ \t]*[\"\047][^\"\047]*[\"\047]") {
            found = substr($0, RSTART, RLENGTH)
            if (instead == "") { sub(/^[^\"\047]*[\"\047]/, "", found); sub(/[\"\047]$/, "", found); print found }
            else { print key " = \"" instead "\""; next }
        }
        instead != "" { print }
    '
}

# Put what interlock.toml leads to into the secret NAME: from the variable, or the file, that KEY in [TABLE] names.
take() {
    file=$secrets/$1
    named=$(setting "$2" "$3" < interlock.toml)
    case $named in
        "") : > "$file" ;;
        env:*) value=$(printenv "${named#env:}") && printf '%s' "$value" > "$file" || true ;;
        "file:$mounted/$1") ;;
        file:*) [ ! -f "${named#file:}" ] || cat "${named#file:}" > "$file" ;;
    esac
    # What was taken before serves on; a setting without a secret is a server that does not start.
    if [ -n "$named" ] && [ ! -s "$file" ]; then
        say "[$2] $3 in interlock.toml is $named, and nothing is there. Set it and come again, or put it into $file."
        exit 1
    fi
    [ -z "$named" ] || setting "$2" "$3" "file:$mounted/$1" < "$settings/interlock.toml" > "$settings/next"
    [ -z "$named" ] || mv "$settings/next" "$settings/interlock.toml"
}

umask 077
mkdir -p "$secrets" "$settings"
for role in postgres owner app; do
    file=$secrets/${role}_password
    [ -s "$file" ] || od -An -N24 -tx1 /dev/urandom | tr -d ' \n' > "$file"
done
printf 'postgresql://postgres:%s@postgres/postgres' "$(cat "$secrets/postgres_password")" > "$secrets/admin_dsn"
printf 'postgresql://interlock_owner:%s@postgres/interlock' "$(cat "$secrets/owner_password")" > "$secrets/owner_dsn"
printf 'postgresql://interlock_app:%s@postgres/interlock' "$(cat "$secrets/app_password")" > "$secrets/app_dsn"

# Only the API applies migrations; the other parts are not even given the owner's address.
{
    printf 'data = "%s"\n' "$known"
    awk '/^[ \t]*\[/ { inside = 1 } inside || !/^[ \t]*data[ \t]*=/' interlock.toml
    printf '\n[database]\napp = "file:%s/app_dsn"\nowner = "file:%s/owner_dsn"\n' "$mounted" "$mounted"
} > "$settings/interlock.toml"
take metrics_token server metrics_token
take oidc_secret sign_in.oidc secret

# The services run as a user of their own, and read these through mounts; nobody else here comes past the first door.
chmod 755 "$secrets" "$settings"
chmod 644 "$settings"/* "$secrets"/*
chmod 700 "$here"
say "Made $here. Next: docker compose up --detach"
