"""One call of `dt`: its options, where it asks, what it says and how."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from interlock.cli import memory, seams, settings
from interlock.cli.exits import NOT_ALLOWED, USAGE, Halt
from interlock.cli.render.lines import Line, painted, plain
from interlock.cli.render.times import WIDTH_DEFAULT, Scene

if TYPE_CHECKING:
    from interlock.client import Client

WIDTH_MAX = 120
WIDTH_MIN = 60
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,63}")


@dataclass(slots=True)
class Options:
    """The options of every command."""

    json: bool = False
    no_input: bool = False
    yes: bool = False
    url: str | None = None
    project: str | None = None
    principal: str | None = None
    now: str | None = None


class Session:
    """Made once at the start; settings and client are made when first needed, so that help is quick."""

    def __init__(self) -> None:
        self.options = Options()
        self.idempotency_key: str | None = None
        self._settings: settings.Settings | None = None
        self._client: Client | None = None
        self._clients: list[Client] = []
        self._myself: dict[str, Any] | None = None
        self._compared = False

    def set_option(self, name: str, value: Any) -> None:
        """Take a common option, wherever on the line it stood."""
        setattr(self.options, name, value)

    # -- where it asks

    @property
    def settings(self) -> settings.Settings:
        """Where, what and who. Raises Halt where they contradict."""
        if self._settings is None:
            self._settings = settings.load(
                url=self.options.url, project=self.options.project, principal=self.options.principal
            )
        return self._settings

    @property
    def project(self) -> str:
        """The project's name. Raises Halt (usage) where none is known."""
        project = self.settings.project
        if project is None:
            raise Halt(
                "no project is named",
                code=USAGE,
                why="neither --project, nor INTERLOCK_PROJECT, nor an interlock.toml here or above says which",
                then=(("dt init", "makes an interlock.toml here"),),
            )
        return project

    @property
    def place(self) -> str:
        """Server and project, as the key of what is remembered."""
        return f"{self.settings.url} {self.project}"

    @property
    def client(self) -> Client:
        """The client of this project, with the login's token. Raises Halt where there is no login."""
        if self._client is None:
            if self.settings.token is None:
                raise Halt(
                    f"you are not logged in at {self.settings.url}",
                    code=NOT_ALLOWED,
                    then=(
                        ("dt login", "by the browser, where you can sign in to the pages"),
                        (
                            "dt login --code CODE",
                            "with the enrolment code that dt init, or a second administrator, gave",
                        ),
                        ("dt login --token", "with a token that you have"),
                    ),
                )
            self._client = self.client_with(self.settings.token)
        return self._client

    def client_with(self, token: str | None, project: str | None = None) -> Client:
        """Return a client with another token, or without one."""
        from interlock.client import Client

        made = Client(
            self.settings.url,
            project or self.settings.project or "-",
            token,
            clock=seams.monotonic,
            sleep=seams.sleep,
            new_id=seams.new_id,
            now=self.test_now,
        )
        self._clients.append(made)
        return made

    def close(self) -> None:
        """Close the connections."""
        for made in self._clients:
            made.close()

    @property
    def test_now(self) -> datetime | None:
        """The instant of `--now`, or None. Raises Halt (usage) where it is none."""
        text = self.options.now or os.environ.get("INTERLOCK_NOW")
        if not text:
            return None
        from interlock.cli.instants import parse_instant

        return parse_instant(text, "--now")

    def get(self, path: str, *, at: str | None = None, **query: Any) -> dict[str, Any]:
        """Read a question of the project: as it was `at`, or as it is, one's own last change included.

        Raises Halt (usage) where a name in `path` is none: it would ask another question.
        """
        from interlock.cli.instants import at_query

        only_names(path)

        if at is not None:
            return self.client.get(path, at=at_query(at), **query)
        self._compare_record()
        after = memory.last_position(self.place, seams.now())
        # Among events `after` means something else: where the list begins.
        if after is None or path == "/events":
            return self.client.get(path, **query)
        from interlock.client import ProblemAnswer

        try:
            return self.client.get(path, after=after, **query)
        except ProblemAnswer as problem:
            if problem.type != "behind":
                raise
            # The note may be of a server whose data is gone. What there is carries its own position.
            memory.forget_position(self.place)
            return self.client.get(path, **query)

    def _compare_record(self) -> None:
        """Say once where the server's record ends before what this terminal changed in it, however long ago."""
        known = memory.known_position(self.place)
        if known is None or self._compared:
            return
        self._compared = True
        ends_at = self.myself().get("position")
        if isinstance(ends_at, int) and ends_at < known:
            memory.forget_position(self.place)
            self.say(
                f"⚠ the record here ends at {ends_at}, and a change of yours was acknowledged at {known}: "
                "the ledger was restored from an older backup, or is another one; tell an administrator"
            )

    def remember(self, answer: Mapping[str, Any]) -> None:
        """Note the position of a change, so that the next read shows it."""
        position = answer.get("position")
        if isinstance(position, int):
            memory.remember_position(self.place, position, seams.now())

    # -- what it says

    @property
    def interactive(self) -> bool:
        """Whether somebody can be asked."""
        return sys.stdin.isatty() and sys.stderr.isatty() and not self.options.no_input

    def myself(self) -> dict[str, Any]:
        """Return who the server says we are, and its time; asked once, empty where it does not say."""
        if self._myself is None:
            from interlock.client import OddAnswer, ProblemAnswer, ServerAway

            self._myself = {}
            try:
                if self.settings.token is not None and self.settings.project is not None:
                    self._myself = self.client.get("/whoami")
            except (ProblemAnswer, ServerAway, OddAnswer):
                # It only serves to tell times and "you": what was asked for is told without it.
                self._myself = {}
        return self._myself

    @property
    def known_principal(self) -> str | None:
        """The same as far as it is known without asking."""
        return self.settings.principal or (self._myself or {}).get("principal")

    @property
    def me(self) -> str | None:
        """The principal that is logged in."""
        return self.settings.principal or self.myself().get("principal")

    def now(self) -> datetime:
        """Return the server's time, which under a test clock stands still; this machine's where it is not told."""
        from interlock.answers.times import instant

        told = self._client.server_now if self._client is not None else None
        return told or self.test_now or instant(self.myself().get("now")) or seams.now()

    def scene(self, now: datetime | None = None) -> Scene:
        """Return what rendering needs: `now` is the answer's own instant, or a past one under `--at`."""
        pages = f"{self.settings.url}/p/{self.settings.project}"
        return Scene(now or self.now(), self.width, seams.local, self.me, pages)

    def scene_without_server(self, now: datetime) -> Scene:
        """Return a scene for what is said before, or without, a server."""
        return Scene(now, self.width, seams.local)

    @property
    def width(self) -> int:
        """The terminal's columns within reason; off a terminal always the same, unless COLUMNS says otherwise."""
        columns = shutil.get_terminal_size((WIDTH_DEFAULT, 24)).columns
        return min(WIDTH_MAX, max(WIDTH_MIN, columns))

    def show(self, lines: Iterable[Line]) -> None:
        """Write data to stdout."""
        write(sys.stdout, lines)

    def talk(self, lines: Iterable[Line]) -> None:
        """Write talk to stderr."""
        write(sys.stderr, lines)

    def say(self, text: str) -> None:
        """Write one plain sentence to stderr."""
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()

    def answer(self, document: Mapping[str, Any], lines: Iterable[Line], then: Sequence[tuple[str, str]] = ()) -> None:
        """Give a read's answer: as JSON with `next`, or as lines with the next commands on stderr."""
        if self.options.json:
            self.give_json(document, then)
            return
        self.show(lines)
        if then:
            from interlock.cli.render.decision import suggestions

            self.talk(suggestions(then, self.scene()))

    def give_json(self, document: Mapping[str, Any], then: Sequence[tuple[str, str]] = ()) -> None:
        """Write a JSON document to stdout; `next` is always there."""
        import json

        whole = dict(document)
        steps = [{"command": command, "why": why} for command, why in then]
        whole["next"] = [*(whole.get("next") or ()), *steps]
        sys.stdout.write(json.dumps(whole, indent=2, ensure_ascii=False) + "\n")

    def confirm(self, question: str, *, needed: bool = True) -> None:
        """Ask before something that is hard to take back; `--yes` answers. Raises Halt (usage) where nobody can.

        Where it is not `needed`, and nobody can be asked, it goes on.
        """
        if self.options.yes:
            return
        if not self.interactive:
            if not needed:
                return
            raise Halt(f"{question} Nobody can be asked here", code=USAGE, why="give --yes where you mean it")
        sys.stderr.write(f"{question} [y/N] ")
        sys.stderr.flush()
        if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
            raise Halt("nothing was done", code=USAGE)


def only_names(path: str) -> None:
    """Raise Halt (usage) unless what stands between the slashes are names, so that "a/../b" asks for nothing."""
    for name in path.removeprefix("/").split("/"):
        if not NAME.fullmatch(name):
            raise Halt(f"{name!r} is no name", code=USAGE, why="a name has letters, digits and . _ - +, at most 64")


def write(stream: Any, lines: Iterable[Line]) -> None:
    """Write lines, in colour only where a person sees them and NO_COLOR does not object."""
    rows = list(lines)
    if not rows:
        return
    colour = stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    stream.write((painted(rows) if colour else plain(rows)) + "\n")
    stream.flush()
