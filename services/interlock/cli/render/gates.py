"""All the gates on one release's way: a line for each, and in full the one that it stands before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from interlock.cli.render.decision import WORDS, decision_lines, holds
from interlock.cli.render.lines import Lines, Span, line, table
from interlock.cli.render.times import Scene


def gates_lines(answer: Mapping[str, Any], release: str, scene: Scene, *, everything: bool = False) -> Lines:
    """Return `dt release why RELEASE`."""
    gates = list(answer.get("gates") or ())
    before = stands_before(gates)
    rows = []
    for at, gate in enumerate(gates):
        name = Span(str(gate.get("environment")), "strong")
        missing = [check for check in gate["decision"].get("checks") or () if not holds(check)]
        if at < before:
            rows.append((Span("·", "dim"), name, Span("behind it", "dim")))
        elif at > before:
            later = f"later: {len(missing)} check{'s are' if len(missing) != 1 else ' is'} not passed yet"
            rows.append((Span("·", "dim"), name, Span(later, "dim")))
        elif gate["decision"].get("result") == "allowed":
            rows.append((Span("✓", "good"), name, Span("may go")))
        else:
            told = ", ".join(f"{check.get('check')} ({WORDS.get(str(check.get('state')), '?')})" for check in missing)
            rows.append((Span("✗", "bad"), name, Span(told)))
    lines: Lines = [line(Span(f"{release}: its gates", "strong")), *table(rows, indent=2)]
    if gates:
        lines.append(line())
        lines.extend(decision_lines(gates[before]["decision"], scene, everything=everything))
    return lines


def stands_before(gates: Sequence[Mapping[str, Any]]) -> int:
    """Return which gate the release stands before: the furthest one for which it went the way so far."""
    reached = 0
    for at, gate in enumerate(gates):
        checks = (gate.get("decision") or {}).get("checks") or ()
        if all(holds(check) for check in checks if check.get("check") == "environment-order"):
            reached = at
    return reached
