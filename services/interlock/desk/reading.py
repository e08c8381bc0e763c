"""What the desk reads of the ledger: news, closed streams, a snapshot; everything decoded, or nothing decided."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from itertools import count
from typing import Final, Protocol
from uuid import UUID

import orjson

from interlock.desk.errors import LedgerWentBack, UnknownEvent
from interlock.desk.memory import Memory, StreamEnds
from interlock.desk.rules import AnyRecorded
from interlock.events.codec import decode
from interlock.ledger import Answer as Answered
from interlock.ledger import Ends, Head, Row, Stored

# A page is decoded and folded without a break: at 16 µs an event, other projects wait 16 ms.
PAGE_EVENTS: Final = 1_000


class Log(Protocol):
    """What a ledger and a turn at it have in common."""

    async def append(self, project: str, rows: Sequence[Row]) -> datetime:
        """Append one batch; return the ledger's clock."""

    async def read(self, project: str, *, after: int, limit: int, up_to: int | None = None) -> list[Stored]:
        """Return events in order of position."""

    async def bodies(self, project: str, *, after: int, limit: int, up_to: int | None = None) -> list[bytes]:
        """Return the same events, as bytes alone."""

    async def head(self, project: str) -> Head:
        """Return how far the log is, and the clock."""

    async def answers(self, project: str, command_ids: Sequence[UUID]) -> dict[UUID, Answered]:
        """Return what command ids were answered with."""

    async def ends(self, project: str, streams: Sequence[str]) -> dict[str, Ends]:
        """Return the last version and the first position of those streams that have events."""

    async def read_streams(self, project: str, streams: Sequence[str]) -> dict[str, list[Stored]]:
        """Return whole streams, each in order of version."""


class Ledger(Log, Protocol):
    """What the desk asks of a ledger (interlock.ledger's Ledger is one)."""

    def turn(self, project: str) -> AbstractAsyncContextManager[Log]:
        """Wait for the project's turn, and lend the ledger within it."""

    async def is_test(self) -> bool:
        """Tell whether somebody sets its clock."""

    async def store_snapshot(self, project: str, kind: str, version: int, position: int, body: bytes) -> None:
        """Keep what `kind` folded to at `position`."""

    async def load_snapshot(self, project: str, kind: str, version: int) -> tuple[int, bytes] | None:
        """Return position and body of the snapshot kept, None without one."""


def decoded(body: bytes, position: int) -> AnyRecorded:
    """Return the event at a position from its bytes. Raises UnknownEvent where this version cannot read it."""
    try:
        event: AnyRecorded = decode(body)
    except Exception as reason:
        # Whatever the reason is, a decision without this event could be wrong.
        raise UnknownEvent(f"{_type_of(body)} at position {position} ({reason})") from reason
    return event


def _type_of(body: bytes) -> str:
    """Return what an event that cannot be read calls itself."""
    try:
        return str(orjson.loads(body)["type"])
    except (ValueError, LookupError, TypeError):
        return "what stands"


async def catch_up(log: Log, project: str, memory: Memory, *, up_to: int | None = None) -> int:
    """Take the news into `memory` and return how many there were. At an UnknownEvent it holds what came before.

    The last event that is known is read once more: where it is another one, or gone, nothing is news to this memory.
    Raises LedgerWentBack.
    """
    before = memory.position
    known = 1 if memory.last_body else 0
    while True:
        page = await log.bodies(project, after=memory.position - known, limit=PAGE_EVENTS, up_to=up_to)
        if known:
            _must_be(page[:1], memory.position, memory.last_body)
        memory.apply(map(decoded, page[known:], count(memory.position + 1)))
        if len(page) < PAGE_EVENTS:
            return memory.position - before
        known = 0


async def must_hold(log: Log, project: str, position: int, body: bytes) -> None:
    """Raise LedgerWentBack unless the log holds these bytes at `position`."""
    _must_be(await log.bodies(project, after=position - 1, limit=1), position, body)


def _must_be(found: Sequence[bytes], position: int, body: bytes) -> None:
    if not found or found[0] != body:
        raise LedgerWentBack(f"position {position} {'holds another event' if found else 'is not there any more'}")


async def load_streams(log: Log, project: str, streams: Sequence[str]) -> dict[str, list[AnyRecorded]]:
    """Return each of `streams` whole, an empty list for one without events."""
    found = await log.read_streams(project, streams)
    for stored in found.values():
        stored.sort(key=lambda event: event.version)
    return {stream: [decoded(stored.body, stored.position) for stored in found.get(stream, ())] for stream in streams}


async def stream_ends(log: Log, project: str, streams: Sequence[str]) -> dict[str, StreamEnds]:
    """Return where each of `streams` begins and ends."""
    found = await log.ends(project, streams)
    return {
        stream: StreamEnds(found[stream].version, found[stream].first) if stream in found else StreamEnds(0, None)
        for stream in streams
    }
