"""StateContent: two persons say what is in an environment that nobody is sure about."""

from __future__ import annotations

import pytest

from interlock.domain.commands.deploy import RequestDeploy
from interlock.domain.commands.environment import StateContent
from interlock.domain.errors import InvalidCommand
from tests.domain import given, guards
from tests.domain.given import PRODUCTION, SANDBOX, STAGE, TESTS
from tests.domain.story import SATURDAY_09, SUNDAY_09, digest


def mixed(**more: object) -> StateContent:
    return StateContent(environment=PRODUCTION, state="mixed", reason="two nodes differ", **more)  # type: ignore[arg-type]


def test_it_is_for_an_unsure_environment_only() -> None:
    given.released().refuse("rm-1", mixed(), "environment-unsure")


def test_one_person_alone_ends_no_uncertainty() -> None:
    story = given.half_deployed()
    story.do("rm-1", mixed())
    assert story.situation.environment(PRODUCTION).unsure is not None


def test_two_persons_end_it_and_the_event_names_both() -> None:
    story = given.half_deployed()
    story.both("rm-1", "dora", mixed())
    event = story.event("EnvironmentConfirmed")
    assert (event.asked_by, event.confirmed_by) == ("rm-1", "dora")
    assert story.situation.environment(PRODUCTION).unsure is None


@pytest.mark.parametrize("state", ["content", "mixed"])
def test_content_is_named_with_content_and_only_then(state) -> None:
    fields = {} if state == "content" else {"release": "4.12.0", "content_digest": digest("x")}
    with pytest.raises(InvalidCommand):
        given.half_deployed().do("rm-1", StateContent(environment=PRODUCTION, state=state, reason="seen", **fields))


def test_after_mixed_a_release_contains_the_last_sure_occupant() -> None:
    story = given.stated(given.half_deployed())
    story.prepared("4.13.0", contains=()).at(SUNDAY_09).check_logs()
    assert "includes-production" in {o.check for o in story.gate("4.13.0", PRODUCTION).missing}
    story.prepared("4.14.0", contains=("4.11.0",))
    assert "includes-production" not in {o.check for o in story.gate("4.14.0", PRODUCTION).missing}


def test_mixed_in_a_production_that_was_empty_does_not_lock_it_for_ever() -> None:
    story = given.empty().prepared("1.0.0").at(SATURDAY_09)
    story.start("1.0.0", PRODUCTION)
    story.fail("1.0.0", PRODUCTION)
    given.stated(story)
    assert "includes-production" not in {o.check for o in story.gate("1.0.0", PRODUCTION).missing}


def test_what_two_persons_state_is_no_deploy_so_a_redeploy_of_it_is_a_promotion() -> None:
    story = given.in_sandbox()
    story.problem(PRODUCTION)
    found = guards.drift(story, PRODUCTION)
    guards.stated(story, PRODUCTION)
    story.refuse(
        "anton",
        RequestDeploy(release="4.12.0", environment=PRODUCTION, problem=found),
        "environment-order",
        "manual-qa-approved",
        "code-reviewed",
        "core-areas-approved",
    )


@pytest.mark.parametrize("place", [TESTS, SANDBOX, STAGE])
def test_no_step_is_skipped_by_stating_that_a_release_is_there(place) -> None:
    story = given.developed()
    guards.drift(story, place)
    guards.stated(story, place)
    missing = {o.check for o in story.gate("4.12.0", PRODUCTION).missing}
    assert {"environment-order", "tests-passed", "manual-qa-approved", "code-reviewed"} <= missing


def test_a_statement_in_stage_ends_the_rehearsal() -> None:
    story = given.rehearsed()
    guards.drift(story, STAGE)
    guards.stated(story, STAGE)
    assert story.situation.environment(STAGE).rehearsal is None


def test_the_old_rehearsal_is_of_no_use_after_a_statement_about_production() -> None:
    story = given.stated(given.half_deployed())
    assert "rehearsal-current" in {o.check for o in story.gate("4.12.0", PRODUCTION).missing}
