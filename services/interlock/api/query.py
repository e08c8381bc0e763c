"""What may stand in a query, and what it means: unknown parameters are refused, like unknown fields."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from interlock.events.values import INTEGER_MAX, Name, PrincipalId, in_utc
from interlock.projections.adjustment_chain.queries import State

PAGE_ITEMS_DEFAULT: Final = 50
PAGE_ITEMS_MAX: Final = 500
WINDOWS_MAX: Final = 20
CURSOR_CHARACTERS_MAX: Final = 500
TEXT_CHARACTERS_MAX: Final = 200

_RFC3339: Final = re.compile(
    r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)"
)
_NUMBER: Final = re.compile(r"0|[1-9]\d{0,15}")


class NotAnInstant(ValueError):
    """an instant looks like 2026-11-28T09:00:00Z (RFC 3339, with its zone)"""


class NotANumber(ValueError):
    """a whole number is needed, from 0 to 9007199254740991"""


def instant(text: str) -> datetime:
    """Return the instant that `text` names, in UTC. Raises NotAnInstant, or a ValueError that says what is wrong."""
    if not _RFC3339.fullmatch(text):
        raise NotAnInstant(NotAnInstant.__doc__)
    try:
        return in_utc(datetime.fromisoformat(text))
    except OverflowError as far:
        raise NotAnInstant(NotAnInstant.__doc__) from far


def number(text: str) -> int:
    """Return the whole number that `text` holds in decimal digits; raise NotANumber."""
    if not _NUMBER.fullmatch(text) or int(text) > INTEGER_MAX:
        raise NotANumber(NotANumber.__doc__)
    return int(text)


def _moment(value: Any) -> Any:
    text = str(value)
    return number(text) if text.isascii() and text.isdigit() else instant(text)


def _instant(value: Any) -> Any:
    return instant(str(value))


def _number(value: Any) -> Any:
    return number(str(value))


At = Annotated[
    int | datetime,
    BeforeValidator(_moment),
    WithJsonSchema({"type": "string", "examples": ["2026-11-14T10:30:00Z", "15002"]}),
    Field(description="the moment to look at: an instant (RFC 3339), or a position"),
]
InstantText = Annotated[datetime, BeforeValidator(_instant), WithJsonSchema({"type": "string", "format": "date-time"})]
Number = Annotated[
    int, BeforeValidator(_number), WithJsonSchema({"type": "integer", "minimum": 0, "maximum": INTEGER_MAX})
]
After = Annotated[
    Number, Field(description="wait (up to 2 s) until this position is readable: send the last one you saw")
]
IfAt = Annotated[InstantText, Field(description="a future instant: what would be decided then, as things stand now")]
Limit = Annotated[Number, Field(ge=1, le=PAGE_ITEMS_MAX, description="how many at most on this page")]
Cursor = Annotated[
    str, Field(max_length=CURSOR_CHARACTERS_MAX, description="from the `next_cursor` of the page before")
]


class NoQuery(BaseModel):
    """No parameters."""

    model_config = ConfigDict(extra="forbid")


class Reading(NoQuery):
    """What every read takes."""

    at: At | None = None
    after: After | None = None


class Asking(Reading):
    """A question to the rules, which may also be about the future."""

    if_at: IfAt | None = None


class ReleasesQuery(Reading):
    """Which releases."""

    state: Literal["open", "all"] = "open"
    limit: Limit = PAGE_ITEMS_DEFAULT
    cursor: Cursor | None = None


class ProblemsQuery(ReleasesQuery):
    """Which problems."""

    environment: Name | None = None
    release: Name | None = None


class AdjustmentsQuery(Reading):
    """Which adjustments."""

    state: State = "open"
    limit: Limit = PAGE_ITEMS_DEFAULT
    cursor: Cursor | None = None


class TimelineQuery(Reading):
    """How much of a timeline, and from which end."""

    order: Literal["oldest", "newest"] = "oldest"
    limit: Limit = 200
    cursor: Cursor | None = None


class OccupantsQuery(Reading):
    """How much of an environment's past."""

    limit: Limit = PAGE_ITEMS_DEFAULT
    cursor: Cursor | None = None


class EventsQuery(Reading):
    """Which events. With `after` the oldest come first, from there; without it the newest."""

    release: Name | None = None
    environment: Name | None = None
    problem: Name | None = None
    adjustment: Name | None = None
    person: PrincipalId | None = None
    type: Name | None = None
    text: Annotated[str, Field(min_length=1, max_length=TEXT_CHARACTERS_MAX)] | None = None
    since: InstantText | None = None
    until: InstantText | None = None
    data: Literal["true", "false"] = "false"
    limit: Limit = PAGE_ITEMS_DEFAULT
    cursor: Cursor | None = None


class StoredQuery(NoQuery):
    """From where on, and how many at most."""

    after: Number = 0
    limit: Limit = PAGE_ITEMS_MAX


class ObligationsQuery(Reading):
    """Whose obligations."""

    who: PrincipalId | None = None


class WindowsQuery(NoQuery):
    """From when on, and how many windows."""

    at: At | None = None
    after: After | None = None
    count: Annotated[Number, Field(ge=1, le=WINDOWS_MAX)] = 3


class StreamQuery(NoQuery):
    """From where on; the header Last-Event-ID wins."""

    after: After | None = None
    type: Name | None = None
    release: Name | None = None
