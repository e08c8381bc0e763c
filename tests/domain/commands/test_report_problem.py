"""ReportProblem: it concerns the release that ran where it was seen, and blocks it at once."""

from __future__ import annotations

import pytest

from interlock.domain.commands.deploy import RequestDeploy
from interlock.domain.commands.evidence import ApproveCodeReview, ApproveManualQA
from interlock.domain.commands.problem import ReportProblem
from interlock.domain.errors import NotFound
from tests.domain import given
from tests.domain.given import DEVELOPMENT, PRODUCTION, SANDBOX, STAGE, TESTS
from tests.domain.story import SATURDAY_09, SUNDAY_09, digest

NEXT = {DEVELOPMENT: TESTS, TESTS: SANDBOX, SANDBOX: STAGE, STAGE: PRODUCTION}
THERE = {DEVELOPMENT: given.developed, TESTS: given.tested, SANDBOX: given.in_sandbox, STAGE: given.rehearsed}


def blocked(story, release: str, place: str) -> bool:
    return "no-open-problem" in {o.check for o in story.gate(release, place).missing}


def test_it_concerns_the_release_that_ran_where_it_was_seen() -> None:
    story = given.in_sandbox()
    story.problem(SANDBOX)
    assert story.event("ProblemReported").release == "4.12.0"


@pytest.mark.parametrize("place", NEXT)
def test_at_once_it_keeps_that_release_from_leaving_that_environment(place) -> None:
    story = THERE[place]()
    assert not blocked(story, "4.12.0", NEXT[place])
    story.problem(place)
    assert blocked(story, "4.12.0", NEXT[place])


def test_it_keeps_that_release_from_being_approved_there_or_later() -> None:
    story = given.in_sandbox()
    story.problem(SANDBOX)
    story.refuse("qa-1", ApproveManualQA(release="4.12.0", environment=SANDBOX), "no-open-problem")
    story = given.in_stage()
    story.problem(SANDBOX)
    story.refuse(
        "reviewer-1",
        ApproveCodeReview(release="4.12.0", base_release="4.11.0", commit_range="a..b", diff_digest=digest("d")),
        "no-open-problem",
    )
    story.refuse("qa-2", ApproveManualQA(release="4.12.0", environment=STAGE), "no-open-problem")


def test_it_does_not_stop_new_content_from_being_deployed_up_to_where_it_was_seen() -> None:
    story = given.in_sandbox()
    story.problem(SANDBOX)
    story.do("anton", story.content("4.12.0", salt="mended", contains=("4.11.0",)))
    story.confirm("4.12.0").to_tests("4.12.0")
    story.deploy("4.12.0", SANDBOX)


def test_it_does_not_stop_other_releases() -> None:
    story = given.in_sandbox()
    story.problem(SANDBOX)
    story.develop("4.13.0", contains=("4.11.0",))
    story.do("anton", RequestDeploy(release="4.13.0", environment=TESTS))


def test_one_in_production_blocks_normal_releases_that_do_not_name_it_as_fixed() -> None:
    story = given.rehearsed()
    name = story.problem(PRODUCTION)
    assert blocked(story, "4.12.0", PRODUCTION)
    story.prepared("4.13.0", fixes=(name,))
    assert not blocked(story, "4.13.0", PRODUCTION)


def test_one_in_production_blocks_neither_the_hotfix_nor_the_rollback_that_is_linked_to_it() -> None:
    story = given.released()
    name = story.problem(PRODUCTION)
    story.hotfix("4.12.1", name)
    assert not blocked(story, "4.12.1", PRODUCTION)
    assert story.rollback(name)


def test_one_in_production_does_not_stop_a_normal_release_before_production() -> None:
    story = given.in_sandbox()
    story.do("qa-1", ApproveManualQA(release="4.12.0", environment=SANDBOX))
    story.problem(PRODUCTION)
    story.deploy("4.12.0", STAGE)


def test_a_nightly_run_that_fails_on_what_production_runs_is_a_problem_of_production() -> None:
    story = given.released()
    story.test("scheduled", failed=("test_orders",))
    event = story.event("ProblemReported")
    assert (event.environment, event.release, event.source) == (PRODUCTION, "4.12.0", "test-run")


def test_one_of_another_release_that_is_over_can_still_be_named() -> None:
    story = given.released().released("4.13.0", at=SUNDAY_09)
    story.do("qa-1", ReportProblem(environment=PRODUCTION, title="it was slow before", release="4.12.0"))
    assert story.event("ProblemReported").release == "4.12.0"
    with pytest.raises(NotFound):
        story.do("qa-1", ReportProblem(environment=PRODUCTION, title="x", release="9.9.9"))


def test_the_time_to_react_is_the_environments() -> None:
    story = given.in_sandbox().at(SATURDAY_09)
    for place, minutes in ((SANDBOX, 240), (STAGE, 240), (PRODUCTION, 15)):
        story.problem(place, title=place)
        assert (story.event("ProblemReported").react_by - story.now).seconds == minutes * 60
