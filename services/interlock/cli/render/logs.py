"""What a reading of logs came to: up to when, from where, what was found, and what could not be read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from interlock.cli.instants import rfc3339
from interlock.cli.render.lines import Lines, Part, Span, line, table, wrapped
from interlock.cli.render.times import Scene, brief

if TYPE_CHECKING:
    from interlock.runners.logs.checking import Checked

SAMPLE_CHARACTERS_SHOWN = 160


def document_of_check(environment: str, done: Checked) -> dict[str, Any]:
    """Return `dt logs check --json`."""
    return {
        "environment": environment,
        "since": rfc3339(done.since),
        "asked_until": rfc3339(done.asked_until),
        "until": rfc3339(done.until) if done.until is not None else None,
        "result": "findings" if done.findings.matches else "clean" if done.whole else "incomplete",
        "whole": done.whole,
        "missing": done.missing,
        "matches": [
            {"pattern": match.pattern, "severity": match.severity, "lines": match.lines}
            for match in done.findings.matches
        ],
        "sources": [{"source": part.source, "lines": part.lines, "notes": part.notes} for part in done.parts],
        "report": done.report,
        "events": [event for answer in done.answers for event in answer.get("events") or ()],
    }


def told_lines(environment: str, done: Checked, scene: Scene) -> Lines:
    """Return the same for a person."""
    lines = sum(part.lines for part in done.parts)
    span = f"{brief(done.since, scene)} to {brief(done.until, scene)}" if done.until is not None else "nothing"
    sign = Span("✓ ", "good") if done.whole and not done.findings.matches else Span("✗ ", "bad")
    found = "clean" if done.whole else "no pattern matched, but not all was read"
    if done.findings.matches:
        found = f"{sum(match.lines for match in done.findings.matches)} lines misbehave"
    told: Lines = [
        line(sign, Span(f"logs of {environment}", "strong"), f"  read: {span} · {lines:,} lines · {found}"),
    ]
    for match in done.findings.document():
        if match["lines"]:
            told += _match(match, scene)
    for what in done.missing:
        told += wrapped([Span("  not read  ", "bad")], [what], scene.width)
    rows: list[tuple[Part, ...]] = [
        (Span("  note", "dim"), part.source, Span(note, "dim")) for part in done.parts for note in part.notes
    ]
    return told + (table(rows) if rows else [])


def _match(match: dict[str, Any], scene: Scene) -> Lines:
    """One pattern, and its first line as text; what came from a log does not steer the terminal."""
    count = f"{match['lines']:,} × "
    head = line("  ", Span(f"{match['severity']:<9}", "bad"), Span(count), Span(match["name"], "strong"))
    samples = match["samples"]
    if not samples:
        return [head]
    return [head, *wrapped([" " * 11], [samples[0]["line"][:SAMPLE_CHARACTERS_SHOWN]], scene.width, style="dim")]
