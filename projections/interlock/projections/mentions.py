"""Whom and what an event is about, by the names it holds."""

from __future__ import annotations

import re
from collections.abc import Callable
from operator import attrgetter
from typing import Any

from interlock.events.catalogue.refusals import ActionRefused
from interlock.events.envelope import Recorded

# Names, or, of fields that hold several, tuples of names.
Named = Callable[[Any], tuple[Any, ...]]


class Fields(dict[type, Named]):
    """For each type of event, a function that returns what it holds of these fields, found out once for each type.

    To ask each event for fields that its type does not have costs more than everything else here.
    """

    def __init__(self, *names: str) -> None:
        """Of these fields, in this order."""
        super().__init__()
        self._names = names

    def __missing__(self, cls: type) -> Named:
        """Make the function for a type of event that was not asked for yet."""
        there = [name for name in self._names if hasattr(cls, name)]
        found = self[cls] = _getter(there)
        return found


def _getter(names: list[str]) -> Named:
    if not names:
        return lambda _event: ()
    get: Callable[[Any], Any] = attrgetter(*names)
    return get if len(names) > 1 else lambda event: (get(event),)


RELEASES = Fields("release", "replaced_release", "base_release", "source_release", "fixed_by_release")
ENVIRONMENTS = Fields("environment")
PROBLEMS = Fields("problem")
SEVERAL_PROBLEMS = Fields("problems", "fixes")
ADJUSTMENTS = Fields("adjustment", "reverts")
PERSONS = Fields(
    "author", "executor", "holder", "reporter", "asked_by", "confirmed_by", "second_person", "principal",
    "operator", "executed_by",
)  # fmt: skip
FOUNDERS = Fields("founders")
# "deploy 4.12.0 to production": how an action names its environment.
_WHERE = re.compile(r" (?:to|in|from) ([A-Za-z0-9][A-Za-z0-9._+-]{0,63})\b")
# "adjustment ADJ-7", "rehearsal ADJ-7": how a lease of the kind adjustment names what it is for.
_LEASED_FOR = re.compile(r"^(?:adjustment|rehearsal) ([A-Za-z0-9][A-Za-z0-9._+-]{0,63})$")


def releases(recorded: Recorded[Any]) -> tuple[str, ...]:
    """Return the releases that an event is about, its own first."""
    event = recorded.event
    more = RELEASES[event.__class__](event)
    if recorded.type == "ReleaseSuperseded":
        more = (*more, event.by)
    return _once(of_stream(recorded, "release"), more)


def environments(recorded: Recorded[Any]) -> tuple[str, ...]:
    """Return the environments that an event is about, its own first."""
    event, kind = recorded.event, recorded.type
    more = ENVIRONMENTS[event.__class__](event)
    if kind in {"DataRestored", "DataRestoreFailed"}:
        more = (*more, event.source)
    elif kind in {"DataAdjustRequested", "DataAdjustAmended"}:
        more = (*more, event.plan.targets.environment)
    elif isinstance(event, ActionRefused):
        more = (*more, *_WHERE.findall(event.action))
    return _once(of_stream(recorded, "environment"), more)


def problems(recorded: Recorded[Any]) -> tuple[str, ...]:
    """Return the problems that an event is about, its own first."""
    event = recorded.event
    more = PROBLEMS[event.__class__](event)
    for names in SEVERAL_PROBLEMS[event.__class__](event):
        more = (*more, *names)
    return _once(of_stream(recorded, "problem"), more)


def adjustments(recorded: Recorded[Any]) -> tuple[str, ...]:
    """Return the adjustments that an event is about, its own first."""
    event, kind = recorded.event, recorded.type
    more = ADJUSTMENTS[event.__class__](event)
    if kind == "LeaseGranted":
        more = (*more, leased_for(recorded))
    elif kind == "DataAdjustReverted":
        more = (*more, event.by)
    return _once(of_stream(recorded, "adjustment"), more)


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
    more = PERSONS[event.__class__](event)
    for names in FOUNDERS[event.__class__](event):
        more = (*more, *names)
    return _once(recorded.actor.id, more)


def of_stream(recorded: Recorded[Any], family: str) -> str | None:
    """Return the name in the event's stream, or in what a refused action was about, where that is a `family`."""
    about = recorded.event.subject if recorded.event.__class__ is ActionRefused else recorded.stream
    if not about.startswith(family):
        return None
    kind, _, name = about.partition("/")
    return name if kind == family and name else None


def _once(first: str | None, more: tuple[str | None, ...]) -> tuple[str, ...]:
    """Return the names that are there, each once, in order."""
    if not more:
        return () if first is None else (first,)
    found = dict.fromkeys((first, *more))
    found.pop(None, None)
    return tuple(found)  # type: ignore[arg-type]
