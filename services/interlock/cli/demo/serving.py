"""The demo's server: a process of its own over the demo's directory, stopped with everything it started."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from interlock.cli.demo.home import Home
from interlock.cli.exits import UNEXPECTED, Halt

# Only against hangs: a server stops in about a second, and its database with it.
STOP_SECONDS = 30
ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True, slots=True)
class Served:
    """A server that takes requests at `url`."""

    process: subprocess.Popen[bytes]
    url: str
    port: int


@contextmanager
def interruptible() -> Iterator[None]:
    """Let SIGTERM and a closed terminal end the demo as Ctrl-C does: by way of every `finally`."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        del frame
        raise KeyboardInterrupt(signal.Signals(number).name)

    before = {number: signal.signal(number, interrupt) for number in ENDINGS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def served(home: Home, port: int) -> Iterator[Served]:
    """Serve the demo's directory with a test clock, until the end of the context. Raises Halt where it does not start.

    `port` 0 is any free one.

    The process has a group of its own, so that the terminal's Ctrl-C reaches this process alone, which then tells it.
    A kill -9 of this process leaves the server running; it says in its log where.
    """
    reading, writing = os.pipe()
    command = [
        sys.executable,
        "-m",
        "interlock.serve",
        "--config",
        str(home.config),
        "--test-clock",
        "--port",
        str(port),
    ]
    with home.log.open("wb") as log:
        process = subprocess.Popen(
            [*command, "--ready-fd", str(writing)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=(writing,),
            start_new_session=True,
        )
    try:
        # Only the child holds the writing end now: where it dies before it is ready, reading ends.
        os.close(writing)
        with os.fdopen(reading, encoding="utf-8") as pipe:
            ready = pipe.readline()
        if not ready:
            raise Halt("the demo's server did not start", code=UNEXPECTED, why=home.last_words())
        where = json.loads(ready)
        yield Served(process, str(where["url"]), int(where["port"]))
    finally:
        stop(process)


def stop(process: subprocess.Popen[bytes]) -> None:
    """Tell the server to stop, and wait for it."""
    with undisturbed():
        if process.poll() is None:
            process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def scratch() -> Iterator[Path]:
    """Lend a directory that is gone at the end."""
    directory = tempfile.TemporaryDirectory(prefix="interlock-demo-", ignore_cleanup_errors=True)
    try:
        yield Path(directory.name)
    finally:
        with undisturbed():
            directory.cleanup()


@contextmanager
def undisturbed() -> Iterator[None]:
    """Let a second Ctrl-C not leave half of it behind."""
    before = {number: signal.signal(number, signal.SIG_IGN) for number in ENDINGS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
