"""Times for people: GMT first, which is UTC all year, and beside it how long it is until then."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from markupsafe import Markup

from interlock.answers.times import DAYS, brief, instant, relative, span

MOMENT: Final = Markup('<time datetime="%s" title="%s, %s">%s</time>')
UNTIL: Final = Markup('<span class="rel" data-rel="%s" data-units="%d">%s</span>')
DUE: Final = Markup('<span class="rel" data-rel="%s" data-units="2" data-due>%s</span>')


def whole(at: datetime) -> str:
    """Return "Sat 2026-11-28 09:00 GMT", with seconds where there are any."""
    return f"{DAYS[at.weekday()]} {at:%Y-%m-%d %H:%M}{f':{at:%S}' if at.second else ''} GMT"


class Times:
    """Times as seen at `now`, the answer's instant. Each method returns HTML, or text where it says so."""

    def __init__(self, now: datetime) -> None:
        """Look from `now`."""
        self.now = now
        # The same moment stands in several places of a page.
        self._made: dict[object, Markup] = {}

    def brief(self, value: object) -> str:
        """Return text for a column."""
        return brief(value, self.now)

    def when(self, value: object) -> Markup:
        """Return a short time whose whole form is its title."""
        made = self._made.get(value)
        if made is None:
            made = self._made[value] = self._time(value, self.brief(value))
        return made

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
        return UNTIL % (_rfc3339(at), units, self.relative(at, units))

    def due(self, value: object) -> Markup:
        """Return what is left until a moment, after which the page looks again by itself."""
        at = instant(value)
        if at is None:
            return Markup("–")
        return DUE % (_rfc3339(at), self.relative(at, 2))

    def relative(self, at: datetime, units: int = 2) -> str:
        """Return text: "in 1 d 18 h", "2 h ago" or "now"."""
        return relative(at, self.now, units)

    def length(self, seconds: object, units: int = 2) -> str:
        """Return text: so many seconds as people say it."""
        return span(timedelta(seconds=float(str(seconds))), units)

    def brief_ms(self, ms: int) -> str:
        """Return text: a short length, as in "17 ms", "38.2 s"."""
        return (
            f"{ms} ms" if ms < 1_000 else f"{ms / 1_000:.1f} s" if ms < 60_000 else span(timedelta(milliseconds=ms), 2)
        )

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
        return MOMENT % (_rfc3339(at), whole(at), self.relative(at), shown)


def _rfc3339(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")
