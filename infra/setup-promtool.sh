#!/bin/sh
# Put promtool, Prometheus's own judge of figures, into .promtool/, once. It is taken out of Debian's package: nothing is
# installed and no server is started. Interrupted at any point, it is simply run again.
set -eu

cache=.promtool

say() { printf '%s\n' "$*" >&2; }

mkdir -p "$cache"
if command -v promtool >/dev/null 2>&1; then
    ln -sf "$(command -v promtool)" "$cache/promtool"
    exit 0
fi
if ! command -v apt-get >/dev/null 2>&1 || ! command -v dpkg-deb >/dev/null 2>&1; then
    say "promtool is missing. Install Prometheus's package or its release, so that promtool is on PATH, and try again."
    exit 1
fi
# Lists of packages may be absent, as in an image just made.
apt-cache show prometheus >/dev/null 2>&1 || { [ "$(id -u)" -ne 0 ] || apt-get update -qq; }
whole=$(mktemp -d)
trap 'rm -rf "$whole"' EXIT
(cd "$whole" && apt-get download -qq -o APT::Sandbox::User=root prometheus >&2)
dpkg-deb --fsys-tarfile "$whole"/prometheus_*.deb | tar -x -C "$whole" ./usr/bin/promtool
mv "$whole/usr/bin/promtool" "$cache/promtool"
