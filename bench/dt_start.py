"""How long a person waits for `dt` to start: against an empty Python, and against click alone, in one run, in turns.

A whole process each time, with warm caches; `dt --help` loads every group's name, `dt status` also the client, and
meets a server that is not there, so that no network and no database is measured.
"""

from __future__ import annotations

import os
import socket
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter

ROUNDS = 15


def commands(url: str) -> dict[str, list[str]]:
    """What is started, by name."""
    dt = str(Path(sys.executable).with_name("dt"))
    return {
        "python -c pass": [sys.executable, "-c", "pass"],
        "import click": [sys.executable, "-c", "import click"],
        "dt --version": [dt, "--version"],
        "dt --help": [dt, "--help"],
        "dt status, no login": [dt, "status", "--json", "--url", url, "--project", "demo"],
    }


def a_closed_port() -> int:
    """A port of this machine at which nobody listens."""
    with socket.socket() as asked:
        asked.bind(("127.0.0.1", 0))
        port: int = asked.getsockname()[1]
        return port


def seconds_of(command: list[str], home: str) -> float:
    """Start the command and wait for its end."""
    begun = perf_counter()
    subprocess.run(command, env={**os.environ, "HOME": home, "NO_COLOR": "1"}, capture_output=True, check=False)
    return perf_counter() - begun


def main() -> None:
    """Print each command's median in milliseconds, and its ratio to an empty Python in the same rounds."""
    with tempfile.TemporaryDirectory() as home:
        todo = commands(f"http://127.0.0.1:{a_closed_port()}")
        for command in todo.values():
            seconds_of(command, home)
        taken: dict[str, list[float]] = {name: [] for name in todo}
        for _ in range(ROUNDS):
            for name, command in todo.items():
                taken[name].append(seconds_of(command, home))
    print(f"{'':24}{'median ms':>12}{'ratio':>8}")
    base = taken["python -c pass"]
    for name, values in taken.items():
        ratio = statistics.median(value / empty for value, empty in zip(values, base, strict=True))
        print(f"{name:24}{statistics.median(values) * 1000:12.0f}{ratio:8.1f}")


if __name__ == "__main__":
    main()
