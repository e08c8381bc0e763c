"""Whom and what an event is about, by the names it holds."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from typing import Any

from interlock.events.catalogue.refusals import ActionRefused
from interlock.events.envelope import Recorded

RELEASE_FIELDS = ("release", "replaced_release", "base_release", "source_release", "fixed_by_release")
PERSON_FIELDS = (
    "author", "executor", "holder", "reporter", "asked_by", "confirmed_by", "second_person", "principal",
    "operator", "executed_by",
)  # fmt: skip
# "deploy 4.12.0 to production": how an action names its environment.
_WHERE = re.compile(r" (?:to|in|from) ([A-Za-z0-9][A-Za-z0-9._+-]{0,63})\b")
# "adjustment ADJ-7", "rehearsal ADJ-7": how a lease of the kind adjustment names what it is for.
_LEASED_FOR = re.compile(r"^(?:adjustment|rehearsal) ([A-Za-z0-9][A-Za-z0-9._+-]{0,63})$")


def releases(recorded: Recorded[Any]) -> tuple[str, ...]:
    """Return the releases that an event is about, its own first."""
    event = recorded.event
    named = [
        of_stream(recorded, "release"),
        *(getattr(event, field) for field in _there(event.__class__, RELEASE_FIELDS)),
    ]
    if recorded.type == "ReleaseSuperseded":
        named.append(event.by)
    return _once(named)


def environments(recorded: Recorded[Any]) -> tuple[str, ...]:
    """Return the environments that an event is about, its own first."""
    event = recorded.event
    named = [of_stream(recorded, "environment"), getattr(event, "environment", None)]
    if recorded.type in {"DataRestored", "DataRestoreFailed"}:
        named.append(event.source)
    if recorded.type in {"DataAdjustRequested", "DataAdjustAmended"}:
        named.append(event.plan.targets.environment)
    if isinstance(event, ActionRefused):
        named += _WHERE.findall(event.action)
    return _once(named)


def problems(recorded: Recorded[Any]) -> tuple[str, ...]:
    """Return the problems that an event is about, its own first."""
    event = recorded.event
    named = [of_stream(recorded, "problem"), getattr(event, "problem", None)]
    return _once([*named, *getattr(event, "problems", ()), *getattr(event, "fixes", ())])


def adjustments(recorded: Recorded[Any]) -> tuple[str, ...]:
    """Return the adjustments that an event is about, its own first."""
    event = recorded.event
    named = [of_stream(recorded, "adjustment"), getattr(event, "adjustment", None), leased_for(recorded)]
    named.append(getattr(event, "reverts", None))
    if recorded.type == "DataAdjustReverted":
        named.append(event.by)
    return _once(named)


def leased_for(recorded: Recorded[Any]) -> str | None:
    """Return the adjustment that a lease was granted for, where it was for one."""
    event = recorded.event
    if recorded.type != "LeaseGranted" or event.kind != "adjustment":
        return None
    found = _LEASED_FOR.match(event.subject)
    return found.group(1) if found else None


def persons(recorded: Recorded[Any]) -> tuple[str, ...]:
    """Return the principals that an event names, who did it first."""
    event = recorded.event
    named = [recorded.actor.id, *(getattr(event, field) for field in _there(event.__class__, PERSON_FIELDS))]
    return _once([*named, *getattr(event, "founders", ())])


def of_stream(recorded: Recorded[Any], family: str) -> str | None:
    """Return the name in the event's stream, or in what a refused action was about, where that is a `family`."""
    about = recorded.event.subject if type(recorded.event) is ActionRefused else recorded.stream
    if not about.startswith(family):
        return None
    kind, _, name = about.partition("/")
    return name if kind == family and name else None


@cache
def _there(event: Any, fields: tuple[str, ...]) -> tuple[str, ...]:
    """Those of the fields that this type of event has: to ask each event for all of them costs more than to answer."""
    return tuple(field for field in fields if hasattr(event, field))


def _once(named: Iterable[str | None]) -> tuple[str, ...]:
    found = dict.fromkeys(named)
    found.pop(None, None)
    return tuple(found)  # type: ignore[arg-type]
