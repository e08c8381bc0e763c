"""What every feed has to be tested with: a way to record events, and the feed over them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from interlock.events.catalogue.release import ReleaseHeld
from interlock.events.envelope import Recorded
from interlock.feed import Feed
from interlock.ledger import Ledger, Row
from tests.fixtures.server import BEGINS
from tests.ledger.rows import stamp
from tests.projections.tape import Tape, made_id


class Recording(Protocol):
    """Records events so that the feed brings them."""

    async def __call__(self, project: str, count: int) -> list[int]:
        """Record so many events in one batch; return their positions."""


@dataclass
class Tried:
    """One implementation under test."""

    record: Recording
    open: Callable[[], AbstractAsyncContextManager[Feed]]


def rows(events: list[Recorded[Any]]) -> list[Row]:
    """Recorded events as the ledger takes them."""
    counts: dict[Any, int] = {}
    for event in events:
        counts[event.command_id] = counts.get(event.command_id, 0) + 1
    return [
        Row(
            event.position,
            event.stream,
            event.version,
            event.type,
            event.recorded_at,
            event.raw,
            *((event.command_id, event.request_hash, counts[event.command_id]) if event.ordinal == 0 else ()),
        )
        for event in events
    ]


def holds(project: str, first: int, count: int, now: datetime = BEGINS) -> list[Recorded[Any]]:
    """So many holds of releases nobody knows, from position `first` on."""
    tape = Tape(project, first=first, now=now)
    for number in range(first, first + count):
        tape.add(f"release/4.{number}.0", ReleaseHeld(reason="wait"), minutes=0)
    return tape.events


async def record_in(ledger: Ledger, project: str, count: int) -> list[int]:
    """Append so many holds of releases nobody knows."""
    head = await ledger.head(project)
    events = holds(project, head.position + 1, count, stamp(head))
    await ledger.append(project, rows(events))
    assert all(event.command_id == made_id("command", event.position) for event in events)
    return [event.position for event in events]


async def sleep(seconds: float) -> None:
    """Real sleep, as `interlock.events.seams.Sleep`."""
    await asyncio.sleep(seconds)
