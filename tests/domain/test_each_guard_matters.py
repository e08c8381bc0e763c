"""Each check, and each rule of independence, is the only thing that stands between a story and its bad end."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import interlock.domain.decide
from interlock.domain.checks import CHECKS, Asked, independence
from interlock.domain.decide import Accepted, Refused, Submitted, case, decide
from interlock.domain.decide.case import Case
from interlock.events.decision import CheckOutcome
from tests.domain import given
from tests.domain.examples import Example
from tests.domain.guards import GUARDS, INDEPENDENCE


def made_in_place() -> set[object]:
    """The checks that stand beside one command's decision and not in CHECKS."""
    domain = Path(inspect.getfile(interlock.domain.decide)).parents[1]
    found: set[object] = set()
    for path in domain.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "CheckOutcome":
                named = (k.value for k in node.keywords if k.arg == "check")
                found |= {value.value for value in named if isinstance(value, ast.Constant)}
    return found


def answered(told: Example) -> Accepted | Refused:
    story, who, command = told
    submitted = Submitted(command=command, actor=given.actor(story, who))
    return decide(given.seen(story, command), submitted, story.now)


def stopped_by(told: Example) -> list[str]:
    answer = answered(told)
    return [outcome.check for outcome in answer.decision.missing]


def test_every_check_has_its_story() -> None:
    assert set(GUARDS) == {*CHECKS, *made_in_place()}


def test_every_rule_of_independence_has_its_story() -> None:
    rules = {
        name for name, rule in inspect.getmembers(independence, inspect.isfunction) if name.endswith("_independent")
    }
    assert set(INDEPENDENCE) == rules


@pytest.mark.parametrize("name", sorted(GUARDS))
def test_the_check_alone_stops_its_story(name: str) -> None:
    assert stopped_by(GUARDS[name]()) == [name]


@pytest.mark.parametrize("name", sorted(GUARDS))
def test_without_the_check_the_story_ends_badly(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    told = GUARDS[name]()
    passed = CheckOutcome(check=name, state="passed")
    if name in CHECKS:
        monkeypatch.setitem(CHECKS, name, lambda _: passed)
    elif name == "role-held":
        monkeypatch.setattr(case, "role_held", lambda *_: passed)
    else:
        monkeypatch.setattr(Case, "ruled", _passing(name, Case.ruled))
    assert isinstance(answered(told), Accepted)


def _passing(name: str, ruled: Any) -> Any:
    def without(self: Case, *arguments: Any, extra: Iterable[CheckOutcome] = ()) -> Any:
        kept = [replace(outcome, state="passed") if outcome.check == name else outcome for outcome in extra]
        return ruled(self, *arguments, extra=kept)

    return without


@pytest.mark.parametrize("name", sorted(INDEPENDENCE))
def test_without_the_rule_of_independence_the_story_ends_badly(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    told = INDEPENDENCE[name]()
    assert isinstance(answered(told), Refused)
    monkeypatch.setattr(independence, name, lambda *_: True)
    assert isinstance(answered(told), Accepted)


@pytest.mark.parametrize("name", sorted(CHECKS))
def test_a_check_gives_its_own_name_and_says_what_it_requires(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    told = GUARDS[name]()
    seen: list[CheckOutcome] = []
    real = CHECKS[name]

    def watched(asked: Asked) -> CheckOutcome:
        outcome = real(asked)
        seen.append(outcome)
        return outcome

    monkeypatch.setitem(CHECKS, name, watched)
    answered(told)
    assert seen
    for outcome in seen:
        assert outcome.check == name
        assert outcome.required
        assert outcome.observed
