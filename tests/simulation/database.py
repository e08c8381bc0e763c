"""The ledger's half of a database, in memory: what a statement does to it, whole or not at all.

It keeps every rule that PostgreSQL's keys and triggers keep, and the same behaviour suite is run against both.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import orjson

from interlock.ledger import (
    Answer,
    BatchRefused,
    ClockDisagrees,
    ColumnsDiffer,
    Ends,
    Head,
    NotATestDatabase,
    Overtaken,
    Row,
    Stored,
    TestClockGoesBack,
    VersionGap,
)
from tests.simulation.loop import Part
from tests.simulation.weather import Server

CLOCK_TOLERANCE = timedelta(milliseconds=2_000)


@dataclass
class Log:
    """One project's events, and what is found by an index."""

    events: list[Stored] = field(default_factory=list)
    streams: dict[str, list[Stored]] = field(default_factory=dict)
    commands: dict[UUID, tuple[int, int, str]] = field(default_factory=dict)


@dataclass(eq=False)
class Session:
    """Whoever waits for a turn, or has it; `part` is the process that the session is of."""

    part: Part | None
    granted: asyncio.Future[bool]
    gone: bool = False


class Database(Server):
    """All projects' logs. `clock` is the server's own; `watchers` are told of each batch that was committed."""

    def __init__(self, clock: Callable[[], datetime], *, test: bool = False) -> None:
        """It is empty."""
        super().__init__()
        self._server_clock = clock
        self._test = test
        self._set_to: datetime | None = None
        self.logs: dict[str, Log] = {}
        self.snapshots: dict[tuple[str, str, int], tuple[int, bytes]] = {}
        self.watchers: list[Callable[[str, Sequence[Stored], Sequence[Row]], None]] = []
        self.listeners: dict[Callable[[str], None], None] = {}
        self._turns: dict[str, deque[Session]] = {}

    def clock(self) -> datetime:
        """ledger_clock()."""
        return self._set_to or self._server_clock()

    # -- append ------------------------------------------------------------------------------------------

    def append(self, project: str, rows: Sequence[Row]) -> datetime:
        """One transaction."""
        log = self.logs.get(project, Log())
        self._unique(log, rows)
        self._in_order(log, rows)
        self._well_formed(project, log, rows)
        self.commit(project, rows)
        return self.clock()

    def commit(self, project: str, rows: Sequence[Row]) -> None:
        """Make it durable, move the head, and tell who listens."""
        log = self.logs.setdefault(project, Log())
        stored = [Stored(project, r.position, r.stream, r.version, r.type, r.recorded_at, r.body) for r in rows]
        for one, row in zip(stored, rows, strict=True):
            log.events.append(one)
            log.streams.setdefault(one.stream, []).append(one)
            if row.command_id is not None:
                log.commands[row.command_id] = (one.position, row.command_events or 0, row.request_hash or "")
        for watcher in self.watchers:
            watcher(project, stored, rows)
        for tell in list(self.listeners):
            tell(project)

    def _unique(self, log: Log, rows: Sequence[Row]) -> None:
        positions: set[int] = set()
        versions: set[tuple[str, int]] = set()
        commands: set[UUID] = set()
        for row in rows:
            known = log.streams.get(row.stream, ())
            taken = row.position <= len(log.events) or row.position in positions
            same = row.version <= len(known) or (row.stream, row.version) in versions
            if taken or same or row.command_id in commands or row.command_id in log.commands:
                raise Overtaken(f"position {row.position}")
            positions.add(row.position)
            versions.add((row.stream, row.version))
            if row.command_id is not None:
                commands.add(row.command_id)

    def _in_order(self, log: Log, rows: Sequence[Row]) -> None:
        at, first, last = rows[0].recorded_at, rows[0].position, log.events[-1] if log.events else None
        if max(row.position for row in rows) - min(row.position for row in rows) + 1 != len(rows):
            raise Overtaken("positions have no gaps")
        if min(row.position for row in rows) != len(log.events) + 1:
            raise Overtaken(f"the batch does not follow the last position: {len(log.events)}, not {first}")
        if last is not None and last.recorded_at > at:
            raise ClockDisagrees(f"time never goes back: {last.recorded_at}")
        if abs(at - self.clock()) > CLOCK_TOLERANCE:
            raise ClockDisagrees(f"the batch is stamped too far from the ledger's clock: {self.clock()}")

    def _well_formed(self, project: str, log: Log, rows: Sequence[Row]) -> None:
        """Columns, versions and commands, in order of position."""
        new: dict[str, int] = {}
        command: str | None = None
        to_come = ordinal = 0
        for row in sorted(rows, key=lambda row: row.position):
            try:
                envelope: dict[str, Any] = orjson.loads(row.body)
            except ValueError as broken:
                raise BatchRefused(str(broken)) from broken
            if not _same(envelope, project, row):
                raise ColumnsDiffer(str(row.position))
            if row.version > 1 and new.get(row.stream, len(log.streams.get(row.stream, ()))) != row.version - 1:
                raise VersionGap(str(row.position))
            new[row.stream] = row.version
            if row.command_id is not None and to_come == 0:
                command, to_come, ordinal = envelope.get("command_id"), row.command_events or 0, 0
            else:
                ordinal += 1
            apart = envelope.get("command_id") != command or envelope.get("ordinal") != ordinal
            if to_come == 0 or (row.command_id is None) != (ordinal > 0) or apart:
                raise ColumnsDiffer(f"a command's events do not stand together: {row.position}")
            to_come -= 1
        if to_come:
            raise ColumnsDiffer("a command's last events are missing")

    # -- questions ---------------------------------------------------------------------------------------

    def read(self, project: str, after: int, up_to: int | None, limit: int) -> list[Stored]:
        """In order of position."""
        log = self.logs.get(project)
        if log is None:
            return []
        end = len(log.events) if up_to is None else min(up_to, len(log.events))
        return log.events[max(after, 0) : min(end, max(after, 0) + limit)]

    def stream(self, project: str, stream: str) -> list[Stored]:
        """A whole stream, in order of version."""
        log = self.logs.get(project)
        return log.streams.get(stream, []) if log is not None else []

    def ends(self, project: str, streams: Sequence[str], bodies: bool) -> dict[str, Ends]:
        """Where streams begin and how far they are, and how their first events read, if `bodies`."""
        found = {stream: self.stream(project, stream) for stream in streams}
        return {
            name: Ends(events[0].position, events[-1].version, events[0].body if bodies else None)
            for name, events in found.items()
            if events
        }

    def head(self, project: str) -> Head:
        """How far the log is."""
        events = self.logs[project].events if project in self.logs else []
        return Head(events[-1].position if events else 0, events[-1].recorded_at if events else None, self.clock())

    def heads(self) -> dict[str, int]:
        """How far each log is."""
        return {project: log.events[-1].position for project, log in self.logs.items() if log.events}

    def answers(self, project: str, command_ids: Sequence[UUID]) -> dict[UUID, Answer]:
        """What they left."""
        log = self.logs.get(project, Log())
        found: dict[UUID, Answer] = {}
        for command_id in command_ids:
            if command_id in log.commands:
                position, events, asked = log.commands[command_id]
                found[command_id] = Answer(asked, tuple(self.read(project, position - 1, None, events)))
        return found

    def position_at(self, project: str, at: datetime) -> int:
        """The last position recorded by then."""
        events = self.logs[project].events if project in self.logs else []
        return bisect_right(events, at, key=lambda event: event.recorded_at)

    def is_test(self) -> bool:
        """Whether its clock can be set."""
        return self._test

    def set_test_clock(self, at: datetime) -> None:
        """Let the clock stand there."""
        if not self._test:
            raise NotATestDatabase
        recorded = [log.events[-1].recorded_at for log in self.logs.values() if log.events]
        if at < max([*recorded, *([self._set_to] if self._set_to else [])], default=at):
            raise TestClockGoesBack
        self._set_to = at

    def store_snapshot(self, key: tuple[str, str, int], position: int, body: bytes) -> None:
        """The later one stays."""
        if key not in self.snapshots or self.snapshots[key][0] < position:
            self.snapshots[key] = (position, body)

    # -- turns -------------------------------------------------------------------------------------------

    def take_turn(self, project: str, session: Session) -> asyncio.Future[bool]:
        """Let the session wait for the project's turn, unless it ended on the way."""
        if session.gone or (session.part is not None and session.part.dead):
            return session.granted
        waiting = self._turns.setdefault(project, deque())
        waiting.append(session)
        if waiting[0] is session:
            session.granted.set_result(True)
        return session.granted

    def leave_turn(self, project: str, session: Session) -> None:
        """Give the turn back, or wait for it no more."""
        waiting = self._turns.get(project, deque())
        if session in waiting:
            waiting.remove(session)
        if waiting and not waiting[0].granted.done():
            waiting[0].granted.set_result(True)

    def crash(self) -> None:
        """Stop at once; what was committed is there when it is up again."""
        self.down = True
        self.hang_up()

    def cut(self, first: int) -> None:
        """Forget everything from a position on: what a server does that did not wait for its disk."""
        for log in self.logs.values():
            log.events = log.events[: first - 1]
            log.streams = {name: left for name, all_ in log.streams.items() if (left := _before(all_, first))}
            log.commands = {one: known for one, known in log.commands.items() if known[0] < first}

    def hang_up(self, part: Part | None = None) -> None:
        """End the sessions of a process that was killed, or all of them: their turns go back."""
        for project, waiting in self._turns.items():
            for session in [one for one in waiting if part is None or one.part is part]:
                if not session.granted.done():
                    session.granted.set_result(False)
                self.leave_turn(project, session)


def _before(events: list[Stored], first: int) -> list[Stored]:
    return [event for event in events if event.position < first]


def _same(envelope: dict[str, Any], project: str, row: Row) -> bool:
    """Whether a row's columns are what its bytes say."""
    at = envelope.get("recorded_at")
    columns = {"position": row.position, "stream": row.stream, "version": row.version, "type": row.type}
    if row.command_id is not None:
        columns |= {"command_id": str(row.command_id), "request_hash": row.request_hash or ""}
    return (
        envelope.get("project") == project
        and all(envelope.get(name) == value for name, value in columns.items())
        and isinstance(at, str)
        and at.endswith("Z")
        and datetime.fromisoformat(at) == row.recorded_at
    )
