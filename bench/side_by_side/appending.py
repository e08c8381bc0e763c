"""The ledger's group commit with command ids, and nothing to decide: the desk with rules of one line."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from time import monotonic, perf_counter
from typing import Any
from uuid import uuid4

from bench.project import ANTON, event_id
from bench.side_by_side.others import PADDING
from bench.timing import Timing
from interlock.desk import Desk, Rules
from interlock.desk.rules import Verdict
from interlock.events.catalogue.ledger import Annotated
from interlock.events.decision import Decision
from interlock.events.envelope import Actor, Recorded
from interlock.ledger import Ledger

PROJECT = "bench"
ASKED = "sha256:asked"


@dataclass(frozen=True, slots=True)
class Note:
    """One event for each stream."""

    streams: tuple[str, ...]


@dataclass(slots=True)
class Noted:
    """A fact for the ledger."""

    stream: str
    event: Any
    occurred_at: datetime | None = None


EVENT = Annotated(target=1, kind="remark", text=PADDING)


def _decide(_situation: int, command: Note, _actor: Actor, _now: datetime) -> Verdict:
    return Verdict([Noted(stream, EVENT) for stream in command.streams], command.streams[0])


def _evolve(_situation: int, recorded: Recorded[Any]) -> int:
    return recorded.position


def _none(_situation: int, _command: Note) -> Sequence[str]:
    return ()


def _same(situation: int, _stream: str, _events: Sequence[Recorded[Any]]) -> int:
    return situation


def _first(_situation: int) -> int:
    return 1


def _why(_decision: Decision) -> str:
    return "check"


def _dump(situation: int) -> bytes:
    return b"%d" % situation


RULES = Rules(
    empty=0,
    decide=_decide,
    evolve=_evolve,
    streams_needed=_none,
    admit=_same,
    policy_version=_first,
    reason_of=_why,
    dump=_dump,
    load=int,
    snapshot_version=1,
)


async def append(dsn: str, callers: int, seconds: float, *, streams: int = 1, hot: bool = False) -> Timing:
    """Let so many callers append under a new command id each: to streams of their own, or all of them to one."""
    ledger = await Ledger.open(dsn)
    desk = Desk(ledger, monotonic=monotonic, event_ids=event_id, rules=RULES)
    label = uuid4().hex[:8]
    await _give(desk, ("warm",))
    gc.collect()
    gc.freeze()
    timing, began = Timing(), perf_counter()

    async def call(number: int) -> None:
        own = tuple(f"{label}-{'hot' if hot else number}-{each}" for each in range(streams))
        while (at := perf_counter()) < began + seconds:
            await _give(desk, own)
            timing.taken.append(perf_counter() - at)

    await asyncio.gather(*(call(number) for number in range(callers)))
    timing.seconds = perf_counter() - began
    gc.unfreeze()
    await desk.close()
    await ledger.close()
    return timing


async def _give(desk: Desk, streams: tuple[str, ...]) -> None:
    answer = await desk.submit(PROJECT, Note(streams), ANTON, command_id=uuid4(), request_hash=ASKED)
    assert answer.status == "accepted", answer
