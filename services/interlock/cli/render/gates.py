"""All the gates on one release's way: a line for each, and the first closed one in full."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from interlock.cli.render.decision import WORDS, decision_lines, holds
from interlock.cli.render.lines import Lines, Span, line, table
from interlock.cli.render.times import Scene


def gates_lines(answer: Mapping[str, Any], release: str, scene: Scene, *, everything: bool = False) -> Lines:
    """Return `dt release why RELEASE`."""
    gates = list(answer.get("gates") or ())
    rows = []
    for gate in gates:
        decision = gate.get("decision") or {}
        open_ = decision.get("result") == "allowed"
        missing = [check for check in decision.get("checks") or () if not holds(check)]
        told = ", ".join(f"{check.get('check')} ({WORDS.get(str(check.get('state')), '?')})" for check in missing)
        sign = Span("✓", "good") if open_ else Span("✗", "bad")
        rows.append((sign, Span(str(gate.get("environment")), "strong"), "may go" if open_ else told))
    lines: Lines = [line(Span(f"{release}: its gates", "strong")), *table(rows, indent=2)]
    closed = [gate for gate in gates if (gate.get("decision") or {}).get("result") != "allowed"]
    chosen = next((gate for gate in closed if is_next(gate)), closed[0] if closed else None)
    if chosen is not None:
        lines.append(line())
        lines.extend(decision_lines(chosen["decision"], scene, everything=everything))
    return lines


def is_next(gate: Mapping[str, Any]) -> bool:
    """Whether this gate is the one that the release stands before: it got this far, and no check of order fails."""
    checks = (gate.get("decision") or {}).get("checks") or ()
    return all(holds(check) for check in checks if check.get("check") in {"environment-order", "release-present"})
