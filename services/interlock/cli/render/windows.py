"""Windows: as lines, and as a calendar (RFC 5545)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from interlock.answers.times import instant
from interlock.cli.render.lines import Lines, Span, line
from interlock.cli.render.times import Scene, moment, until


def window_lines(answer: Mapping[str, Any], scene: Scene) -> Lines:
    """Return the rule, whether it is open, and the windows."""
    name, rule = answer.get("environment"), answer.get("rule")
    windows = list(answer.get("windows") or ())
    if not windows:
        return [line(Span(str(name), "strong"), "  deploys may start at any time")]
    state = Span("open", "good") if answer.get("open") else Span("closed", "wait")
    lines: Lines = [line(Span(str(name), "strong"), "  ", state, Span(f"  rule: {rule}", "dim"))]
    for window in windows:
        opens = instant(window.get("opens"))
        verb = "opened" if opens is not None and opens <= scene.now else "opens "
        lines.append(line(f"  {verb} {moment(opens, scene)}, closes {until(window.get('closes'), opens, scene)}"))
    return lines


def calendar(answer: Mapping[str, Any], project: str, now: datetime) -> str:
    """Return the windows as an iCalendar document; its lines end as the standard asks."""
    name = str(answer.get("environment"))
    rows = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Interlock//dt//EN"]
    for window in answer.get("windows") or ():
        opens, closes = instant(window.get("opens")), instant(window.get("closes"))
        if opens is None or closes is None:
            continue
        rows += [
            "BEGIN:VEVENT",
            f"UID:{project}-{name}-{stamp(opens)}@interlock",
            f"DTSTAMP:{stamp(now)}",
            f"DTSTART:{stamp(opens)}",
            f"DTEND:{stamp(closes)}",
            f"SUMMARY:{project}: deploys to {name} may start",
            "END:VEVENT",
        ]
    return "".join(f"{row}\r\n" for row in [*rows, "END:VCALENDAR"])


def stamp(at: datetime) -> str:
    """Return an instant as iCalendar writes it, in UTC."""
    return at.strftime("%Y%m%dT%H%M%SZ")
