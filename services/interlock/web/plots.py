"""Plots as drawings of numbers: bars with their places, for SVG. Each has a table beside it that says the same."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from interlock.web.asked import Document

# A drawing's own units; it is as wide as its place.
WIDTH: Final = 640
ROW: Final = 26
BAR: Final = 14
LABEL: Final = 150
PARTS: Final = ("working", "person", "window")
WEEK_HEIGHT: Final = 96
ROWS_MAX: Final = 24
# The steps of a scale, in seconds: so that its marks are numbers that people say.
STEPS: Final = (60, 300, 900, 1800, 3600, 3 * 3600, 6 * 3600, 12 * 3600, 86_400, 2 * 86_400, 7 * 86_400, 30 * 86_400)
TICKS_MAX: Final = 5


def spent(rows: Sequence[Document]) -> dict[str, Any] | None:
    """Return a bar for each of the last deployments, in its three parts; None where there is none."""
    shown = rows[-ROWS_MAX:]
    longest = max((row["total_seconds"] for row in shown), default=0)
    if not longest:
        return None
    bars = []
    for at, row in enumerate(shown):
        x = float(LABEL)
        for part in PARTS:
            width = (WIDTH - LABEL) * row[f"{part}_seconds"] / longest
            if width:
                bars.append({"x": round(x, 1), "y": _y(at), "width": round(width, 1), "part": part, "row": at})
            x += width
    return {**_canvas(shown, longest), "bars": bars, "left_out": len(rows) - len(shown)}


def lengths(rows: Sequence[Document]) -> dict[str, Any] | None:
    """Return a bar for each failure: how long it took to recover; one that did not has an open end."""
    shown = rows[-ROWS_MAX:]
    if not shown:
        return None
    longest = max((row["seconds"] or 0 for row in shown), default=0) or 1
    bars = [
        {
            "x": float(LABEL),
            "y": _y(at),
            "width": round((WIDTH - LABEL) * (1 if row["seconds"] is None else row["seconds"] / longest), 1),
            "part": "open" if row["seconds"] is None else "recovered",
            "row": at,
        }
        for at, row in enumerate(shown)
    ]
    return {**_canvas(shown, longest), "bars": bars, "left_out": len(rows) - len(shown)}


def weeks(rows: Sequence[Document]) -> dict[str, Any] | None:
    """Return a column for each week, its failed deployments apart; None where there was no deployment."""
    most = max((row["deployments"] for row in rows), default=0)
    if not most:
        return None
    step = WIDTH / len(rows)
    bars = []
    for at, row in enumerate(rows):
        y = float(WEEK_HEIGHT)
        for part, count in (("good", row["deployments"] - row["failed"]), ("failed", row["failed"])):
            height = (WEEK_HEIGHT - 12) * count / most
            if count:
                bars.append(
                    {
                        "x": round(at * step + step * 0.12, 1),
                        "y": round(y - height, 1),
                        "width": round(step * 0.76, 1),
                        "height": round(height, 1),
                        "part": part,
                        "row": at,
                    }
                )
            y -= height
    every = max(1, -(-len(rows) // 8))
    labels = [{"x": round(at * step + step / 2, 1), "row": at} for at in range(0, len(rows), every)]
    return {"width": WIDTH, "height": WEEK_HEIGHT, "bars": bars, "labels": labels, "most": most}


def _canvas(rows: Sequence[Document], longest: int) -> dict[str, Any]:
    step = next((each for each in STEPS if longest / each <= TICKS_MAX), -(-longest // TICKS_MAX))
    ticks = [
        {"x": round(LABEL + (WIDTH - LABEL) * at / longest, 1), "seconds": at} for at in range(0, longest + 1, step)
    ]
    labels = [{"y": _y(at) + BAR - 3, "release": row["release"], "at": row["at"]} for at, row in enumerate(rows)]
    return {
        "width": WIDTH,
        "height": len(rows) * ROW + 22,
        "bar": BAR,
        "ticks": ticks,
        "labels": labels,
        "floor": len(rows) * ROW,
    }


def _y(at: int) -> int:
    return at * ROW + (ROW - BAR) // 2
