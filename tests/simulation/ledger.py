"""A ledger over a database in memory: the same questions, over a wire on which things may go wrong."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from typing import NoReturn, Self
from uuid import UUID

from interlock.ledger import (
    BATCH_EVENTS_MAX,
    BODY_BYTES_MAX,
    READ_EVENTS_MAX,
    Answer,
    BatchRefused,
    Ends,
    Head,
    Row,
    Stored,
)
from interlock.ledger.connections import LOCK_WAIT_MS
from interlock.ledger.session import ANSWERS_MAX
from interlock.ledger.subscription import WAIT_SECONDS
from tests.simulation.database import Database, Session
from tests.simulation.loop import PART
from tests.simulation.weather import Direct, Wire


class MemoryLedger:
    """What interlock.ledger's Ledger is over PostgreSQL."""

    held = True
    """As the turn that it lends: whether nobody else has it."""

    def __init__(self, database: Database, wire: Wire | None = None) -> None:
        """Ask `database` over `wire`."""
        self.database = database
        self._wire = wire or Direct()

    async def append(self, project: str, rows: Sequence[Row]) -> datetime:
        """Append one batch, as Session.append."""
        if not 1 <= len(rows) <= BATCH_EVENTS_MAX:
            raise BatchRefused(f"{len(rows)} rows")
        for row in rows:
            if len(row.body) > BODY_BYTES_MAX:
                raise BatchRefused(f"position {row.position} has {len(row.body)} bytes")
        return await self._wire.call(self.database.append, project, list(rows), sent=True)

    async def read(self, project: str, *, after: int, limit: int, up_to: int | None = None) -> list[Stored]:
        """In order of position."""
        return await self._wire.call(self.database.read, project, after, up_to, min(limit, READ_EVENTS_MAX))

    async def bodies(self, project: str, *, after: int, limit: int, up_to: int | None = None) -> list[bytes]:
        """As bytes alone."""
        return [each.body for each in await self.read(project, after=after, limit=limit, up_to=up_to)]

    async def read_stream(self, project: str, stream: str, *, after_version: int = 0, limit: int) -> list[Stored]:
        """In order of version."""
        events = await self._wire.call(self.database.stream, project, stream)
        return events[after_version : after_version + min(limit, READ_EVENTS_MAX)]

    async def read_streams(self, project: str, streams: Sequence[str]) -> dict[str, list[Stored]]:
        """Whole streams."""

        def found() -> dict[str, list[Stored]]:
            return {name: list(events) for name in streams if (events := self.database.stream(project, name))}

        return await self._wire.call(found)

    async def ends(self, project: str, streams: Sequence[str], *, bodies: bool = False) -> dict[str, Ends]:
        """Where streams begin and end."""
        return await self._wire.call(self.database.ends, project, list(streams), bodies)

    async def head(self, project: str) -> Head:
        """How far the log is, and the clock."""
        return await self._wire.call(self.database.head, project)

    async def heads(self) -> dict[str, int]:
        """How far each log is."""
        return await self._wire.call(self.database.heads)

    async def answers(self, project: str, command_ids: Sequence[UUID]) -> dict[UUID, Answer]:
        """What command ids left."""
        if len(command_ids) > ANSWERS_MAX:
            raise BatchRefused(f"{len(command_ids)} command ids")
        return await self._wire.call(self.database.answers, project, list(command_ids))

    async def position_at(self, project: str, at: datetime) -> int:
        """The last position recorded by then."""
        return await self._wire.call(self.database.position_at, project, at)

    async def is_test(self) -> bool:
        """Whether its clock can be set."""
        return await self._wire.call(self.database.is_test)

    async def set_test_clock(self, at: datetime) -> None:
        """Let its clock stand there."""
        await self._wire.call(self.database.set_test_clock, at, sent=True)

    async def store_snapshot(self, project: str, kind: str, version: int, position: int, body: bytes) -> None:
        """Keep what was folded."""
        await self._wire.call(self.database.store_snapshot, (project, kind, version), position, body, sent=True)

    async def load_snapshot(self, project: str, kind: str, version: int) -> tuple[int, bytes] | None:
        """What was kept."""
        return await self._wire.call(self.database.snapshots.get, (project, kind, version))

    @asynccontextmanager
    async def turn(self, project: str) -> AsyncIterator[MemoryLedger]:
        """Wait for the project's turn, LOCK_WAIT_MS at most, and lend the ledger within it."""
        session = Session(PART.get(), asyncio.get_running_loop().create_future())
        turn = MemoryLedger(self.database, self._wire)
        turn.held = False
        try:
            granted = await self._wire.call(self.database.take_turn, project, session)
            with suppress(TimeoutError):
                async with asyncio.timeout(LOCK_WAIT_MS / 1000):
                    turn.held = await asyncio.shield(granted)
            yield turn
        finally:
            session.gone = True
            self.database.leave_turn(project, session)

    def changes(self) -> MemoryChanges:
        """Who moved."""
        return MemoryChanges(self.database, self._wire)

    def connection(self) -> NoReturn:
        """There is none: what needs SQL is given a twin in memory."""
        raise NotImplementedError("there is no SQL in memory")


class MemoryChanges:
    """What interlock.ledger's Changes is over LISTEN: a hint, which may get lost."""

    def __init__(self, database: Database, wire: Wire) -> None:
        """Nobody listens before `start`."""
        self._database = database
        self._wire = wire
        self._moved: dict[str, None] = {}
        self._woken = asyncio.Event()
        self._closed = False

    async def start(self) -> bool:
        """Listen."""
        self._database.listeners[self._told] = None
        return True

    def _told(self, project: str) -> None:
        self._wire.notify(lambda: self._heard(project))

    def _heard(self, project: str) -> None:
        self._moved[project] = None
        self._woken.set()

    async def wait(self, seconds: float = WAIT_SECONDS) -> set[str]:
        """Return the projects that moved since; empty after `seconds` without news."""
        await self.start()
        if not self._moved and not self._closed:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._wire.late(seconds)):
                    await self._woken.wait()
        self._woken.clear()
        moved, self._moved = set(self._moved), {}
        return moved

    async def close(self) -> None:
        """Stop."""
        self._closed = True
        self._woken.set()
        self._database.listeners.pop(self._told, None)

    def __aiter__(self) -> Self:
        """Until closed."""
        return self

    async def __anext__(self) -> str:
        """The next project that moved."""
        while not self._closed:
            if self._moved:
                return self._moved.popitem()[0]
            self._moved |= dict.fromkeys(await self.wait())
        raise StopAsyncIteration

    async def __aenter__(self) -> Self:
        """Listen."""
        await self.start()
        return self

    async def __aexit__(self, *_exception: object) -> None:
        """Stop."""
        await self.close()
