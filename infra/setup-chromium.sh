#!/bin/sh
# Install Debian's Chromium, in which pages are tested and shown, where there is none. Called by make; interrupted at any
# point, it is simply run again.
set -eu

say() { printf '%s\n' "$*" >&2; }

chromium=/usr/bin/chromium
if [ ! -x "$chromium" ]; then
    if ! command -v apt-get >/dev/null 2>&1; then
        say "The pages are tested in Chromium, which is expected at $chromium. Install it and try again."
        exit 1
    fi
    if [ "$(id -u)" -ne 0 ]; then
        say "The pages are tested in Chromium. Install it, and try again:"
        say "  sudo apt-get update && sudo apt-get install --yes chromium fonts-dejavu-core"
        exit 1
    fi
    say "Installing chromium ..."
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install --yes --quiet --no-install-recommends chromium fonts-dejavu-core >/dev/null
fi
