#!/bin/sh
# Make .venv from the hashed locks. Called by make when a lock or pyproject.toml is newer than the last set-up.
# Interrupted at any point, it is simply run again.
set -eu

python=${PYTHON:-python3}

say() { printf '%s\n' "$*" >&2; }

new_enough() { "$1" -c 'import sys; raise SystemExit(sys.version_info < (3, 11))' 2>/dev/null; }

if ! new_enough "$python"; then
    for candidate in python3.14 python3.13 python3.12 python3.11; do
        if new_enough "$candidate"; then
            python=$candidate
            break
        fi
    done
fi
if ! new_enough "$python"; then
    say "Interlock needs Python 3.11 or later, and $python is none. Install one, or name it: make PYTHON=/path/to/python3"
    exit 1
fi

# Debian and its relatives keep what `python -m venv` needs in a package of its own.
if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    package=$("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')
    if ! command -v apt-get >/dev/null 2>&1; then
        say "$python cannot make a virtual environment: its modules venv and ensurepip are missing. Install them and try again."
        exit 1
    fi
    if [ "$(id -u)" -ne 0 ]; then
        say "$python cannot make a virtual environment. Install what is missing, and try again:"
        say "  sudo apt-get update && sudo apt-get install --yes $package"
        exit 1
    fi
    say "Installing $package ..."
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install --yes --quiet --no-install-recommends "$package" >/dev/null
fi

# A .venv whose interpreter went away, or was made half, is made anew; a sound one is kept.
if ! { new_enough .venv/bin/python && .venv/bin/python -m pip --version >/dev/null 2>&1; }; then
    say "Making .venv with $("$python" --version) ..."
    "$python" -m venv --clear .venv
fi

pip() { .venv/bin/python -m pip --quiet --disable-pip-version-check --no-input "$@"; }

say "Installing what the locks name ..."
# The development lock holds everything in requirements.lock, at the same versions (a test compares them).
pip install --require-hashes --no-deps -r requirements-dev.lock
# Without build isolation: hatchling comes from the lock, with its hash, like everything else.
pip install --no-deps --no-build-isolation --editable .
