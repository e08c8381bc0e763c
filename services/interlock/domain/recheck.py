"""Every recorded decision again under its own policy: any difference is a defect, here or in the record."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from interlock.domain.again import Given, Known, Said, essence, question, recorded, replay
from interlock.events.decision import Decision
from interlock.events.envelope import Recorded
from interlock.events.fact import fact


@fact
class Checked:
    """One command of the record, decided again. `differs` says in words in what; None where in nothing."""

    position: int
    events: int
    at: datetime
    by: str
    kind: str
    known: Known
    recorded: Decision | None
    again: Decision | None = None
    differs: str | None = None


def recheck(events: Iterable[Recorded[Any]]) -> Iterator[Checked]:
    """Decide a whole log again, command by command, from its first event."""
    return map(_checked, replay(events))


def _checked(given: Given) -> Checked:
    was, asked = recorded(given), question(given)
    first = given.events[0]
    again = asked.said
    return Checked(
        position=given.position,
        events=len(given.events),
        at=given.now,
        by=given.actor.id,
        kind=first.type,
        known=asked.known,
        recorded=was.told,
        again=again.told if again is not None else None,
        differs=_envelope(given) or (_difference(was, again) if again is not None else None),
    )


def _envelope(given: Given) -> str | None:
    """What the events say of the moment of their decision, against what the log before them says."""
    for offset, each in enumerate(given.events):
        if (each.position, each.ordinal) != (given.before.position + 1 + offset, offset):
            return f"@{each.position} is event {each.ordinal} of its command, after @{given.before.position + offset}"
        if each.policy_version != given.before.policy_version:
            return f"it names policy {each.policy_version}; in force was {given.before.policy_version}"
        if (each.command_id, each.recorded_at) != (given.events[0].command_id, given.now):
            return f"@{each.position} has another command or another moment than @{given.position}"
    return None


def _difference(was: Said, again: Said) -> str | None:
    if essence(was) == essence(again):
        return None
    if again.error is not None:
        return f"it cannot have been asked: {again.error}"
    before, after = was.told, again.told
    if before is None or after is None or before.result != after.result:
        return f"recorded as {_result(before)}, again {_result(after)}"
    if was.kinds != again.kinds:
        return f"recorded {_kinds(was)}, again {_kinds(again)}"
    states = {one.check: one.state for one in before.checks}
    states_again = {one.check: one.state for one in after.checks}
    names = [*states, *(name for name in states_again if name not in states)]
    differing = [name for name in names if states.get(name) != states_again.get(name)]
    found = [
        f"{name} was {states.get(name, 'not asked')}, is {states_again.get(name, 'not asked')}" for name in differing
    ]
    return "; ".join(found) or "the decision saw another position or policy"


def _result(decision: Decision | None) -> str:
    return decision.result if decision is not None else "nothing"


def _kinds(said: Said) -> str:
    return ", ".join(kind for _, kind in said.kinds) or "nothing"
