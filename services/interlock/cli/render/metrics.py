"""DORA's five figures as lines: each figure with what it is of, the deployments behind them, and what they mean."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from interlock.answers.times import instant, span
from interlock.cli.render.lines import Lines, Part, Span, apart, line, table, wrapped
from interlock.cli.render.times import Scene, brief

FIGURES = (
    ("lead_time", "change lead time"),
    ("deployment_frequency", "deployment frequency"),
    ("failed_deployment_recovery_time", "failed deployment recovery time"),
    ("change_fail_rate", "change fail rate"),
    ("rework_rate", "deployment rework rate"),
)
PARTS = (("working", "working"), ("person", "waiting for a person"), ("window", "waiting for the window"))


def metrics_lines(answer: Mapping[str, Any], scene: Scene) -> Lines:
    """Return `dt metrics` from the answer of `/metrics`."""
    period = f"  {_minute(answer.get('since'))} to {_minute(answer.get('until'))} GMT"
    place = f"window {answer.get('rule', '')} · @{answer.get('position', '–'):,}"
    lines: Lines = [
        apart([Span(str(answer.get("environment", "")), "strong"), period], [Span(place, "dim")], scene.width),
        line(),
    ]
    rows: list[list[Part]] = [[name, Span(value, "strong"), Span(of, "dim")] for name, value, of in _figures(answer)]
    lines += table(rows, indent=2)
    lead = answer.get("lead_time") or {}
    if lead.get("changes"):
        spent = " · ".join(f"{words} {_share(lead, part)}" for part, words in PARTS)
        lines += [line(), line("  of all changes' time: ", Span(spent, "dim"))]
    return lines + deployment_lines(answer, scene)


def deployment_lines(answer: Mapping[str, Any], scene: Scene) -> Lines:
    """Return the deployments of the period, each with its lead time, what that was spent on, and its failure."""
    deployments = list(answer.get("deployments") or ())
    lines: Lines = [line(), line(Span("deployments", "strong"))]
    if not deployments:
        return [*lines, line("  ", Span("none in this period", "dim"))]
    brought = {row["deploy"]: row for row in (answer.get("lead_time") or {}).get("deployments", ())}
    failures = {row["deploy"]: row for row in (answer.get("failed_deployment_recovery_time") or {}).get("failures", ())}
    rows: list[list[Part]] = []
    for each in deployments:
        lead = brought.get(each["deploy"], {})
        rows.append(
            [
                Span(str(each["release"]), "strong"),
                _kind(each),
                brief(each.get("at"), scene),
                *(_length(lead.get(f"{part}_seconds")) for part in ("total", "working", "person", "window")),
                _failure(failures.get(each["deploy"])),
                Span(f"@{each['position']}", "dim"),
            ]
        )
    headings = ("release", "", "ended", "lead time", "working", "person", "window", "failed", "")
    return lines + table(rows, indent=2, headings=headings)


def definition_lines(answer: Mapping[str, Any], scene: Scene) -> Lines:
    """Return what each figure means, in the server's words."""
    lines: Lines = [line(), line(Span("what they mean", "strong"), Span(f"  {answer.get('source', '')}", "dim"))]
    texts = [answer.get("definition"), *((answer.get(key) or {}).get("definition") for key, _ in FIGURES)]
    for text in texts:
        lines += wrapped(["  "], [str(text)], scene.width)
    return lines


def _figures(answer: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    lead, often, recovery, fails, rework = (answer.get(key) or {} for key, _ in FIGURES)
    aside = f", {often['left_unchanged']} more left production unchanged" if often.get("left_unchanged") else ""
    told = (
        (
            _length(lead.get("median_seconds")),
            f"median of {_count(lead.get('changes'), 'change')}, longest {_length(lead.get('longest_seconds'))}",
        ),
        (
            f"{often.get('per_week')} a week",
            f"{_count(often.get('deployments'), 'deployment')} in {often.get('days'):g} days{aside}",
        ),
        (
            _length(recovery.get("median_seconds")),
            f"median of {recovery.get('recovered')} recovered, of {recovery.get('failed')} failed",
        ),
        (_percent(fails), f"{fails.get('failed')} of {_count(fails.get('deployments'), 'deployment')}"),
        (_percent(rework), f"{rework.get('rework')} of {_count(rework.get('deployments'), 'deployment')}"),
    )
    return [(name, *each) for (_, name), each in zip(FIGURES, told, strict=True)]


def _kind(each: Mapping[str, Any]) -> str:
    if each.get("intent") == "rollback":
        return f"rollback, {each.get('problem') or 'for a problem'}"
    return f"for {each.get('problem') or 'a problem'}" if each.get("rework") else str(each.get("intent"))


def _failure(row: Mapping[str, Any] | None) -> Part:
    if row is None:
        return "–"
    ended = "not recovered" if row.get("seconds") is None else f"recovered in {_length(row['seconds'])}"
    return Span(f"{row['because']}, {ended}", "bad")


def _share(spent: Mapping[str, Any], part: str) -> str:
    total = spent.get("total_seconds") or 0
    return f"{round(100 * spent[f'{part}_seconds'] / total)} %" if total else "–"


def _percent(rate: Mapping[str, Any]) -> str:
    return "–" if rate.get("percent") is None else f"{rate['percent']} %"


def _length(seconds: object) -> str:
    return span(timedelta(seconds=seconds), 2) if isinstance(seconds, int) else "–"


def _count(number: object, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _minute(value: object) -> str:
    at = instant(value)
    return "–" if at is None else f"{at:%Y-%m-%d %H:%M}"
