"""Read models: how far each is, and how its last rebuild went or goes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from interlock.answers.times import instant, span
from interlock.cli.render.lines import Lines, Part, Span, line, table
from interlock.cli.render.times import Scene, moment

Facts = Mapping[str, Any]


def projection_lines(projections: Sequence[Facts], head: int, scene: Scene) -> Lines:
    """Return a line for each read model, and one for what is the matter with it."""
    rows: list[tuple[Part, ...]] = []
    for each in projections:
        behind = head - int(each.get("position") or 0)
        rows.append(
            (
                Span(f"{each.get('name')} {each.get('version')}", "strong"),
                f"@{each.get('position'):,}" + (f", {behind:,} behind" if behind > 0 else ""),
                "serves" if each.get("serving") else Span("being built", "wait"),
                Span(rebuild_told(each.get("rebuild"), scene), "dim"),
            )
        )
    lines = table(rows) or [line(Span("this server keeps no read models", "dim"))]
    for each in projections:
        trouble = each.get("stopped_because") or each.get("trouble")
        if trouble:
            lines.append(line(Span("✗ ", "bad"), f"{each.get('name')}: {trouble}"))
    return lines


def rebuild_told(rebuild: Facts | None, scene: Scene) -> str:
    """Return how the last rebuild went or goes, and who asked for it."""
    if not rebuild:
        return ""
    by = f"by {rebuild.get('asked_by')}"
    match rebuild.get("state"):
        case "building":
            return f"{progress(rebuild)}, {by}"
        case "failed":
            return f"rebuild failed: {rebuild.get('failed_because')}, {by}"
        case _:
            began, ended = instant(rebuild.get("began_at")), instant(rebuild.get("ended_at"))
            took = f" in {span(ended - began)}" if began is not None and ended is not None else ""
            return f"built anew {moment(rebuild.get('ended_at'), scene)}{took}, {by}"


def progress(rebuild: Facts) -> str:
    """Return "1,200 of 15,000 events, 900/s, about 15 s left"."""
    told = f"{int(rebuild.get('events_done') or 0):,} of {int(rebuild.get('events_total') or 0):,} events"
    if rebuild.get("per_second"):
        told += f", {rebuild['per_second']:,}/s, about {span(timedelta(seconds=rebuild['seconds_left']))} left"
    return told


def progress_line(at_work: Sequence[Facts]) -> str:
    """Return what is built now, and what waits for its turn."""
    first, *others = at_work
    waiting = f"; then {', '.join(str(each.get('name')) for each in others)}" if others else ""
    return f"{first.get('name')}: {progress(first.get('rebuild') or {})}{waiting}"
