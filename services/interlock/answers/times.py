"""Times in the words that people read, the same in `dt` and on pages. GMT is UTC, all year."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
# A time is told by its day of the week alone where no other such day is meant.
RECENT: Final = timedelta(days=6)
SECONDS_TOLD: Final = 60


def instant(value: object) -> datetime | None:
    """Return an RFC 3339 text of an answer as an instant in UTC; None where there is none."""
    if isinstance(value, datetime):
        return value.astimezone(UTC)
    if not isinstance(value, str) or not value:
        return None
    try:
        found = datetime.fromisoformat(value)
    except ValueError:
        return None
    return found.astimezone(UTC) if found.tzinfo is not None else found.replace(tzinfo=UTC)


def span(length: timedelta, units: int = 3) -> str:
    """Return a length as in "1 d 18 h 55 m", "2 h", "38 s": its first `units` units, zeros at the end left out."""
    seconds = int(abs(length).total_seconds())
    if seconds < SECONDS_TOLD:
        return f"{seconds} s"
    days, rest = divmod(seconds, 86_400)
    hours, rest = divmod(rest, 3_600)
    parts = [(days, "d"), (hours, "h"), (rest // 60, "m")]
    while parts[0][0] == 0:
        parts.pop(0)
    parts = parts[:units]
    while parts[-1][0] == 0:
        parts.pop()
    return " ".join(f"{count} {unit}" for count, unit in parts)


def relative(at: datetime, now: datetime, units: int = 3) -> str:
    """Return "in 1 d 18 h 55 m", "2 h ago" or "now"."""
    if at == now:
        return "now"
    return f"in {span(at - now, units)}" if at > now else f"{span(now - at, units)} ago"


def brief(value: object, now: datetime) -> str:
    """Return what fits into a column: "14:02" today, "Sat 09:14" this week, "11-25 07:12", or with its year."""
    at = instant(value)
    if at is None:
        return "–"
    if at.date() == now.date():
        return f"{at:%H:%M}"
    if abs(at - now) < RECENT:
        return f"{DAYS[at.weekday()]} {at:%H:%M}"
    return f"{at:%m-%d %H:%M}" if at.year == now.year else f"{at:%Y-%m-%d %H:%M}"
