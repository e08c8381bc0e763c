"""Times for people: GMT first, local in brackets, relative last. GMT is UTC, all year."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from interlock.answers import times
from interlock.answers.times import DAYS, instant, relative

WIDTH_DEFAULT = 100


@dataclass(frozen=True, slots=True)
class Scene:
    """What rendering depends on besides the answer.

    `now` is the instant of the answer (a past one under `--at`), `width` the columns, `local` this
    machine's zone as a function (None: show GMT only), `me` who is logged in, `pages` the address
    under which a thing can be opened.
    """

    now: datetime
    width: int = WIDTH_DEFAULT
    local: Callable[[datetime], datetime] | None = None
    me: str | None = None
    pages: str = ""


def clock(at: datetime) -> str:
    """Return the time of day, with seconds only where there are any: "09:00", "00:00:02"."""
    return at.strftime("%H:%M:%S" if at.second else "%H:%M")


def day(at: datetime) -> str:
    """Return "Sat 2026-11-28"."""
    return f"{DAYS[at.weekday()]} {at:%Y-%m-%d}"


def moment(value: object, scene: Scene, *, units: int = 3) -> str:
    """Return the whole of it: "Sat 2026-11-28 09:00 GMT (10:00 CET, in 1 d 18 h 55 m)"."""
    at = instant(value)
    if at is None:
        return "at an unknown time"
    aside = [relative(at, scene.now, units)]
    here = local_clock(at, scene)
    if here:
        aside.insert(0, here)
    return f"{day(at)} {at:%H:%M} GMT ({', '.join(aside)})"


def local_clock(at: datetime, scene: Scene) -> str:
    """Return the local time where it differs from GMT: "10:00 CET", with the day where that differs too."""
    if scene.local is None:
        return ""
    here = scene.local(at)
    if here.utcoffset() == timedelta(0):
        return ""
    date = "" if here.date() == at.date() else f"{DAYS[here.weekday()]} "
    return f"{date}{here:%H:%M} {here.tzname() or ''}".rstrip()


def brief(value: object, scene: Scene) -> str:
    """Return what fits into a column."""
    return times.brief(value, scene.now)


def ago(value: object, scene: Scene) -> str:
    """Return "2 h ago" or "in 9 m", in at most two units."""
    at = instant(value)
    return "–" if at is None else relative(at, scene.now, 2)


def until(value: object, after: object, scene: Scene) -> str:
    """Return an end: only the time of day where it ends on the day on which it began."""
    end, begin = instant(value), instant(after)
    if end is None:
        return "–"
    if begin is not None and begin.date() == end.date():
        return clock(end)
    return f"{DAYS[end.weekday()]} {end:%Y-%m-%d %H:%M} GMT" if begin is not None else moment(end, scene)
