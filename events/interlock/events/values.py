"""The values that events and commands are made of, each with its limits."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Literal

from msgspec import Meta
from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints

TEXT_CHARACTERS_MAX = 4_000
LINE_CHARACTERS_MAX = 300
INTEGER_MAX = 2**53 - 1

RFC_3339 = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?(Z|[+-][0-9]{2}:[0-9]{2})")
# C0 without tab and line feed, DEL, C1 (a terminal obeys them too), lone surrogates.
NOT_PRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


class InstantWithoutZone(ValueError):
    """an instant needs a time zone, as in 2026-11-28T09:00:00Z"""


class InstantWritten(ValueError):
    """an instant is a text such as 2026-11-28T09:00:00Z, with at most six digits after the seconds"""


class InstantOutOfRange(ValueError):
    """an instant lies between the years 1970 and 9000"""


class ControlCharacter(ValueError):
    """a text may hold no control characters other than tab and line feed"""


class MoreThanOneLine(ValueError):
    """a text here is one line: it may hold no tab and no line feed"""


def in_utc(instant: datetime) -> datetime:
    """Return `instant` in UTC; raise where it names no zone or is out of range."""
    if instant.tzinfo is None:
        raise InstantWithoutZone(InstantWithoutZone.__doc__)
    # Before and after: neither may the conversion overflow, nor its result lie outside.
    if not 1970 <= instant.year <= 9000 or not 1970 <= (converted := instant.astimezone(UTC)).year <= 9000:
        raise InstantOutOfRange(InstantOutOfRange.__doc__)
    return converted


def written_out(instant: object) -> object:
    """Return the instant that a text is, any other value as it came; raise where the text is not as RFC 3339 has it."""
    if not isinstance(instant, str):
        return instant
    if RFC_3339.fullmatch(instant + "Z"):
        raise InstantWithoutZone(InstantWithoutZone.__doc__)
    try:
        if RFC_3339.fullmatch(instant):
            return datetime.fromisoformat(instant)
    except ValueError:
        # A thirteenth month, say: it looks right and is no instant.
        pass
    raise InstantWritten(InstantWritten.__doc__)


def printable(text: str) -> str:
    """Return `text`; raise where it holds NUL or another control character, or a lone surrogate."""
    if NOT_PRINTABLE.search(text):
        raise ControlCharacter(ControlCharacter.__doc__)
    return text


def one_line(text: str) -> str:
    """Return `text`; raise where it would not stay on its line."""
    if "\n" in text or "\t" in text:
        raise MoreThanOneLine(MoreThanOneLine.__doc__)
    return printable(text)


Instant = Annotated[datetime, BeforeValidator(written_out), AfterValidator(in_utc)]
Digest = Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$")]
Sha = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{7,64}$")]
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+-]{0,63}$")]
PrincipalId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._@+-]{0,63}$")]
Line = Annotated[str, StringConstraints(min_length=1, max_length=LINE_CHARACTERS_MAX), AfterValidator(one_line)]
Text = Annotated[str, StringConstraints(min_length=1, max_length=TEXT_CHARACTERS_MAX), AfterValidator(printable)]
# An integer as it is stored; the second word of the next two is what an edge lets in.
Integer = Annotated[int, Meta(ge=-INTEGER_MAX, le=INTEGER_MAX)]
Count = Annotated[Integer, Field(ge=0, le=INTEGER_MAX)]
Positive = Annotated[Integer, Field(ge=1, le=INTEGER_MAX)]

ReleaseKind = Literal["normal", "hotfix"]
Intent = Literal["promote", "redeploy", "rollback"]
EnvironmentLeft = Literal["unchanged", "partial", "unknown", "other"]
StatedContent = Literal["content", "empty", "mixed"]
LeaseKind = Literal["deploy", "test-run", "restore", "migration", "adjustment"]
Risk = Literal["normal", "high"]
QAScope = Literal["team", "core-and-affected"]
Trigger = Literal["manual", "scheduled"]
Purpose = Literal["development", "tests", "manual-qa", "rehearsal", "production"]
Severity = Literal["low", "medium", "high", "critical"]
Role = Literal["developer", "tester", "reviewer", "verifier", "release-manager", "runner", "auditor", "administrator"]
