"""Instants and lengths as people type them: GMT where no zone is given."""

from __future__ import annotations

import re
from datetime import UTC, datetime, time, timedelta

from interlock.cli import seams
from interlock.cli.exits import USAGE, Halt

LENGTH = re.compile(r"^(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?$")


def parse_instant(text: str, where: str, *, today: datetime | None = None) -> datetime:
    """Return "2026-11-14T10:30:00Z", "2026-11-14 10:30" (GMT), or "10:30" (today) as an instant. Raises Halt."""
    words = text.strip().removesuffix(" GMT").removesuffix(" UTC")
    try:
        if re.fullmatch(r"\d{1,2}:\d{2}(:\d{2})?", words):
            return datetime.combine((today or seams.now()).date(), time.fromisoformat(words.zfill(5)), UTC)
        found = datetime.fromisoformat(words)
    except ValueError:
        raise Halt(
            f"{where}: {text!r} is no instant",
            code=USAGE,
            why='write it as in "2026-11-14 10:30" (GMT), or with a zone',
        ) from None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def rfc3339(instant: datetime) -> str:
    """Return the instant as the API takes it."""
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")


def at_query(text: str) -> str:
    """Return `--at` as the API takes it: a position ("15002", "@15,002") or an instant."""
    digits = text.strip().removeprefix("@").replace(",", "")
    return digits if digits.isdigit() else rfc3339(parse_instant(text, "--at"))


def parse_length(text: str, where: str) -> timedelta:
    """Return "30m", "2h", "1d12h", "90s" as a length. Raises Halt (usage)."""
    found = LENGTH.fullmatch(text.strip().replace(" ", ""))
    if found is None or not any(found.groups()):
        raise Halt(f"{where}: {text!r} is no length of time", code=USAGE, why='write it as in "30m", "2h" or "1d12h"')
    days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
