"""Every recorded decision again under another policy, with the exact situation of its moment; nothing is written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from interlock.domain.again import Given, Known, Said, question, replay, say, under
from interlock.events.decision import Decision
from interlock.events.envelope import Recorded
from interlock.events.fact import fact


@fact
class Simulated:
    """One command of the record under two policies. `before` is by its own, `after` by the other one.

    `flips` says in words what would have been otherwise; None where nothing that counts.
    """

    position: int
    events: int
    at: datetime
    by: str
    kind: str
    known: Known
    before: Decision | None = None
    after: Decision | None = None
    flips: str | None = None


def simulate(events: Iterable[Recorded[Any]], document: dict[str, Any]) -> Iterator[Simulated]:
    """Decide a whole log again, from its first event, as if `document` had been the policy all the time."""
    return (_simulated(given, document) for given in replay(events))


def _simulated(given: Given, document: dict[str, Any]) -> Simulated:
    asked = question(given)
    shared: dict[str, Any] = {
        "position": given.position, "events": len(given.events), "at": given.now, "by": given.actor.id,
        "kind": given.events[0].type, "known": asked.known,
    }  # fmt: skip
    if asked.said is None:
        return Simulated(**shared)
    after, _ = say(under(given.admitted(asked.command), document), given, asked.command)
    return Simulated(**shared, before=asked.said.told, after=after.told, flips=_flip(asked.said, after))


def _flip(before: Said, after: Said) -> str | None:
    if after.error is not None:
        return f"it could not have been asked: {after.error}" if before.error is None else None
    if before.told is None or after.told is None:
        return None
    if before.told.result != after.told.result:
        return f"{before.told.result}, and would have been {after.told.result}"
    was, would = dict(before.decisions), dict(after.decisions)
    for name in (*was, *would):
        if (name in was) != (name in would):
            return f"{name} would {'have' if name in would else 'not have'} followed"
    if before.told.allowed and (before.told.allowed_at is None) != (after.told.allowed_at is None):
        return f"allowed, and would {'' if after.told.allowed_at else 'not '}have waited for the window"
    return None
