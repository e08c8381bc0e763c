"""Words and shapes for what the API answers: the same on every page, each state by a shape and a word."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

Facts = Mapping[str, Any]

# A check's state: which shape stands before it, and the word.
CHECKS: Final[Mapping[str, tuple[str, str]]] = {
    "passed": ("pass", "passed"),
    "failed": ("fail", "failed"),
    "waiting": ("wait", "waits"),
    "needed": ("need", "needed"),
    "not_applicable": ("none", "not applicable"),
}
# What stands in the way comes first: what is broken, what people mend, what time mends.
ORDER: Final = {"failed": 0, "needed": 1, "waiting": 2, "passed": 3, "not_applicable": 4}
# What is in an environment.
OCCUPANCIES: Final[Mapping[str, tuple[str, str]]] = {
    "occupied": ("here", "runs"),
    "deploying": ("busy", "deploying"),
    "unsure": ("fail", "unsure"),
    "mixed": ("fail", "mixed"),
    "empty": ("none", "empty"),
}
STEPS: Final[Mapping[str, tuple[str, str]]] = {
    "here": ("here", "runs here"),
    "was": ("pass", "was here"),
    "old": ("none", "was here with older content"),
    "never": ("none", "not yet"),
}
RELEASES: Final[Mapping[str, tuple[str, str]]] = {
    "open": ("here", "open"),
    "held": ("fail", "on hold"),
    "completed": ("pass", "completed"),
    "superseded": ("none", "superseded"),
    "withdrawn": ("none", "withdrawn"),
}
PROBLEMS: Final[Mapping[str, tuple[str, str]]] = {
    "open": ("fail", "open"),
    "reopened": ("fail", "reopened"),
    "resolved": ("pass", "resolved"),
    "dismissed": ("none", "dismissed"),
}
EVIDENCE: Final[Mapping[str, tuple[str, str]]] = {
    "confirmed": ("pass", "confirmed"),
    "passed": ("pass", "passed"),
    "approved": ("pass", "approved"),
    "failed": ("fail", "failed"),
    "rejected": ("fail", "rejected"),
    "withdrawn": ("none", "withdrawn"),
    "void": ("none", "void"),
}
ADJUSTMENTS: Final[Mapping[str, tuple[str, str]]] = {
    "requested": ("need", "requested"),
    "rehearsing": ("busy", "rehearsing"),
    "rehearsed": ("need", "rehearsed"),
    "verified": ("need", "being verified"),
    "rejected": ("fail", "rejected"),
    "authorized": ("wait", "authorized"),
    "executing": ("busy", "executing"),
    "started": ("busy", "being committed"),
    "failed": ("fail", "failed"),
    "executed": ("need", "executed, not checked"),
    "disputed": ("fail", "result disputed"),
    "checked": ("pass", "checked"),
    "reverted": ("none", "taken back"),
    "cancelled": ("none", "cancelled"),
    "expired": ("none", "expired"),
}
FINDINGS: Final[Mapping[str, tuple[str, str]]] = {
    "True": ("pass", "so"),
    "False": ("fail", "not so"),
    "None": ("none", "not yet"),
}
POLICIES: Final[Mapping[str, tuple[str, str]]] = {
    "active": ("here", "in force"),
    "proposed": ("need", "waits for a second person"),
    "rejected": ("fail", "rejected"),
    "superseded": ("none", "superseded"),
}
PARTS: Final[Mapping[str, tuple[str, str]]] = {"ok": ("pass", "ok")}
PURPOSES: Final[Mapping[str, str]] = {
    "development": "development",
    "tests": "automatic tests",
    "manual-qa": "manual testing",
    "rehearsal": "rehearsal",
    "production": "production",
}


def mark(table: Mapping[str, tuple[str, str]], state: object) -> tuple[str, str]:
    """Return the shape and the word of a state; one that this version has no words for is shown by its name."""
    return table.get(str(state), ("none", str(state).replace("_", " ")))


def in_order(checks: Sequence[Facts]) -> list[Facts]:
    """Return checks with what stands in the way first."""
    return sorted(checks, key=lambda check: ORDER.get(str(check.get("state")), 0))


def missing(checks: Sequence[Facts]) -> list[Facts]:
    """Return the checks that stand in the way, in the order in which people look at them."""
    return [check for check in in_order(checks) if check["state"] not in {"passed", "not_applicable"}]


def holding(checks: Sequence[Facts]) -> list[Facts]:
    """Return the checks that hold, or do not apply."""
    return [check for check in in_order(checks) if check["state"] in {"passed", "not_applicable"}]


def headline(gate: Facts) -> tuple[str, str]:
    """Return the shape and the words for how a gate stands: what it waits for, in one breath."""
    missing_now = gate.get("missing", ())
    states = {str(check["state"]) for check in missing_now}
    if not states:
        return ("pass", "may go")
    if all(check.get("under_way") for check in missing_now):
        return ("busy", "under way")
    if states == {"waiting"}:
        return ("wait", "waits for time")
    if "failed" in states:
        return ("fail", "blocked")
    return ("need", "needs somebody")
