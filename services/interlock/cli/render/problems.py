"""Problems: what is wrong where, who looks after it, by when somebody must."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from interlock.answers.times import instant, span
from interlock.cli.render.lines import Lines, Part, Span, line, table, wrapped
from interlock.cli.render.records import event_rows
from interlock.cli.render.times import Scene, ago, brief

Facts = Mapping[str, Any]
SEVERITY = {"critical": "bad", "high": "bad", "medium": "wait", "low": ""}
LABEL_COLUMN = 12


def problem_rows(problems: Sequence[Facts], scene: Scene) -> list[tuple[Part, ...]]:
    """Return a row for each problem."""
    rows: list[tuple[Part, ...]] = []
    for problem in problems:
        severity = str(problem.get("severity", ""))
        about = f" · {problem['release']}" if problem.get("release") else ""
        rows.append(
            (
                Span(str(problem.get("problem")), "strong"),
                Span(severity, SEVERITY.get(severity, "")),
                f"{problem.get('environment')}{about}",
                f'"{problem.get("title")}"',
                Span(care(problem, scene), "dim"),
            )
        )
    return rows


def care(problem: Facts, scene: Scene) -> str:
    """Return who looks after it, or by when somebody must, or how it ended."""
    state = str(problem.get("state", "open"))
    if state in {"resolved", "dismissed"}:
        return f"{state} {ago(problem.get('state_since'), scene)}"
    acknowledged = problem.get("acknowledged")
    if acknowledged:
        return f"{acknowledged.get('by')} looks after it"
    by_when = instant(problem.get("react_by"))
    if by_when is None:
        return "open"
    if by_when <= scene.now:
        return f"nobody looks after it, overdue {span(scene.now - by_when, 2)}"
    return f"nobody looks after it yet (until {brief(by_when, scene)}, {span(by_when - scene.now, 1)})"


def list_lines(problems: Sequence[Facts], scene: Scene) -> Lines:
    """Return `dt problem list`."""
    rows = problem_rows(problems, scene)
    return table(rows) if rows else [line(Span("no problem is open (dt problem list --all)", "dim"))]


def problem_lines(problem: Facts, scene: Scene) -> Lines:
    """Return `dt problem show`."""
    severity = str(problem.get("severity", ""))
    lines: Lines = [
        line(
            Span(str(problem.get("problem")), "strong"),
            f'  "{problem.get("title")}"  ',
            Span(severity, SEVERITY.get(severity, "")),
        )
    ]
    reporter = problem.get("reporter")
    ended = problem.get("resolution") or {}
    rows = [
        ("state", [str(problem.get("state")), care(problem, scene)]),
        ("where", [str(problem.get("environment")), f"release {problem['release']}" if problem.get("release") else ""]),
        (
            "reported",
            [
                f"{brief(problem.get('reported_at'), scene)}, {ago(problem.get('reported_at'), scene)}",
                f"by {reporter}" if reporter else "",
                f"source: {problem.get('source')}" if problem.get("source") else "",
            ],
        ),
        ("what", [str(problem.get("description") or "")]),
        (
            "ended",
            [
                str(ended.get("how") or ended.get("reason") or ""),
                f"by {ended['by']}" if ended.get("by") else "",
                f"fixed by {ended['fixed_by_release']}" if ended.get("fixed_by_release") else "",
            ],
        ),
    ]
    for label, pieces in rows:
        told = [piece for piece in pieces if piece]
        if told:
            lines.extend(wrapped(["  ", Span(label.ljust(LABEL_COLUMN), "dim")], told, scene.width))
    if problem.get("history"):
        lines.append(line("  ", Span("history", "dim")))
        lines.extend(table(event_rows(problem["history"], scene), indent=4))
    return lines
