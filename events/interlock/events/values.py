"""The values that events and commands are made of, each with its limits."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints

NAME_CHARACTERS_MAX = 64
TEXT_CHARACTERS_MAX = 4_000
LINE_CHARACTERS_MAX = 300
LIST_ITEMS_MAX = 200
INTEGER_MAX = 2**53 - 1


class InstantWithoutZone(ValueError):
    """an instant needs a time zone, as in 2026-11-28T09:00:00Z"""


class InstantOutOfRange(ValueError):
    """an instant lies between the years 1970 and 9000"""


class ControlCharacter(ValueError):
    """a text may hold no control characters other than tab and line feed"""


def in_utc(instant: datetime) -> datetime:
    """Return `instant` in UTC; raise where it names no zone or is out of range."""
    if instant.tzinfo is None:
        raise InstantWithoutZone(InstantWithoutZone.__doc__)
    if not 1970 <= instant.year <= 9000:
        raise InstantOutOfRange(InstantOutOfRange.__doc__)
    return instant.astimezone(UTC)


def printable(text: str) -> str:
    """Return `text`; raise where it holds NUL or another control character, or a lone surrogate."""
    if any(
        (character < " " and character not in "\t\n") or "\ud800" <= character <= "\udfff" or character == "\x7f"
        for character in text
    ):
        raise ControlCharacter(ControlCharacter.__doc__)
    return text


Instant = Annotated[datetime, AfterValidator(in_utc)]
Digest = Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$")]
Sha = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{7,64}$")]
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+-]{0,63}$")]
PrincipalId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._@+-]{0,63}$")]
Line = Annotated[str, StringConstraints(min_length=1, max_length=LINE_CHARACTERS_MAX), AfterValidator(printable)]
Text = Annotated[str, StringConstraints(min_length=1, max_length=TEXT_CHARACTERS_MAX), AfterValidator(printable)]
Count = Annotated[int, Field(ge=0, le=INTEGER_MAX)]
Positive = Annotated[int, Field(ge=1, le=INTEGER_MAX)]

ReleaseKind = Literal["normal", "hotfix"]
Intent = Literal["promote", "redeploy", "rollback"]
EnvironmentLeft = Literal["unchanged", "partial", "unknown", "other"]
StatedContent = Literal["content", "empty", "mixed"]
LeaseKind = Literal["deploy", "test-run", "restore", "migration"]
QAScope = Literal["team", "core-and-affected"]
Trigger = Literal["manual", "scheduled"]
Purpose = Literal["development", "tests", "manual-qa", "rehearsal", "production"]
Severity = Literal["low", "medium", "high", "critical"]
Role = Literal["developer", "tester", "reviewer", "verifier", "release-manager", "runner", "auditor", "administrator"]
