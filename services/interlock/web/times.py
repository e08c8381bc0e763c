"""Times for people: GMT first, which is UTC all year, and beside it how long it is until then."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from markupsafe import Markup

DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
RECENT: Final = timedelta(days=6)
MINUTE: Final = 60


def instant(value: object) -> datetime | None:
    """Return an RFC 3339 text of an answer as an instant in UTC; None where there is none."""
    if isinstance(value, datetime):
        return value.astimezone(UTC)
    if not isinstance(value, str) or not value:
        return None
    return datetime.fromisoformat(value).astimezone(UTC)


def span(length: timedelta, units: int = 2) -> str:
    """Return a length as in "1 d 18 h", "2 h", "38 s": its first `units` units, zeros at the end left out."""
    seconds = int(abs(length).total_seconds())
    if seconds < MINUTE:
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


def whole(at: datetime) -> str:
    """Return "Sat 2026-11-28 09:00 GMT", with seconds where there are any."""
    return f"{DAYS[at.weekday()]} {at:%Y-%m-%d %H:%M}{f':{at:%S}' if at.second else ''} GMT"


class Times:
    """Times as seen at `now`, the answer's instant. Each method returns HTML, or text where it says so."""

    def __init__(self, now: datetime) -> None:
        """Look from `now`."""
        self.now = now

    def brief(self, value: object) -> str:
        """Return text for a column: "14:02" today, "Sat 09:14" this week, "11-25 07:12", or with its year."""
        at = instant(value)
        if at is None:
            return "–"
        if at.date() == self.now.date():
            return f"{at:%H:%M}"
        if abs(at - self.now) < RECENT:
            return f"{DAYS[at.weekday()]} {at:%H:%M}"
        return f"{at:%m-%d %H:%M}" if at.year == self.now.year else f"{at:%Y-%m-%d %H:%M}"

    def when(self, value: object) -> Markup:
        """Return a short time whose whole form is its title."""
        return self._time(value, self.brief(value))

    def moment(self, value: object) -> Markup:
        """Return the whole of it: day, date, time, GMT."""
        at = instant(value)
        return self._time(value, whole(at) if at is not None else "–")

    def stamp(self, value: object) -> str:
        """Return text as people type a moment: "2026-11-14 10:30"; "" where there is none."""
        at = instant(value)
        return "" if at is None else f"{at:%Y-%m-%d %H:%M}" + (f":{at:%S}" if at.second else "")

    def until(self, value: object, units: int = 2) -> Markup:
        """Return "in 1 d 18 h", "9 m ago" or "now", which the page keeps up."""
        at = instant(value)
        if at is None:
            return Markup("–")
        return Markup('<span class="rel" data-rel="{}" data-units="{}">{}</span>').format(
            _rfc3339(at), units, self.relative(at, units)
        )

    def due(self, value: object) -> Markup:
        """Return what is left until a moment, after which the page looks again by itself."""
        at = instant(value)
        if at is None:
            return Markup("–")
        return Markup('<span class="rel" data-rel="{}" data-units="2" data-due>{}</span>').format(
            _rfc3339(at), self.relative(at, 2)
        )

    def relative(self, at: datetime, units: int = 2) -> str:
        """Return text: "in 1 d 18 h", "2 h ago" or "now"."""
        if at == self.now:
            return "now"
        return f"in {span(at - self.now, units)}" if at > self.now else f"{span(self.now - at, units)} ago"

    def length(self, seconds: object, units: int = 2) -> str:
        """Return text: so many seconds as people say it."""
        return span(timedelta(seconds=float(str(seconds))), units)

    def brief_ms(self, ms: int) -> str:
        """Return text: a short length, as in "17 ms", "38.2 s"."""
        return f"{ms} ms" if ms < 1_000 else f"{ms / 1_000:.1f} s" if ms < 60_000 else span(timedelta(milliseconds=ms))

    def between(self, begin: object, end: object, units: int = 2) -> str:
        """Return text: how long it was from one moment to the other, or until now."""
        first, last = instant(begin), instant(end) or self.now
        return "–" if first is None else span(last - first, units)

    def share(self, begin: object, end: object) -> int:
        """Return how much of the time from `begin` to `end` is over, in percent."""
        first, last = instant(begin), instant(end)
        if first is None or last is None or last <= first:
            return 100
        return max(0, min(100, round(100 * (self.now - first) / (last - first))))

    def over(self, value: object) -> bool:
        """Tell whether the moment is past."""
        at = instant(value)
        return at is not None and at < self.now

    def latest(self, values: Sequence[object]) -> datetime | None:
        """Return the latest of the moments that are known."""
        return max((at for at in map(instant, values) if at is not None), default=None)

    def _time(self, value: object, shown: str) -> Markup:
        at = instant(value)
        if at is None:
            return Markup('<span class="none">–</span>')
        return Markup('<time datetime="{}" title="{}, {}">{}</time>').format(
            _rfc3339(at), whole(at), self.relative(at), shown
        )


def _rfc3339(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")
