#!/bin/sh
# What the tests of `dt logs check` write a real journal with: systemd's own journal-remote and journalctl. Where they are
# not installed, Debian's packages are unpacked into .journal/, and nothing on the machine is changed. Called by make;
# interrupted at any point, it is simply run again.
set -eu

cache=.journal

say() { printf '%s\n' "$*" >&2; }

installed() {
    command -v journalctl >/dev/null 2>&1 || return 1
    [ -x /usr/lib/systemd/systemd-journal-remote ] || [ -x /lib/systemd/systemd-journal-remote ]
}

mkdir -p "$cache"
installed && exit 0

by_hand="sudo apt-get update && sudo apt-get install --yes systemd systemd-journal-remote"
if ! command -v apt-get >/dev/null 2>&1 || ! command -v dpkg >/dev/null 2>&1; then
    say "Reading a journal is tested with journalctl and systemd-journal-remote. Install them and try again."
    exit 1
fi
if ! command -v journalctl >/dev/null 2>&1; then
    if [ "$(id -u)" -ne 0 ]; then
        say "Reading a journal is tested with journalctl and systemd-journal-remote. Install them, and try again:"
        say "  $by_hand"
        exit 1
    fi
    say "Installing systemd, which has journalctl ..."
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install --yes --quiet --no-install-recommends systemd >/dev/null
fi

# The one that belongs to the systemd that is here, whose library it needs.
version=$(dpkg-query --show --showformat='${Version}' systemd)
say "Unpacking systemd-journal-remote $version into $cache ..."
[ "$(id -u)" -ne 0 ] || apt-get update -qq
rm -rf "$cache/packages" "$cache/root"
mkdir -p "$cache/packages" "$cache/root"
if ! (cd "$cache/packages" && apt-get download -qq "systemd-journal-remote=$version" libmicrohttpd12 2>/dev/null) \
    && ! (cd "$cache/packages" && apt-get download -qq systemd-journal-remote libmicrohttpd12); then
    say "Reading a journal is tested with systemd-journal-remote, which cannot be fetched here. Install it, and try again:"
    say "  $by_hand"
    exit 1
fi
for package in "$cache"/packages/*.deb; do
    dpkg --extract "$package" "$cache/root"
done
