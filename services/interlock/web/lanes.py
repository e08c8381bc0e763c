"""A lane of time: what was in an environment, drawn as one bar after the other, with a table that says the same."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final

from interlock.answers.times import DAYS, instant
from interlock.web.asked import Document

# The drawing's own units; it is as wide as its place.
WIDTH: Final = 1000
BAR_MIN: Final = 2.0
# A label is drawn where it fits: so many units a character.
CHARACTER: Final = 9.0
DAYS_SHOWN_MAX: Final = 14
TICKS_MAX: Final = 8


def lane(occupants: Sequence[Document], now: str) -> dict[str, Any] | None:
    """Return bars and ticks from the oldest of `occupants` (the newest first) to `now`; None where nothing was there.

    A bar's state is the occupancy's: occupied, deploying, unsure, mixed, empty. At most DAYS_SHOWN_MAX days are drawn.
    """
    end = instant(now)
    starts = [at for at in (instant(each["since"]) for each in occupants) if at is not None]
    if end is None or not starts:
        return None
    begin = max(min(starts), end - timedelta(days=DAYS_SHOWN_MAX))
    length = max((end - begin).total_seconds(), 1.0)
    bars = []
    for each in reversed(occupants):
        since, until = instant(each["since"]) or begin, instant(each.get("until")) or end
        if until < begin:
            continue
        left = WIDTH * (max(since, begin) - begin).total_seconds() / length
        width = max(BAR_MIN, WIDTH * (until - max(since, begin)).total_seconds() / length)
        label = str(each.get("release") or each["state"])
        bars.append(
            {
                "x": round(left, 1),
                "width": round(min(width, WIDTH - left), 1),
                "state": each["state"],
                "label": label if width > CHARACTER * len(label) else "",
                "release": each.get("release"),
                "since": each["since"],
                "until": each.get("until"),
            }
        )
    return {"begin": begin.isoformat(), "end": end.isoformat(), "bars": bars, "ticks": _ticks(begin, end, length)}


def _ticks(begin: Any, end: Any, length: float) -> list[dict[str, Any]]:
    """Midnights, or every few of them."""
    days = (end - begin).days + 1
    every = max(1, -(-days // TICKS_MAX))
    midnight = begin.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    ticks = []
    while midnight < end:
        x = round(WIDTH * (midnight - begin).total_seconds() / length, 1)
        ticks.append({"x": x, "label": f"{DAYS[midnight.weekday()]} {midnight:%d}"})
        midnight += timedelta(days=every)
    return ticks
