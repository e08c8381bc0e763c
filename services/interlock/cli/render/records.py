"""Recorded events: lists, one of them with its causes and effects, and live ones."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from interlock.cli.render.happenings import sentence
from interlock.cli.render.lines import Lines, Part, Span, line, table, wrapped
from interlock.cli.render.times import Scene, brief, moment

Facts = Mapping[str, Any]
LABEL_COLUMN = 12
BAD = ("Failed", "Refused", "Unsure", "Rejected", "Missed", "Overdue", "Expired", "Broken", "Drift")


def style_of(kind: str) -> str:
    """Return the style of an event's type: what went wrong stands out."""
    return "bad" if any(word in kind for word in BAD) else ""


def event_rows(events: Sequence[Facts], scene: Scene) -> list[tuple[Part, ...]]:
    """Return position, time, who, type and what, for each event; below it what was remarked about it."""
    rows: list[tuple[Part, ...]] = []
    for event in events:
        kind = str(event.get("type"))
        at = event.get("recorded_at") or event.get("at")
        rows.append(
            (
                Span(f"@{event.get('position')}", "dim"),
                brief(at, scene),
                str(event.get("by") or ""),
                Span(kind, style_of(kind) or "strong"),
                sentence(event) + happened(event, scene),
            )
        )
        for remark in event.get("remarks") or ():
            rows.append(
                (
                    "",
                    brief(remark.get("at"), scene),
                    str(remark.get("by") or ""),
                    Span(f"↳ {remark.get('kind')}", "strong"),
                    f"{remark.get('text')} (@{remark.get('position')})",
                )
            )
    return rows


def happened(event: Facts, scene: Scene) -> str:
    """Return " · happened 10:02", where that is not when it was recorded."""
    occurred, recorded = event.get("occurred_at"), event.get("recorded_at") or event.get("at")
    return f" · happened {brief(occurred, scene)}" if occurred and occurred != recorded else ""


def event_list_lines(events: Sequence[Facts], scene: Scene) -> Lines:
    """Return a list of events, in the order given."""
    rows = event_rows(events, scene)
    return table(rows) if rows else [line(Span("nothing was recorded", "dim"))]


def event_lines(event: Facts, scene: Scene) -> Lines:
    """Return `dt audit show`: one event, its data, what led to it, what followed, what was remarked."""
    kind = str(event.get("type"))
    lines: Lines = [
        line(Span(kind, style_of(kind) or "strong"), Span(f" @{event.get('position')}", "dim"), f"  {sentence(event)}")
    ]
    rows = [
        (
            "happened",
            moment(event.get("occurred_at"), scene) if event.get("occurred_at") != event.get("recorded_at") else "",
        ),
        ("recorded", moment(event.get("recorded_at"), scene)),
        (
            "by",
            f"{event.get('by')} ({event.get('by_kind')})"
            + (f", credential {event['credential']}" if event.get("credential") else ""),
        ),
        ("stream", f"{event.get('stream')}, version {event.get('version')}"),
        ("policy", f"version {event.get('policy_version')}"),
        ("command", str(event.get("command_id") or "")),
    ]
    for label, text in rows:
        if text:
            lines.append(line("  ", Span(label.ljust(LABEL_COLUMN), "dim"), text))
    data = {key: value for key, value in (event.get("data") or {}).items() if key != "decision"}
    for key, value in data.items():
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        lines.extend(wrapped(["    ", Span(key.ljust(LABEL_COLUMN + 4), "dim")], [text], scene.width))
    for label, key in (("led to it", "causes"), ("followed", "effects"), ("remarks", "annotations")):
        if event.get(key):
            lines.append(line("  ", Span(label, "dim")))
            lines.extend(table(event_rows(event[key], scene), indent=4))
    return lines
