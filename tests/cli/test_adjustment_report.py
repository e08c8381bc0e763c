"""The report's findings: true of a good chain, false of one that breaks it, and open before it comes to that."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from interlock.answers.adjustment_report import report_of

BOUND = "sha256:" + "b" * 64
Change = Callable[[dict[str, Any]], None]


def step(position: int, word: str, by: str, **data: Any) -> dict[str, Any]:
    return {
        "position": position,
        "step": word,
        "by": by,
        "stream": "adjustment/ADJ-1",
        "digest": data.get("bound_digest"),
        "data": data,
        "void": None,
    }


ROWS = {"rows": 14, "before": "sha256:1", "after": "sha256:2"}
GOOD: dict[str, Any] = {
    "adjustment": "ADJ-1",
    "bound_digest": BOUND,
    "plan": {"expected_effect": {"rows_min": 10, "rows_max": 14}},
    "chain": [
        step(1, "requested", "anton", bound_digest=BOUND),
        step(2, "rehearsed", "ci-1", bound_digest=BOUND),
        step(3, "verified", "qa-1", bound_digest=BOUND),
        step(4, "verified", "qa-2", bound_digest=BOUND),
        step(5, "authorized", "qa-2", bound_digest=BOUND, verifications=[3, 4], operator="ben"),
        step(6, "backed up", "ben"),
        step(7, "started", "ben", bound_digest=BOUND, **ROWS),
        step(8, "executed", "ben", bound_digest=BOUND, executed_by="ben", **ROWS),
        step(9, "result verified", "qa-3"),
    ],
}


def at(found: dict[str, Any], position: int) -> dict[str, Any]:
    [one] = [each for each in found["chain"] if each["position"] == position]
    assert isinstance(one, dict)
    return one


def findings(found: dict[str, Any]) -> dict[str, bool | None]:
    report = report_of(found, {}, "http://here", "demo")
    return {each["says"]: each["holds"] for each in report["findings"]}


def test_all_of_it_is_true_of_a_good_chain() -> None:
    assert set(findings(GOOD).values()) == {True}
    assert len(findings(GOOD)) == 11


def test_nothing_is_claimed_before_it_comes_to_that() -> None:
    assert set(findings({**GOOD, "chain": GOOD["chain"][:1]}).values()) == {None}


def by(position: int, who: str) -> Change:
    return lambda found: at(found, position).update(by=who)


def said(position: int, **data: Any) -> Change:
    return lambda found: at(found, position)["data"].update(data)


def void(position: int) -> Change:
    return lambda found: at(found, position).update(void={"position": 99})


def other_digest(position: int) -> Change:
    return lambda found: at(found, position).update(digest="sha256:" + "0" * 64)


def later(position: int) -> Change:
    return lambda found: at(found, position).update(position=50)


def twice(found: dict[str, Any]) -> None:
    found["chain"].append({**copy.deepcopy(at(found, 8)), "position": 10})


@pytest.mark.parametrize(
    "change, broken",
    [
        (other_digest(4), "names the plan's digest"),
        (other_digest(7), "names the plan's digest"),
        (later(2), "in this order"),
        (by(4, "qa-1"), "different persons"),
        (void(4), "different persons"),
        (by(3, "anton"), "asked for it or amended it"),
        (by(3, "ben"), "no verifier executed it"),
        (said(8, executed_by="eva"), "the operator whom the authorization named"),
        (by(9, "ben"), "neither asked for it nor executed it"),
        (by(9, "anton"), "neither asked for it nor executed it"),
        (twice, "executed once"),
        (said(8, rows=15), "as many rows as the plan allows"),
        (said(8, after="sha256:3"), "is what was announced before it"),
        (later(6), "kept before it could be committed"),
    ],
)
def test_what_is_broken_is_found(change: Change, broken: str) -> None:
    found = copy.deepcopy(GOOD)
    change(found)
    assert broken in " ".join(says for says, holds in findings(found).items() if holds is False)


def test_who_amended_it_asked_for_it_even_where_that_plan_is_void() -> None:
    found = copy.deepcopy(GOOD)
    found["chain"].insert(1, {**step(1, "amended", "qa-1"), "void": {"position": 2}})
    assert "no verifier asked for it or amended it" in [says for says, holds in findings(found).items() if not holds]


def test_another_adjustments_steps_are_not_its_own() -> None:
    found = copy.deepcopy(GOOD)
    found["chain"].append({**step(20, "requested", "qa-1"), "stream": "adjustment/ADJ-2"})
    assert set(findings(found).values()) == {True}
