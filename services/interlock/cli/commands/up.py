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
from typing import Any, Self

import click

from interlock.cli.exits import UNEXPECTED, USAGE, Ended, Halt
from interlock.cli.lazy import Command
from interlock.cli.session import Session


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
@click.pass_obj
def up(session: Session, config: Path | None, data: Path | None, port: int | None, test_clock: bool) -> None:
    """Start a server here, with an embedded database unless interlock.toml names one. Stop it with Ctrl-C."""
    found = config or session.settings.config
    if found is None:
        raise Halt("there is no interlock.toml here or above", code=USAGE, then=(("dt init", "makes one"),))
    options = ["--config", str(found)]
    if data is not None:
        options += ["--data", str(data)]
    if port is not None:
        options += ["--port", str(port)]
    if test_clock:
        options.append("--test-clock")
    with Child(options) as child:
        ready = child.ready()
        if ready is None:
            raise Ended(child.ended() or UNEXPECTED)
        tell(session, ready)
        code = child.ended()
    if code:
        raise Ended(code if code > 0 else UNEXPECTED)


class Child:
    """A server process in a group of its own: the terminal's Ctrl-C reaches this process, which tells it to stop."""

    def __init__(self, options: Sequence[str]) -> None:
        self._reading, writing = os.pipe()
        command = [sys.executable, "-m", "interlock.serve", *options, "--ready-fd", str(writing)]
        self.process = subprocess.Popen(
            command, pass_fds=(writing,), stdout=sys.stderr.fileno(), start_new_session=True
        )
        # Only the child holds the writing end now: where it dies before it is ready, reading ends.
        os.close(writing)

    def __enter__(self) -> Self:
        self._before = {number: signal.signal(number, self._stop) for number in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(self, *exception: object) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait()
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        del number, frame
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
