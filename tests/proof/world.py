"""One state of the search: the situation that the shipped rules came to, and what the oracle read in its events.

A step is a command that the shipped `answer` allows (`decide` answers by it, and keeps a refusal), folded by the
shipped `evolve`; what is over is loaded by the shipped `streams_needed`, `closed` and `with_closed`, of which `admit`
consists. Nothing here decides anything.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any
from uuid import UUID

from interlock.domain.commands.governance import ConfirmAsked
from interlock.domain.decide import Submitted, answer
from interlock.domain.decide.case import New
from interlock.domain.due import due
from interlock.domain.errors import InvalidCommand, NotFound
from interlock.domain.evolve import Closed, closed, evolve, with_closed
from interlock.domain.needs import streams_needed
from interlock.domain.situation import EMPTY, Situation
from interlock.events.envelope import Actor, Recorded
from tests.proof.ghost import Wrong
from tests.proof.oracle import NOTHING

MONDAY = datetime(2026, 11, 16, 8, 0, tzinfo=UTC)
WATCH = Actor(id="watch", kind="system")
SERVE = Actor(id="serve", kind="system")
SAME = UUID(int=1)
# What only tells somebody something, and no rule reads: the night, the hour and the reaction that were missed.
ONLY_TOLD = ("RecordMissedTestRun", "RecordMissedLogCheck", "RecordOverdueReaction")
KEPT = ("release/", "problem/", "adjustment/", "policy")
_FOLDED: dict[int, tuple[tuple[Recorded[Any], ...], Closed]] = {}
FOLDED_MAX = 20_000


@dataclass(slots=True)
class State:
    """Where the search stands. `streams` are the events of releases and problems, for the day they are loaded again."""

    situation: Situation
    ghost: Any
    now: datetime
    left: int
    streams: dict[str, tuple[Recorded[Any], ...]]
    parts: tuple[list[Any], list[int]] | None = None


def person(name: str) -> Actor:
    """One of the four, or the service."""
    return Actor(id=name, kind="service" if name == "ci-1" else "person")


def record(state: State, actor: Actor, facts: Iterable[New]) -> State:
    """The state after these facts; the oracle reads each of them. Raises Wrong where it finds one wrong."""
    situation, ghost, streams = state.situation, state.ghost, state.streams
    for ordinal, new in enumerate(facts):
        stream = new.stream
        kept = stream.startswith(KEPT)
        before = streams.get(stream, ()) if kept else ()
        recorded = Recorded(
            project="proof",
            position=situation.position + 1,
            id=SAME,
            type=type(new.event).__name__,
            schema=1,
            stream=stream,
            version=len(before) + 1 if kept else situation.versions.get(stream, 0) + 1,
            recorded_at=state.now,
            occurred_at=state.now,
            actor=actor,
            command_id=SAME,
            ordinal=ordinal,
            request_hash="",
            causation=None,
            correlation=None,
            policy_version=situation.policy_version,
            event=new.event,
        )
        if kept:
            streams = {**streams, stream: (*before, recorded)}
        situation = evolve(situation, recorded)
        ghost = ghost.read(recorded)
    return State(situation, ghost, state.now, state.left, streams)


def loaded(state: State, command: Any) -> Situation:
    """The situation as the decision sees it."""
    seen, asked = state.situation, set[str]()
    while wanted := [stream for stream in streams_needed(seen, command) if stream not in asked]:
        for stream in wanted:
            seen = with_closed(seen, stream, closed_now(stream, state.streams.get(stream, ())))
        asked.update(wanted)
    return seen


def closed_now(stream: str, events: tuple[Recorded[Any], ...]) -> Closed:
    """What the stream came to; the same events are folded once."""
    known = _FOLDED.get(id(events))
    if known is None or known[0] is not events:
        if len(_FOLDED) > FOLDED_MAX:
            _FOLDED.clear()
        known = _FOLDED[id(events)] = (events, closed(stream, events))
    return known[1]


def give(state: State, actor: Actor, command: Any) -> State | None:
    """The state after the command; None where it is refused, impossible, or changes nothing."""
    try:
        ruled = answer(loaded(state, command), Submitted(command=command, actor=actor), state.now)
    except (NotFound, InvalidCommand):
        return None
    if not ruled.decision.allowed or not ruled.facts:
        return None
    return record(state, actor, ruled.facts)


def confirmed(state: State | None, second: Actor) -> State | None:
    """The same after the second person's word, where one is asked for."""
    if state is None or not state.situation.asks:
        return state
    return give(state, second, ConfirmAsked(ask=next(reversed(state.situation.asks))))


def due_now(state: State) -> tuple[Any, ...]:
    """What the watch would do now, without what only tells."""
    return tuple(command for command in due(state.situation, state.now) if type(command).__name__ not in ONLY_TOLD)


def later(state: State, moment: datetime) -> State:
    """The same at a later moment."""
    return State(state.situation, state.ghost, moment, state.left, state.streams)


@cache
def is_open(now: datetime) -> bool:
    """Whether a normal release may start in production, by the clock alone."""
    return now.weekday() >= 5 and 9 <= now.hour < 12


@cache
def next_opening(now: datetime) -> datetime:
    """The next Saturday at nine."""
    nine = now.replace(hour=9, minute=0, second=0, microsecond=0)
    ahead = (5 - now.weekday()) % 7
    moment = nine + timedelta(days=ahead)
    return moment if moment > now else moment + timedelta(days=7)


def nothing() -> State:
    """Before anything happened."""
    return State(EMPTY, NOTHING, MONDAY, 0, {})


__all__ = [
    "MONDAY",
    "SERVE",
    "WATCH",
    "State",
    "Wrong",
    "confirmed",
    "due_now",
    "give",
    "is_open",
    "later",
    "loaded",
    "next_opening",
    "nothing",
    "person",
    "record",
]
