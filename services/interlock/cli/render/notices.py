"""Endpoints outside and the messages on their way: how each is doing, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from interlock.cli.render.lines import Lines, Part, Span, line, table
from interlock.cli.render.times import Scene, ago, brief

Facts = Mapping[str, Any]
STYLES = {"ok": "good", "behind": "wait", "gone": "bad"}
ERROR_CHARACTERS_SHOWN = 80


def endpoint_lines(endpoints: Sequence[Facts], scene: Scene) -> Lines:
    """Return `dt notify list`."""
    if not endpoints:
        return [line(Span("nobody outside is told anything (dt notify add NAME URL)", "dim"))]
    rows: list[tuple[Part, ...]] = [
        (
            Span(str(each["name"]), "strong"),
            Span(str(each["state"]), STYLES.get(str(each["state"]), "")),
            str(each["url"]),
            standing(each, scene),
            Span(", ".join(each["kinds"]), "dim"),
        )
        for each in endpoints
    ]
    return table(rows)


def standing(each: Facts, scene: Scene) -> str:
    """Return what arrived, what waits, and what went wrong last."""
    parts = [f"{each['delivered']} told" + (f", last {ago(each['told_at'], scene)}" if each.get("told_at") else "")]
    if each["waiting"]:
        parts.append(f"{each['waiting']} wait")
    if each["failed"]:
        parts.append(f"{each['failed']} given up")
    if each.get("last_error"):
        parts.append(shown(str(each["last_error"])))
    return ", ".join(parts)


def message_lines(messages: Sequence[Facts], scene: Scene) -> Lines:
    """Return `dt notify failed`."""
    if not messages:
        return [line(Span("nothing was given up", "dim"))]
    rows: list[tuple[Part, ...]] = [
        (
            Span(str(each["message"]), "strong"),
            str(each["endpoint"]),
            str(each["kind"]),
            f"@{each['about']}" if each.get("about") else "",
            f"{each['tries']} tries" if each["state"] == "failed" else f"again {brief(each.get('next_at'), scene)}",
            shown(str(each.get("last_error") or "")),
        )
        for each in messages
    ]
    return table(rows)


def shown(text: str) -> str:
    """What came from outside, as text without control characters, shortened."""
    return "".join(each if each.isprintable() else " " for each in text)[:ERROR_CHARACTERS_SHOWN]
