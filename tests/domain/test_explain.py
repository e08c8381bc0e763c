"""Why, and why not: the same answer as the decision that is stored then, and nothing recorded."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given as forall
from hypothesis import settings
from hypothesis import strategies as st

from interlock.domain.commands import COMMANDS
from interlock.domain.commands.deploy import RequestDeploy
from interlock.domain.decide import Accepted, Submitted, decide
from interlock.domain.errors import InvalidCommand, NotFound
from interlock.domain.explain import explain, gate, gates
from interlock.events.catalogue.refusals import ActionRefused
from interlock.events.decision import Decision
from tests.domain import adjusting, given
from tests.domain.examples import EXAMPLES
from tests.domain.given import DEVELOPMENT, PRODUCTION, SANDBOX, STAGE, TESTS, Story
from tests.domain.guards import GUARDS
from tests.domain.story import SATURDAY_09

PLACES = (DEVELOPMENT, TESTS, SANDBOX, STAGE, PRODUCTION)
MOMENTS = {
    "developed": given.developed, "tested": given.tested, "in sandbox": given.in_sandbox, "in stage": given.in_stage,
    "rehearsed": given.rehearsed, "released": given.released, "half deployed": given.half_deployed,
}  # fmt: skip


def without_role(decision: Decision) -> list[object]:
    return [outcome for outcome in decision.checks if outcome.check != "role-held"]


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_an_explanation_is_the_decision_and_changes_nothing(name) -> None:
    story, who, command = EXAMPLES[name]()
    submitted = Submitted(command=command, actor=given.actor(story, who))
    seen = given.seen(story, command)
    told = explain(seen, submitted, story.now)
    assert told == decide(seen, submitted, story.now).decision
    assert explain(seen, submitted, story.now) == told


@pytest.mark.parametrize("name", sorted(GUARDS))
def test_a_refusal_is_stored_with_the_explanation_that_was_given(name) -> None:
    story, who, command = GUARDS[name]()
    actor = given.actor(story, who)
    told = explain(given.seen(story, command), Submitted(command=command, actor=actor), story.now)
    story.refuse(who, command, name)
    event: ActionRefused = story.event("ActionRefused")
    assert event.decision == told
    assert story.events[-1].stream == f"refusals/{actor.id}"


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("place", PLACES)
def test_a_gate_is_the_decision_that_a_request_gets_then(moment, place) -> None:
    story = MOMENTS[moment]()
    told = story.gate("4.12.0", place)
    answer = story.ask("anton", RequestDeploy(release="4.12.0", environment=place))
    assert without_role(answer.decision) == list(told.checks)
    assert told.allowed is isinstance(answer, Accepted)


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_stored_decision_can_be_asked_for_again_in_the_past(moment) -> None:
    story = MOMENTS[moment]()
    before, now = story.situation, story.now
    answer = story.ask("anton", RequestDeploy(release="4.12.0", environment=PRODUCTION))
    stored = story.event("ActionRefused" if answer.decision.missing else "DeployRequested").decision
    story.tick(hours=30)
    story.problem(PRODUCTION)
    assert list(gate(before, "4.12.0", PRODUCTION, now).checks) == without_role(stored)


def test_all_gates_come_in_their_order() -> None:
    story = given.rehearsed()
    assert tuple(gates(story.situation, "4.12.0", story.now)) == PLACES


def test_a_gate_of_nothing_is_not_found() -> None:
    story = given.rehearsed()
    for release, place in (("9.9.9", PRODUCTION), ("4.12.0", "staging")):
        with pytest.raises(NotFound):
            story.gate(release, place)


def test_where_time_alone_is_missing_it_is_said_when_and_how_to_wait() -> None:
    decision = given.rehearsed().gate("4.12.0", PRODUCTION)
    assert decision.allowed_at == SATURDAY_09
    assert decision.next[0].command == "dt deploy 4.12.0 production --at-window"


def test_where_more_is_missing_no_moment_is_promised() -> None:
    story = given.rehearsed()
    story.problem(STAGE)
    decision = story.gate("4.12.0", PRODUCTION)
    assert decision.allowed_at is None
    assert not any("--at-window" in step.command for step in decision.next)


def test_everything_that_is_missing_is_shown_and_not_only_the_first() -> None:
    missing = {outcome.check for outcome in given.developed().gate("4.12.0", PRODUCTION).missing}
    assert {"environment-order", "tests-passed", "manual-qa-approved", "code-reviewed", "release-window"} <= missing


def test_at_a_window_only_a_release_that_lacks_nothing_else_is_queued() -> None:
    story = given.in_stage()
    story.refuse("anton", RequestDeploy(release="4.12.0", environment=PRODUCTION, at_window=True), "code-reviewed")


# -- refusals


def refused_again(story: Story, after: timedelta):
    command = RequestDeploy(release="4.12.0", environment=SANDBOX)
    story.refuse("anton", command, "environment-order")
    first = len(story.events)
    story.now += after
    return story.refuse("anton", command, "environment-order"), first


def test_the_same_refusal_within_an_hour_is_the_first_one_and_not_stored_again() -> None:
    again, first = refused_again(given.developed(), timedelta(hours=1) - timedelta(microseconds=1))
    assert (again.facts, again.position) == ((), first)


def test_after_an_hour_it_is_stored_again() -> None:
    again, _ = refused_again(given.developed(), timedelta(hours=1))
    assert [type(new.event) for new in again.facts] == [ActionRefused]


def test_somebody_elses_refusal_or_another_reason_is_another_one() -> None:
    story = given.developed()
    command = RequestDeploy(release="4.12.0", environment=SANDBOX)
    assert story.refuse("anton", command).facts
    assert story.refuse("dora", command).facts
    story.do("qa-1", EXAMPLES["HoldRelease"]()[2])
    assert story.refuse("anton", command).facts


def test_a_refusal_disturbs_no_release() -> None:
    story = given.developed()
    before = story.situation
    story.refuse("anton", RequestDeploy(release="4.12.0", environment=SANDBOX))
    assert story.situation.releases == before.releases
    assert story.situation.version_of("release/4.12.0") == before.version_of("release/4.12.0")


@settings(max_examples=60)
@forall(st.sampled_from(sorted(COMMANDS)), st.sampled_from(sorted(MOMENTS)), st.integers(0, 200))
def test_no_command_at_an_odd_moment_is_more_than_refused(name, moment, hours) -> None:
    _, who, command = EXAMPLES[name]()
    story = MOMENTS[moment]()
    now = story.now + timedelta(hours=hours)
    submitted = Submitted(command=command, actor=given.actor(story, who))
    try:
        answer = decide(given.seen(story, command), submitted, now)
    except (NotFound, InvalidCommand):
        return
    replace(story, now=now)._record(given.seen(story, command), given.actor(story, who), command, answer.facts)


def test_the_gate_of_an_adjustment_is_the_decision_that_its_start_gets_then() -> None:
    story = adjusting.verified()
    shown = adjusting.gate(story)
    assert shown.result == "refused"
    decision = story.refuse("operator-1", adjusting.starting(story)).decision
    assert {o.check: o.state for o in shown.checks} == {
        o.check: o.state for o in decision.checks if o.check != "role-held"
    }
    authorized = adjusting.authorized()
    assert adjusting.gate(authorized).allowed
    assert all(outcome.required and outcome.observed for outcome in adjusting.gate(authorized).checks)
