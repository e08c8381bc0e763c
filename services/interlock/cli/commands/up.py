"""`dt up`: a server here, as a child of this process, until it is told to stop."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import Any, Final, Self

import click

from interlock.cli.exits import UNEXPECTED, USAGE, Ended, Halt
from interlock.cli.lazy import Command
from interlock.cli.session import Session

# `interlock.serve` names its parts; a test compares.
API: Final = "api"
WATCH: Final = "watch"
OTHER_PARTS: Final = ("relay", "intake", "projector", WATCH, "webhooks")


@click.command("up", cls=Command)
@click.option(
    "--config",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="FILE",
    help="The settings; without it the nearest interlock.toml.",
)
@click.option("--data", type=click.Path(path_type=Path), metavar="DIR", help="The embedded database's directory.")
@click.option("--port", type=click.IntRange(0, 65_535), metavar="N", help="Where it listens; 0 for any free port.")
@click.option("--test-clock", is_flag=True, help="A test database, for ever, whose time is set by --now.")
@click.option("--kafka", metavar="HOST:PORT", help="With Kafka there, and each part as a process of its own.")
@click.pass_obj
def up(
    session: Session, config: Path | None, data: Path | None, port: int | None, test_clock: bool, kafka: str | None
) -> None:
    """Start a server here, with an embedded database unless interlock.toml names one. Stop it with Ctrl-C."""
    found = config or session.settings.config
    if found is None:
        raise Halt("there is no interlock.toml here or above", code=USAGE, then=(("dt init", "makes one"),))
    options = ["--config", str(found)]
    if data is not None:
        options += ["--data", str(data)]
    if test_clock:
        options.append("--test-clock")
    listening = [] if port is None else ["--port", str(port)]
    with Children() as children:
        if kafka is None:
            ready = children.start([*options, *listening])
        else:
            ready = in_parts(children, [*options, "--kafka", kafka], listening, test_clock=test_clock)
        if ready is None:
            raise Ended(children.ended() or UNEXPECTED)
        tell(session, ready)
        code = children.ended()
    if code:
        raise Ended(code if code > 0 else UNEXPECTED)


def in_parts(
    children: Children, options: Sequence[str], listening: Sequence[str], *, test_clock: bool
) -> dict[str, Any] | None:
    """Start each part; return where the API is, or None where one did not start (it said why).

    The API comes first: it begins the database that the others look at. A test clock's watch is in the API.
    """
    ready = children.start([*options, *listening, "--part", API])
    for part in OTHER_PARTS:
        if ready is None or (test_clock and part == WATCH):
            continue
        if children.start([*options, "--port", "0", "--part", part]) is None:
            return None
    return ready


class Children:
    """Server processes in groups of their own: the terminal's Ctrl-C reaches this process, which tells them to stop.

    Where one of them ends, the others are stopped: half a server is none.
    """

    def __init__(self) -> None:
        self._children: list[Child] = []

    def __enter__(self) -> Self:
        self._before = {number: signal.signal(number, self._stop) for number in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(self, *exception: object) -> None:
        self._end()
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def start(self, options: Sequence[str]) -> dict[str, Any] | None:
        """Start one and wait until it is ready; None where it did not start (it said why)."""
        child = Child(options)
        self._children.append(child)
        return child.ready()

    def ended(self) -> int:
        """Wait until one ends, stop the others, and return its exit code; stopped by a signal of ours is 0."""
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT)
        first = next((child for child in self._children if child.process.poll() is not None), self._children[-1])
        self._end()
        return first.ended()

    def _stop(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        for child in self._children:
            child.stop()

    def _end(self) -> None:
        # The API last: what it took is still recorded, published and projected for as long as it goes on.
        for child in reversed(self._children):
            child.stop()
            child.process.wait()


class Child:
    """One server process."""

    def __init__(self, options: Sequence[str]) -> None:
        self._reading, writing = os.pipe()
        command = [sys.executable, "-m", "interlock.serve", *options, "--ready-fd", str(writing)]
        self.process = subprocess.Popen(
            command, pass_fds=(writing,), stdout=sys.stderr.fileno(), start_new_session=True
        )
        # Only the child holds the writing end now: where it dies before it is ready, reading ends.
        os.close(writing)

    def stop(self) -> None:
        """Tell it to stop."""
        if self.process.poll() is None:
            self.process.terminate()

    def ready(self) -> dict[str, Any] | None:
        """Wait until requests are taken and return where; None where the server did not start (it said why)."""
        with os.fdopen(self._reading, encoding="utf-8") as pipe:
            text = pipe.readline()
        if not text:
            return None
        document: dict[str, Any] = json.loads(text)
        return document

    def ended(self) -> int:
        """Wait for the end and return the exit code; stopped by a signal of ours is 0."""
        code = self.process.wait()
        return 0 if code in {-signal.SIGTERM, -signal.SIGINT} else code


def tell(session: Session, ready: dict[str, Any]) -> None:
    """Say where it is, and what to do next."""
    from interlock.cli import seams
    from interlock.cli.render.decision import suggestions
    from interlock.cli.render.lines import Span, line

    if session.options.json:
        session.give_json(ready, (("dt status", "what runs where"),))
        sys.stdout.flush()
        return
    url = str(ready.get("url"))
    clock = "  test clock: dt --now INSTANT" if ready.get("test_clock") else ""
    session.talk(
        [
            line(Span("✓ ", "good"), f"project {ready.get('project')} at ", Span(url, "link"), Span(clock, "wait")),
            line(f"  API {url}/docs · stop with Ctrl-C"),
        ]
    )
    steps = [("dt login --code CODE", "each founder, once"), ("dt status", "what runs where")]
    if url != session.settings.url:
        steps.insert(0, (f"export INTERLOCK_URL={url}", "in the other terminal: it listens elsewhere than configured"))
    session.talk(suggestions(steps, session.scene_without_server(seams.now())))
