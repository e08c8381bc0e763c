#!/bin/sh
# Install what package-lock.json in the given directory names, by hash. Called by make when the lock is newer than the
# last set-up. Interrupted at any point, it is simply run again.
set -eu

say() { printf '%s\n' "$*" >&2; }

missing=''
for program in node npm; do
    command -v "$program" >/dev/null 2>&1 || missing="$missing $program"
done
if [ -n "$missing" ]; then
    if ! command -v apt-get >/dev/null 2>&1; then
        say "This needs Node.js 20 or later and npm, and$missing is missing. Install them and try again."
        exit 1
    fi
    if [ "$(id -u)" -ne 0 ]; then
        say "This needs Node.js 20 or later and npm. Install what is missing, and try again:"
        say "  sudo apt-get update && sudo apt-get install --yes nodejs npm"
        exit 1
    fi
    say "Installing nodejs and npm ..."
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install --yes --quiet --no-install-recommends nodejs npm >/dev/null
fi

say "Installing what $1/package-lock.json names ..."
cd "$1"
# No package's own scripts are run.
npm ci --ignore-scripts --no-audit --no-fund --silent
