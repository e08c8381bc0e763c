"""Policy is data with a floor in code: it may add and tighten, and nothing goes under the floor."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from interlock.domain import policy as policies
from interlock.domain.checks import CHECKS
from interlock.domain.gates import DEPLOY
from interlock.domain.policy import ADDABLE_CHECKS, NotAPolicy, diff, parse, shipped

Change = Callable[[dict[str, Any]], Any]
DEVELOPMENT, TESTS, QA, REHEARSAL, PRODUCTION = range(5)


def environment(index: int, **changes: Any) -> Change:
    return lambda document: document["environments"][index].update(changes)


def figure(name: str, value: Any) -> Change:
    return lambda document: document.update({name: value})


def changed(change: Change) -> dict[str, Any]:
    document = copy.deepcopy(shipped())
    change(document)
    return document


UNDER_THE_FLOOR: dict[str, Change] = {
    **{f"drops environment {n}": lambda d, n=n: d["environments"].pop(n) for n in range(5)},  # type: ignore[misc]
    "another order": lambda d: d["environments"].reverse(),
    "a sixth environment": lambda d: d["environments"].append({"name": "x", "purpose": "production"}),
    "two of one name": environment(TESTS, name="stage"),
    "the developer's sandbox has no owner": environment(DEVELOPMENT, owned=False),
    "tests reported by hand": environment(TESTS, by_hand=["deploy"]),
    "rehearsals reported by hand": environment(REHEARSAL, by_hand=["restore"]),
    "production reported by hand": environment(PRODUCTION, by_hand=["deploy"]),
    "a restore into production": environment(PRODUCTION, restore_sources=["stage"]),
    "a restore out of the developer's sandbox": environment(QA, restore_sources=["sandbox-anton"]),
    "a restore from itself": environment(QA, restore_sources=["sandbox"]),
    "a restore from nowhere": environment(QA, restore_sources=["staging"]),
    "stage restored from the sandbox": environment(REHEARSAL, restore_sources=["sandbox", "production"]),
    "stage not restored": environment(REHEARSAL, restore_sources=[]),
    "production without a window": environment(PRODUCTION, windows=[]),
    "a window of its own": environment(PRODUCTION, windows=[{"days": ["Fri"], "opens": "09:00", "closes": "12:00"}]),
    "a longer weekend": environment(
        PRODUCTION, windows=[{"days": ["Sat", "Sun"], "opens": "09:00", "closes": "13:00"}]
    ),
    "a window that never closes": environment(QA, windows=[{"days": ["Mon"], "opens": "12:00", "closes": "09:00"}]),
    "a slow reaction to production": environment(PRODUCTION, react_minutes=16),
    "a slow reaction elsewhere": environment(QA, react_minutes=241),
    "no feed for the developer": environment(DEVELOPMENT, feed=None),
    "no feed for manual QA": environment(QA, feed=None),
    "one verification": figure("verifications", 1),
    "two verifications at high risk": figure("verifications_high_risk", 2),
    "no core area": figure("core_areas", []),
    "old snapshots": figure("snapshot_age_hours", 169),
    "a longer night": figure("nightly_grace_minutes", 121),
    "another night": figure("nightly_at", "03:00"),
    "rare log checks": figure("log_check_every_minutes", 61),
    "late log checks": figure("log_check_grace_minutes", 16),
    "requests that live longer": figure("request_life_minutes", 1441),
    "authorizations that live longer": figure("authorization_minutes", 1441),
    "questions that live longer": figure("second_person_hours", 169),
    "a longer lease": figure("lease_minutes", 16),
    "a check that is none": figure("additional_checks", {"sandbox": ["looks-good"]}),
    "a check in no environment": figure("additional_checks", {"staging": ["no-open-problem"]}),
    "a word that is not in the grammar": figure("skip_checks", ["release-window"]),
    "an environment's word that is not in the grammar": environment(QA, checks=[]),
    "adjustments that wait longer": figure("adjustment_life_hours", 169),
    "a scratch that is production": figure("scratch", "production"),
    "a scratch that is stage": figure("scratch", "stage"),
    "no check of a gate": figure("gates", {}),
    "no independence": figure("independence", False),
}


@pytest.mark.parametrize("name", UNDER_THE_FLOOR)
def test_what_goes_under_the_floor_is_no_policy(name) -> None:
    with pytest.raises(NotAPolicy):
        parse(changed(UNDER_THE_FLOOR[name]))


TIGHTER: dict[str, Change] = {
    "fresher data": figure("snapshot_age_hours", 24),
    "more verifications": figure("verifications", 3),
    "more at high risk": figure("verifications_high_risk", 5),
    "quicker reactions": environment(PRODUCTION, react_minutes=5),
    "more core areas": figure("core_areas", ["orders", "quotes", "positions", "fees"]),
    "a scratch database": figure("scratch", "scratch"),
    "shorter authorizations": figure("authorization_minutes", 60),
    "nothing by hand": environment(DEVELOPMENT, by_hand=[]),
    "fewer sources": environment(QA, restore_sources=["production"]),
    "an added check": figure("additional_checks", {"stage": ["log-watch-current"]}),
    "shorter requests": figure("request_life_minutes", 60),
}


@pytest.mark.parametrize("name", TIGHTER)
def test_what_adds_or_tightens_is_a_policy(name) -> None:
    parse(changed(TIGHTER[name]))


@pytest.mark.parametrize("reading", ["weekend", "weekdays-free"])
def test_both_readings_of_the_window_are_shipped_and_valid(reading) -> None:
    policy = parse(shipped(reading))
    assert len(policy.environments[-1].windows) == (1 if reading == "weekend" else 2)
    assert parse(json.loads(json.dumps(shipped(reading)))) == policy


def test_the_shipped_figures_are_the_designs() -> None:
    policy = parse(shipped())
    assert (policy.nightly_grace_minutes, policy.log_check_every_minutes, policy.log_check_grace_minutes) == (
        120, 60, 15,
    )  # fmt: skip
    assert [environment.react_minutes for environment in policy.environments[2:]] == [240, 240, 15]
    assert (policy.lease_minutes, policy.authorization_minutes, policy.second_person_hours) == (15, 1440, 168)
    assert (policy.snapshot_age_hours, policy.request_life_minutes, policy.adjustment_life_hours) == (168, 1440, 168)
    assert policy.scratch is None
    assert (policy.verifications, policy.verifications_high_risk) == (2, 3)
    assert policy.core_areas


def test_the_five_environments_come_in_their_order() -> None:
    names = [environment.name for environment in parse(shipped()).environments]
    assert names == ["sandbox-anton", "tests", "sandbox", "stage", "production"]


def test_every_check_that_can_be_added_is_one() -> None:
    assert set(ADDABLE_CHECKS) <= set(CHECKS)


def test_every_check_of_a_gate_is_one_and_a_gate_holds_the_ones_before_it() -> None:
    gates = [set(DEPLOY[purpose]) for purpose in policies.PURPOSES]
    assert set.union(*gates) <= set(CHECKS)
    local = {"owner-only", "data-feed-correct"}
    for earlier, later in pairwise(gates):
        assert earlier - local <= later


def test_scratch_is_a_place_and_no_environment() -> None:
    policy = parse(changed(figure("scratch", "scratch")))
    place = policy.place("scratch")
    assert place is not None
    assert place.restore_sources == ("production",)
    assert (policy.environment("scratch"), policy.index("scratch")) == (None, -1)
    assert parse(shipped()).place("scratch") is None
    assert policy.place("stage") == policy.environment("stage")


def test_what_differs_is_told_by_its_path() -> None:
    assert diff(shipped(), changed(figure("snapshot_age_hours", 24))) == [("snapshot_age_hours", 168, 24)]
    assert diff({"a": {"b": 1}}, {"a": {"b": 2}, "c": 3}) == [("a.b", 1, 2), ("c", None, 3)]


def test_what_is_wrong_is_named() -> None:
    with pytest.raises(NotAPolicy, match="verifications: Input should be greater than or equal to 2"):
        parse(changed(UNDER_THE_FLOOR["one verification"]))
