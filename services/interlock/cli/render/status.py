"""The whole picture on one screen: environments, releases, problems, who must act, when production opens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from interlock.cli.render.environments import care_of, data_of, occupant_of, state_style
from interlock.cli.render.lines import Line, Lines, Part, Span, apart, line, table
from interlock.cli.render.obligations import obligation_lines
from interlock.cli.render.problems import problem_rows
from interlock.cli.render.releases import release_rows
from interlock.cli.render.times import Scene, clock, day, moment, until

TODO_SHOWN_MAX = 5
RELEASES_SHOWN_MAX = 12


def status_lines(status: Mapping[str, Any], scene: Scene) -> Lines:
    """Return `dt status` from the answer of `/status`."""
    lines: Lines = [header(status, scene), window_line(status.get("window") or {}, scene), line()]
    lines.extend(strip(status.get("environments") or (), status.get("problems") or (), scene))
    releases = list(status.get("releases") or ())
    lines.extend(section("open releases", release_rows(releases[:RELEASES_SHOWN_MAX], scene), "nothing is open"))
    if len(releases) > RELEASES_SHOWN_MAX:
        lines.append(line("  ", Span(f"and {len(releases) - RELEASES_SHOWN_MAX} more: dt release list", "dim")))
    problems = list(status.get("problems") or ())
    if problems:
        lines.extend(section("open problems", problem_rows(problems, scene), ""))
    lines.extend(who_must_act(status.get("obligations") or {}, scene))
    return lines


def header(status: Mapping[str, Any], scene: Scene) -> Line:
    """Return the project, the time, the policy and the position."""
    policy = status.get("policy") or {}
    here: list[Part] = [Span(str(status.get("project", "")), "strong"), f"  {day(scene.now)} {clock(scene.now)} GMT"]
    if status.get("test_clock"):
        here.append(Span("  (test clock)", "wait"))
    there = f"policy {policy.get('name', '')} {policy.get('version', '')} · @{position(status.get('position'))}"
    return apart(here, [Span(there, "dim")], scene.width)


def position(value: object) -> str:
    """Return a position with its thousands set apart."""
    return f"{value:,}" if isinstance(value, int) else "–"


def window_line(window: Mapping[str, Any], scene: Scene) -> Line:
    """Return whether production's window is open, and when it next opens or closes."""
    if window.get("opens") is None:
        return line("production may start at any time")
    if window.get("open"):
        return line(Span("production window open", "good"), f"  closes {moment(window.get('closes'), scene)}")
    opens = window["opens"]
    closes = until(window.get("closes"), opens, scene)
    return line("production window  ", Span(f"opens {moment(opens, scene)}", "wait"), f", closes {closes}")


def strip(environments: Sequence[Mapping[str, Any]], problems: Sequence[Mapping[str, Any]], scene: Scene) -> Lines:
    """Return a line for each environment, in the order of the flow."""
    rows = []
    for environment in environments:
        name = str(environment.get("environment"))
        here = sum(1 for problem in problems if problem.get("environment") == name)
        notes = [*care_of(environment, scene), *data_of(environment, scene)]
        if here:
            notes.insert(0, f"{here} problem{'s' if here != 1 else ''} open")
        what, since = occupant_of(environment, scene)
        rows.append((Span(name, "strong"), Span(what, state_style(environment)), since, Span(" · ".join(notes), "dim")))
    return table(rows, indent=2)


def section(title: str, rows: Sequence[Sequence[Any]], empty: str) -> Lines:
    """Return a titled table, or what to say where it is empty."""
    lines: Lines = [line(), line(Span(title, "strong"))]
    if rows:
        lines.extend(table(rows, indent=2))
    else:
        lines.append(line("  ", Span(empty, "dim")))
    return lines


def who_must_act(obligations: Mapping[str, Any], scene: Scene) -> Lines:
    """Return the first obligations, one's own and the overdue ones counted."""
    count = int(obligations.get("count") or 0)
    if not count:
        return [
            line(),
            line(Span("who must act", "strong")),
            line("  ", Span("nobody: nothing waits for anyone", "dim")),
        ]
    parts = [f"{count} thing{'s' if count != 1 else ''}"]
    if obligations.get("overdue"):
        parts.append(f"{obligations['overdue']} overdue")
    if obligations.get("mine"):
        parts.append(f"{obligations['mine']} for you")
    first = list(obligations.get("first") or ())[:TODO_SHOWN_MAX]
    lines: Lines = [line(), line(Span("who must act", "strong"), Span(f"  {', '.join(parts)}", "dim"))]
    lines.extend(obligation_lines(first, scene, ahead=False))
    if count > len(first):
        lines.append(line("  ", Span(f"and {count - len(first)} more: dt todo", "dim")))
    return lines
