"""What changed between two moments, a line each: what it was, what it is, since when and by whom."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from interlock.answers.times import instant
from interlock.cli.render.environments import data_of, logs_in_short, occupant_of
from interlock.cli.render.happenings import short
from interlock.cli.render.lines import Lines, Part, Span, line, table, wrapped
from interlock.cli.render.records import event_rows
from interlock.cli.render.times import Scene, brief, clock, day

Facts = Mapping[str, Any]
LABEL_COLUMN = 12
NOTHING = "–"


def moment_of(told: Facts) -> str:
    """Return a moment as it was asked for, with its position."""
    at = instant(told.get("at"))
    position = f"@{int(told['position']):,}"
    return position if at is None else f"{day(at)} {clock(at)} GMT ({position})"


def title(what: str, document: Facts) -> Lines:
    """Return the line above a comparison."""
    return [line(Span(what, "strong"), f"  {moment_of(document['from'])} → {moment_of(document['to'])}")]


def environment_diff_lines(document: Facts, scene: Scene) -> Lines:
    """Return `dt diff env`."""
    lines = title(str(document["environment"]), document)
    for change in document["changes"]:
        told = f"{in_words(change, 'before', scene)} → {in_words(change, 'after', scene)}"
        lines += row(str(change["what"]).replace("_", " "), told, change, scene)
    for change in document["problems"]:
        told = f'{change["problem"]} "{change["title"]}": {change["before"] or "not reported"} → {change["after"]}'
        lines += row("problem", told, change, scene)
    if not document["changes"] and not document["problems"]:
        lines.append(line("  ", Span("nothing changed", "dim")))
    count = int(document["events"])
    lines.append(line("  ", Span(f"{count:,} event{'' if count == 1 else 's'} recorded in between", "dim")))
    return lines


def row(label: str, told: str, change: Facts, scene: Scene) -> Lines:
    """Return one change: what, when, by whom, where it is recorded."""
    pieces = [told]
    if change.get("position") is not None:
        pieces += [f"{brief(change.get('at'), scene)} by {change.get('by')}", f"@{change['position']}"]
    if change.get("times"):
        pieces.append(f"{change['times']} times in between")
    head: list[Part] = ["  ", Span(label.ljust(LABEL_COLUMN), "dim")]
    return wrapped(head, pieces, scene.width)


def in_words(change: Facts, side: str, scene: Scene) -> str:
    """Return what a part of an environment says, in a few words."""
    said = change.get(side)
    if not said:
        return NOTHING
    match change["what"]:
        case "occupancy":
            what, _ = occupant_of({"occupancy": said}, scene)
            return f"{what} ({short(said['content_digest'])})" if said.get("content_digest") else what
        case "data":
            return data_of({"data": said}, scene)[0].removeprefix("data: ")
        case "feed":
            return data_of({"feed": said}, scene)[0].removeprefix("feed: ")
        case "adjusted":
            return f"by {said.get('adjustment')}"
        case "schema":
            return short(said.get("schema_digest"))
        case "freeze":
            return f"frozen: {said.get('reason')}"
        case "corrupt":
            return f"corrupt: {said.get('reason')}"
        case "lease":
            return f"{said.get('lease')} ({said.get('kind')} by {said.get('holder')})"
        case "run" | "last_run":
            return f"{said.get('run')} {said.get('state')}"
        case "logs":
            return logs_in_short(said, scene).removeprefix("logs ")
        case "owner" | "owner_deputy" | "operator" | "operator_deputy":
            return str(said.get("principal"))
        case "identity":
            return str(said.get("database"))
        case "observed":
            return str(said.get("description") or said.get("observed_digest") or said.get("state"))
        case "nightly":
            return f"{said.get('day')} {said.get('state')}"
        case _:
            return str(said.get("state"))


def plain_diff_lines(what: str, document: Facts, scene: Scene) -> Lines:
    """Return a comparison value by value, and what happened in between where that is known."""
    lines = title(what, document)
    rows: list[tuple[Part, ...]] = [
        (Span(str(change["path"]), "dim"), value(change["before"]), f"→ {value(change['after'])}")
        for change in document["changes"]
    ]
    lines += table(rows, indent=2) if rows else [line("  ", Span("nothing changed", "dim"))]
    happened = document.get("happened") or ()
    if happened:
        lines += [line("  ", Span("recorded in between", "dim")), *table(event_rows(happened, scene), indent=4)]
    return lines


def value(given: Any) -> str:
    """Return a value in a few words."""
    if given is None:
        return NOTHING
    if isinstance(given, str):
        return short(given) if given.startswith("sha256:") else given
    return json.dumps(given, ensure_ascii=False)
