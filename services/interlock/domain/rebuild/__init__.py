"""Which command led to what was recorded: the ledger keeps a command's digest, and its events say the rest.

A command is put together again from its events and from the situation that it met. Where something of it is not in
them, there are several that may have been it; they differ in nothing that the rules look at, and the digest in the
record tells the one that it was.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import MISSING, fields
from itertools import product
from typing import Any

from interlock.domain.commands import COMMANDS
from interlock.domain.rebuild.inputs import LATE, Alternatives, Events, more_of, told
from interlock.domain.rebuild.table import BY_EVENT, BY_TIME
from interlock.domain.situation import Situation
from interlock.events.codec import BrokenEvent, fact_of, request_hash
from interlock.events.envelope import Recorded

CANDIDATES_MAX = 256


def proved(command: Any, events: Events) -> bool:
    """Whether the record's digest is this command's: then it was this one and no other."""
    first = events[0]
    return request_hash(type(command).__name__, command, actor=first.actor.id) == first.request_hash


def candidates(seen: Situation, events: Events) -> tuple[Any, ...]:
    """The commands that may have led to `events`, all events of one, in the situation before; none where none is known.

    The likeliest is the first; one that the digest proves is the only one.
    """
    found: list[Any] = []
    for command in _candidates(seen, events):
        if proved(command, events):
            return (command,)
        found.append(command)
        if len(found) == CANDIDATES_MAX:
            break
    return tuple(found)


def _candidates(seen: Situation, events: Events) -> Iterator[Any]:
    first = events[0]
    types = {recorded.type: recorded for recorded in reversed(events)}
    if first.type in {"ActionRefused", "SecondPersonAsked"}:
        if first.event.command_type in COMMANDS:
            yield fact_of(COMMANDS[first.event.command_type], first.event.command)
    elif first.type == "SecondPersonConfirmed":
        digests = (first.event.bound_digest, None)
        yield from _made("ConfirmAsked", events, {"ask": (first.event.ask,), "bound_digest": digests})
    elif first.actor.kind == "system":
        name = "OpenProject" if first.type == "ProjectOpened" else BY_TIME.get(first.type)
        if name is not None:
            yield from _made(name, events, more_of(name, seen, events))
    else:
        kind = next((kind for kind in BY_EVENT if kind in types), None)
        if kind is not None:
            shown = [types[kind], *(recorded for recorded in events if recorded is not types[kind])]
            for name in (*_late(types[kind]), *BY_EVENT[kind]):
                yield from _made(name, shown, more_of(name, seen, shown))


def _late(recorded: Recorded[Any]) -> tuple[str, ...]:
    """The reports that may have come too late, where that was observed."""
    found = LATE.fullmatch(recorded.event.description) if recorded.type == "FactObserved" else None
    if found is None:
        return ()
    reports = {
        "D": ("ReportDeploySucceeded", "ReportDeployFailed"),
        "S": ("ReportRestored", "ReportRestoreFailed"),
        "M": ("ReportMigrated", "ReportMigrationFailed"),
    }
    return (reports[found["of"][0]][found["said"] == "failed"],)


def _made(name: str, events: Events, more: Alternatives) -> Iterator[Any]:
    """Every command of that name that the events, and `more`, let one make; none where a field is nowhere."""
    cls = COMMANDS[name]
    known: list[Sequence[Any]] = []
    for field in fields(cls):
        values = more[field.name] if field.name in more else told(field.name, events)
        if not values:
            if field.default is MISSING:
                return
            values = (field.default,)
        known.append(tuple(dict.fromkeys(map(_hashable, values))))
    names = [field.name for field in fields(cls)]
    for chosen in product(*known):
        try:
            command = cls(**{field: _as_it_was(value) for field, value in zip(names, chosen, strict=True)})
            request_hash(name, command, actor="")
        except BrokenEvent:
            continue
        yield command


class _Document:
    """A JSON object among values that are compared."""

    def __init__(self, value: dict[str, Any]) -> None:
        self.value = value


def _hashable(value: Any) -> Any:
    return _Document(value) if isinstance(value, dict) else value


def _as_it_was(value: Any) -> Any:
    return value.value if isinstance(value, _Document) else value
