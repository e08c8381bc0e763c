"""For what is open a proposed policy would change something: the checks that would answer otherwise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from interlock.cli.render.decision import STYLES, WORDS
from interlock.cli.render.lines import Lines, Part, Span, line, padded, wrapped
from interlock.cli.render.times import Scene, brief

Facts = Mapping[str, Any]
RESULTS = {"allowed": "may go", "refused": "may not go"}


def effect_lines(proposal: Facts, scene: Scene) -> Lines:
    """Return what the proposal changes for what is open, and that it changes nothing for the others."""
    affects: Sequence[Facts] = proposal.get("affects") or ()
    touched = {subject(each) for each in affects}
    lines: Lines = []
    for gate in affects:
        lines += gate_lines(gate, scene)
    openly = [*(proposal.get("open_releases") or ()), *(proposal.get("open_adjustments") or ())]
    others = [str(name) for name in openly if name not in touched]
    if lines:
        lines.insert(0, line(Span("for what is open", "strong")))
    if others:
        lines += wrapped(["  nothing changes for "], [", ".join(others)], scene.width, style="dim")
    elif not lines:
        lines = [line("  ", Span("no release is open", "dim"))]
    return lines


def subject(gate: Facts) -> str:
    """Return the release or the adjustment whose gate it is."""
    return str(gate.get("release") or gate.get("adjustment"))


def gate_lines(gate: Facts, scene: Scene) -> Lines:
    """Return one release's gate to one environment: whether it flips, and each check that has another state."""
    before, after = RESULTS[str(gate["before"])], RESULTS[str(gate["after"])]
    said = Span(f"{before}, as before", "dim")
    if gate.get("flips"):
        said = Span(f"{before} → {after}", "bad" if gate["after"] == "refused" else "good")
    name = Span(f"  {subject(gate)} → {gate['environment']}", "strong")
    lines: Lines = [line(name, "   ", said)]
    figures = []
    for check in gate.get("checks") or ():
        was, would = check.get("before"), check.get("after")
        if state_of(was) != state_of(would):
            lines += check_lines(str(check["check"]), was, would, scene)
        else:
            figures.append(str(check["check"]))
    if figures:
        lines += wrapped(["    by other figures, with the same answer: "], figures, scene.width, between=", ")
    return lines


def state_of(outcome: Facts | None) -> str:
    """Return a check's state as a word; one that is not asked has a dash."""
    return WORDS.get(str(outcome["state"]), str(outcome["state"])) if outcome is not None else "–"


def check_lines(check: str, was: Facts | None, would: Facts | None, scene: Scene) -> Lines:
    """Return what a check says now, and would say then: "pass → need  core-areas-approved    missing: risk"."""
    style = STYLES.get(str(would["state"]), "") if would is not None else "dim"
    head: list[Part] = ["    ", padded(f"{state_of(was)} → {state_of(would)}", 13, style), padded(check, 22), " "]
    told = would or was or {}
    observed, required = str(told.get("observed") or ""), str(told.get("required") or "")
    rule = f"rule: {required}" if required and required != observed else ""
    until = f"until {brief(told['until'], scene)}" if told.get("until") else ""
    return wrapped(head, [piece for piece in (observed, until, rule) if piece], scene.width)
