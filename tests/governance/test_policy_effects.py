"""What a proposed policy would change for what is open, before anybody approves it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from interlock.domain.commands.deploy import RequestDeploy
from interlock.domain.commands.governance import ApprovePolicy, ProposePolicy
from interlock.domain.explain import gates
from interlock.domain.policy import shipped
from interlock.domain.policy_effects import GateChanged, after_approval, effects
from interlock.events.codec import digest_of
from tests.domain import adjusting, given
from tests.domain.story import PRODUCTION, SANDBOX, SATURDAY_09, STAGE, Story


def proposed(story: Story, **changes: Any) -> tuple[GateChanged, ...]:
    return effects(story.situation, 2, {**shipped(), **changes}, story.now)


def approved(story: Story, **changes: Any) -> Story:
    document = {**shipped(), **changes}
    story.do("rm-1", ProposePolicy(document=document, reason="x"))
    story.do("admin-1", ApprovePolicy(version=2, document_digest=digest_of(document)))
    return story


AREAS: dict[str, Any] = {"core_areas": ["orders", "quotes", "positions", "risk"]}


def on_saturday() -> Story:
    return given.rehearsed().at(SATURDAY_09).check_logs()


def test_a_gate_that_would_shut_is_named_with_its_check() -> None:
    [gate] = proposed(on_saturday(), **AREAS)
    assert (gate.subject, gate.environment, gate.flips) == ("4.12.0", PRODUCTION, True)
    [check] = gate.checks
    assert check.flips
    assert check.before is not None
    assert check.after is not None
    assert (check.check, check.before.state, check.after.state) == ("core-areas-approved", "passed", "needed")
    assert check.after.observed == "missing: risk"


def test_figures_that_change_no_answer_are_told_as_figures() -> None:
    [gate] = proposed(on_saturday(), snapshot_age_hours=167)
    [check] = gate.checks
    assert (gate.flips, check.flips, check.check) == (False, False, "production-data-restored")


def test_an_added_check_was_not_asked_before() -> None:
    [gate] = proposed(given.in_sandbox(), additional_checks={SANDBOX: ["includes-production"]})
    [check] = gate.checks
    assert (check.check, check.before) == ("includes-production", None)
    assert gate.environment == SANDBOX
    # It would pass: one check more that stands in nobody's way changes no answer.
    assert (check.flips, gate.flips) == (False, False)


def test_a_check_that_would_not_be_asked_any_more_is_named() -> None:
    story = approved(given.in_sandbox(), additional_checks={SANDBOX: ["includes-production"]})
    found = effects(story.situation, 3, shipped(), story.now)
    assert [(check.check, check.after) for gate in found for check in gate.checks] == [("includes-production", None)]


def test_what_the_release_was_opened_under_still_binds_it() -> None:
    # The window on weekdays opens nothing for a release of the first policy; for one that is opened later it does.
    story = given.rehearsed()
    assert proposed(story, environments=shipped("weekdays-free")["environments"]) == ()
    approved(story, environments=shipped("weekdays-free")["environments"])
    story.refuse("anton", RequestDeploy(release="4.12.0", environment=PRODUCTION), "release-window")


def test_the_same_policy_changes_nothing() -> None:
    assert proposed(on_saturday()) == ()
    assert proposed(given.running(), **AREAS) == ()


def test_what_is_told_is_what_comes() -> None:
    told = on_saturday()
    before, now = told.situation, told.now
    foreseen = {(gate.environment): gate.after for gate in proposed(told, **AREAS)}
    approved(told, **AREAS)
    came = gates(told.situation, "4.12.0", now)
    assert foreseen.keys() == {PRODUCTION}
    assert came[PRODUCTION].checks == foreseen[PRODUCTION].checks
    untouched = gates(before, "4.12.0", now)
    assert all(came[name].checks == untouched[name].checks for name in came if name != PRODUCTION)


def test_only_open_releases_are_told_of() -> None:
    assert proposed(given.released(), **AREAS) == ()
    # One that is over stays in the situation as long as something there is about it.
    story = on_saturday()
    over = {name: replace(each, state="withdrawn") for name, each in story.situation.releases.items()}
    assert effects(replace(story.situation, releases=over), 2, {**shipped(), **AREAS}, story.now) == ()


def test_each_open_release_is_told_of_in_their_order() -> None:
    story = on_saturday()
    story.develop("4.13.0", contains=("4.11.0", "4.12.0"))
    found = [(gate.subject, gate.environment) for gate in proposed(story, **AREAS)]
    assert found == [("4.12.0", PRODUCTION), ("4.13.0", PRODUCTION)]


def test_looking_changes_nothing() -> None:
    story = on_saturday()
    before = story.situation
    after = after_approval(before, 2, {**shipped(), **AREAS})
    assert (before.policy_version, after.policy_version) == (1, 2)
    assert before == story.situation
    assert STAGE in {gate.environment for gate in proposed(story, additional_checks={STAGE: ["log-watch-current"]})}


def test_an_authorized_adjustment_that_would_not_be_executed_any_more_is_named() -> None:
    [gate] = proposed(adjusting.authorized(), verifications=3)
    assert (gate.kind, gate.subject, gate.environment, gate.flips) == ("adjustment", "ADJ-1", PRODUCTION, True)
    assert [check.check for check in gate.checks if check.flips] == ["adjustment-verified"]
    assert proposed(adjusting.executed(), verifications=3) == ()


def test_each_open_adjustment_is_told_of_in_their_order() -> None:
    story = adjusting.authorized()
    first = adjusting.of(story)
    earlier = replace(first, adjustment="ADJ-0", position=first.position - 1)
    situation = replace(story.situation, adjustments={**story.situation.adjustments, "ADJ-0": earlier})
    found = effects(situation, 2, {**shipped(), "verifications": 3}, story.now)
    assert [gate.subject for gate in found] == ["ADJ-0", "ADJ-1"]
