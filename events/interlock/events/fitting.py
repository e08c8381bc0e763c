"""Whether one value fits its field, and what it is on the other side: in the fact, in the JSON object."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import orjson

from interlock.events.canonical import OutsideProfile, canonical
from interlock.events.values import in_utc

Convert = Callable[[Any], Any]

INSTANT_LENGTHS = frozenset({len("2026-11-28T09:00:00Z"), len("2026-11-28T09:00:00.000123Z")})
# Instants repeat: a batch has one, and its deadlines are round.
INSTANTS_REMEMBERED_MAX = 4_096
SCALARS: Mapping[type[Any], str] = {str: "a text", int: "an integer", bool: "true or false"}


class Misfit(ValueError):
    """a value does not fit its field"""

    def __init__(self, what: str, path: str = "") -> None:
        """Take what is wrong, and the path to it."""
        super().__init__(what)
        self.what = what
        self.path = path

    def within(self, outer: str) -> Misfit:
        """Return the same, seen from the field `outer` that holds it."""
        dot = "." if self.path and not self.path.startswith("[") else ""
        return Misfit(self.what, f"{outer}{dot}{self.path}")

    def __str__(self) -> str:
        """The path, and what is wrong there."""
        return f"{self.path}: {self.what}" if self.path else self.what


def instant_text(at: datetime) -> str:
    """Return RFC 3339 in UTC with Z, microseconds only where they are not zero. Raises Misfit."""
    try:
        # Only in UTC may instants be remembered: elsewhere two that differ by an hour (fold) are equal keys.
        return _utc_text(at if at.tzinfo is UTC else in_utc(at))
    except ValueError as error:
        raise Misfit(str(error)) from None


@lru_cache(maxsize=INSTANTS_REMEMBERED_MAX)
def _utc_text(at: datetime) -> str:
    return in_utc(at).isoformat().replace("+00:00", "Z")


@lru_cache(maxsize=INSTANTS_REMEMBERED_MAX)
def instant_of(text: str) -> datetime:
    """Return the instant of a text that `instant_text` wrote. Raises Misfit."""
    try:
        if len(text) in INSTANT_LENGTHS and text[10] == "T" and text[-1] == "Z":
            return in_utc(datetime.fromisoformat(text).astimezone(UTC))
    except ValueError:
        pass
    raise Misfit("an instant looks like 2026-11-28T09:00:00Z")


def kind_of(value: object) -> str:
    """Return what a value is, for a message."""
    return "null" if value is None else type(value).__name__


def each(convert: Convert, values: Sequence[Any]) -> list[Any]:
    """Convert all values; only when one does not fit, look which."""
    try:
        return [convert(value) for value in values]
    except Misfit:
        for index, value in enumerate(values):
            try:
                convert(value)
            except Misfit as misfit:
                raise misfit.within(f"[{index}]") from None
        raise


def exactly(expected: type[Any], called: str) -> Convert:
    """Return a check for values of one type and none of its subclasses: true is no integer."""

    def convert(value: Any) -> Any:
        if type(value) is not expected:
            raise Misfit(f"{called} is expected, not {kind_of(value)}")
        return value

    return convert


def one_of(allowed: frozenset[str]) -> Convert:
    """Return a check for one of these texts."""

    def convert(value: Any) -> Any:
        if type(value) is not str or value not in allowed:
            raise Misfit(f"one of {', '.join(sorted(allowed))} is expected, not {value!r}")
        return value

    return convert


def all_exactly(holder: type[Any], item: type[Any], made: type[Any]) -> Convert:
    """Return a check for an array of scalars, given as a `holder`; it makes a `made` of it."""
    is_holder, is_item = exactly(holder, "an array"), exactly(item, SCALARS[item])

    def convert(values: Any) -> Any:
        if type(values) is not holder:
            is_holder(values)
        for value in values:
            if type(value) is not item:
                each(is_item, values)
        return made(values)

    return convert


def instant_written(value: Any) -> str:
    """Return the text of an instant that a fact holds."""
    if not isinstance(value, datetime):
        raise Misfit(f"an instant is expected, not {kind_of(value)}")
    return instant_text(value)


def json_object(value: Any) -> Any:
    """Return a JSON object whose inside is nobody's class here, such as a policy; it stays as it is."""
    if type(value) is not dict:
        raise Misfit(f"an object is expected, not {kind_of(value)}")
    try:
        same: bool = orjson.loads(canonical(value)) == value
    except OutsideProfile as outside:
        raise Misfit(outside.what, outside.field) from None
    if not same:
        # A desk would decide on the tuple now, and on the list after it was started again.
        raise Misfit("an array in here is a list, not a tuple")
    return value


def instant_read(value: Any) -> datetime:
    """Return the instant of a text that a JSON object holds."""
    if type(value) is not str:
        raise Misfit(f"an instant is expected, not {kind_of(value)}")
    return instant_of(value)
