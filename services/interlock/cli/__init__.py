"""`dt`: release control from a terminal or a pipeline. A client of the API like any other."""

from __future__ import annotations

import sys


def main() -> None:
    """Run `dt` with the process's arguments and end the process with its exit code."""
    from interlock.cli.ending import run

    sys.exit(run(sys.argv[1:]))
