"""Rules of a few lines over real events, for tests of the desk alone: releases are opened, closed and talked about."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from interlock.desk import Rules
from interlock.desk.rules import Verdict
from interlock.domain.errors import NotFound
from interlock.events.catalogue.ledger import Annotated
from interlock.events.catalogue.refusals import ActionRefused
from interlock.events.catalogue.release import ReleaseOpened, ReleaseWithdrawn
from interlock.events.codec import digest_of
from interlock.events.decision import CheckOutcome, Decision
from interlock.events.envelope import Actor, Recorded

ACTOR = Actor(id="anton", kind="person", credential="K-1")


@dataclass(frozen=True)
class Open:
    name: str


@dataclass(frozen=True)
class Close:
    name: str


@dataclass(frozen=True)
class Note:
    """So many remarks; `to` is the stream."""

    text: str = "so it is"
    times: int = 1
    to: str = "annotations"


@dataclass(frozen=True)
class Nothing:
    """Already so."""


@dataclass(frozen=True)
class Wait:
    """Refused before `until`."""

    until: datetime


@dataclass(frozen=True)
class Bug:
    """The rules themselves fail."""


@dataclass(frozen=True)
class New:
    stream: str
    event: Any
    occurred_at: datetime | None = None


@dataclass(frozen=True)
class Tally:
    """What the tiny rules look at; `closed` only for one decision."""

    position: int = 0
    open: frozenset[str] = frozenset()
    closed: frozenset[str] = frozenset()
    notes: int = 0
    refusals: dict[str, int] = field(default_factory=dict)


def evolve(tally: Tally, recorded: Recorded[Any]) -> Tally:
    tally = replace(tally, position=recorded.position)
    match recorded.event:
        case ReleaseOpened(name=name):
            return replace(tally, open=tally.open | {name})
        case ReleaseWithdrawn():
            return replace(tally, open=tally.open - {recorded.stream.removeprefix("release/")})
        case Annotated():
            return replace(tally, notes=tally.notes + 1)
        case ActionRefused(fingerprint=fingerprint):
            return replace(tally, refusals={**tally.refusals, fingerprint: recorded.position})
        case _:
            return tally


def streams_needed(tally: Tally, command: Any) -> Sequence[str]:
    if isinstance(command, Open | Close) and command.name not in tally.open:
        return (f"release/{command.name}",)
    return ()


def admit(tally: Tally, stream: str, events: Sequence[Recorded[Any]]) -> Tally:
    return replace(tally, closed=tally.closed | {stream.removeprefix("release/")}) if events else tally


def refuse(tally: Tally, subject: str, check: str, now: datetime) -> Verdict:
    outcome = CheckOutcome(check=check, state="failed", observed=now.isoformat())
    decision = Decision(
        action=f"do it to {subject}", result="refused", position=tally.position, policy_version=7, checks=(outcome,)
    )
    fingerprint = digest_of({"subject": subject, "check": check})
    if fingerprint in tally.refusals:
        return Verdict((), subject, decision, "check", tally.refusals[fingerprint])
    event = ActionRefused(action="do it", subject=subject, fingerprint=fingerprint, decision=decision)
    return Verdict((New("refusals/anton", event),), subject, decision, "check")


def decide(tally: Tally, command: Any, actor: Actor, now: datetime) -> Verdict:
    match command:
        case Open(name=name):
            subject = f"release/{name}"
            if name in tally.open | tally.closed:
                return refuse(tally, subject, "name-unused", now)
            event = ReleaseOpened(name=name, kind="normal", title=name, author=actor.id)
            return Verdict((New(subject, event), note(f"{name} begins")), subject)
        case Close(name=name):
            if name not in tally.open:
                raise NotFound("release", name)
            return Verdict((New(f"release/{name}", ReleaseWithdrawn(reason="enough")),), f"release/{name}")
        case Note(text=text, times=times, to=to):
            return Verdict([note(text, to)] * times, to)
        case Wait(until=until):
            return refuse(tally, "clock", "late-enough", now) if now < until else Verdict((note("in time"),), "clock")
        case Bug():
            raise ZeroDivisionError("a bug in the rules")
        case _:
            return Verdict((), "annotations")


def note(text: str, to: str = "annotations") -> New:
    return New(to, Annotated(target=1, kind="remark", text=text))


def dump(tally: Tally) -> bytes:
    return json.dumps([tally.position, sorted(tally.open), tally.notes, tally.refusals]).encode()


def load(dumped: bytes) -> Tally:
    position, names, notes, refusals = json.loads(dumped)
    return Tally(position=position, open=frozenset(names), notes=notes, refusals=refusals)


TINY = Rules(
    empty=Tally(),
    decide=decide,
    evolve=evolve,
    streams_needed=streams_needed,
    admit=admit,
    policy_version=lambda tally: 7,
    reason_of=lambda decision: "check",
    dump=dump,
    load=load,
    snapshot_version=1,
)
