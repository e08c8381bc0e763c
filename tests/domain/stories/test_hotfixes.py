"""Stories of hotfixes: what they overtake, what they waive, and what becomes of them."""

from __future__ import annotations

from datetime import timedelta

from interlock.domain.commands.deploy import RequestDeploy
from interlock.domain.commands.problem import ResolveProblem
from interlock.domain.commands.release import ConfirmHotfix
from tests.domain.story import (
    PRODUCTION,
    SANDBOX,
    SATURDAY_09,
    STAGE,
    SUNDAY_09,
    TESTS,
    TUESDAY_10,
    Story,
    lacks,
    rehearsed,
    running,
)

R, H = "4.12.0", "4.11.1"


def overtaken() -> Story:
    """4.12.0 waited in stage when 4.11.1 went to production on a Tuesday."""
    story = rehearsed().at(TUESDAY_10).check_logs()
    problem = story.problem()
    story.hotfix(H, problem).deploy(H, PRODUCTION)
    story.do("rm-1", ResolveProblem(problem=problem, how="fixed", fixed_by_release=H))
    return story


def test_a_hotfix_overtakes_a_release_that_waits_in_stage_and_is_not_stopped_by_it() -> None:
    occupant = overtaken().situation.environment(PRODUCTION).occupant
    assert occupant is not None
    assert occupant.release == H


def test_the_release_that_was_overtaken_must_take_the_hotfix_in_and_be_rehearsed_again() -> None:
    story = overtaken()
    missing = lacks(story.gate(R, PRODUCTION))
    assert missing["includes-production"].observed == f"does not contain {H}"
    assert missing["release-present"].observed == f"{H} is in {STAGE}"
    story.do("anton", story.content(R, salt="with the hotfix", contains=("4.11.0", H)))
    assert {"tests-passed", "manual-qa-approved", "code-reviewed", "rehearsal-current"} <= set(
        lacks(story.gate(R, PRODUCTION))
    )
    story.confirm(R).to_tests(R).to_sandbox(R).rehearse(R)
    story.at(SATURDAY_09).check_logs().deploy(R, PRODUCTION)
    assert story.event("ReleaseCompleted").deploy == story.event("DeploySucceeded").deploy


def test_deploying_the_old_content_to_stage_again_does_not_help_the_release_that_was_overtaken() -> None:
    story = overtaken().rehearse(R).at(SATURDAY_09).check_logs()
    assert set(lacks(story.gate(R, PRODUCTION))) == {"includes-production"}


def test_a_hotfix_that_stays_out_of_stage_still_makes_the_rehearsal_there_stale() -> None:
    story = rehearsed().at(TUESDAY_10).check_logs()
    problem = story.problem()
    story.hotfix(H, problem)
    story.rehearse(R)
    # The hotfix lost stage: it must come back there before it may leave for production.
    assert "release-present" in lacks(story.gate(H, PRODUCTION))
    story.rehearse(H)
    story.deploy(H, PRODUCTION)
    assert "rehearsal-current" in lacks(story.gate(R, PRODUCTION))


def test_a_hotfix_whose_problem_is_resolved_under_it_obeys_the_window() -> None:
    story = running()
    problem = story.problem()
    story.hotfix(H, problem).at(TUESDAY_10)
    story.do("rm-1", ResolveProblem(problem=problem, how="by itself"))
    refused = story.refuse("dora", RequestDeploy(release=H, environment=PRODUCTION))
    assert set(lacks(refused.decision)) == {"release-window"}
    assert refused.decision.allowed_at == SATURDAY_09
    story.do("dora", RequestDeploy(release=H, environment=PRODUCTION, at_window=True))
    story.at(SATURDAY_09)
    assert story.types()[-1] == "DeployReady"


def test_or_links_another_open_problem_confirmed_anew() -> None:
    story = running()
    problem, other = story.problem(), story.problem(title="orders are slow")
    story.hotfix(H, problem).at(TUESDAY_10)
    story.do("rm-1", ResolveProblem(problem=problem, how="by itself"))
    named = RequestDeploy(release=H, environment=PRODUCTION, problem=other)
    story.refuse("dora", named, "release-window")
    story.do("qa-1", ConfirmHotfix(release=H, problem=other))
    story.deploy(H, PRODUCTION)
    assert story.event("DeployStarted").problem == other


def test_a_hotfix_displaces_a_normal_release_but_skips_no_step() -> None:
    story = rehearsed()
    problem = story.problem()
    story.hotfix(H, problem)
    where = [e.event.environment for e in story.events if e.type == "DeploySucceeded" and e.event.release == H]
    assert where == ["sandbox-anton", TESTS, SANDBOX, STAGE]
    replaced = [e.event.replaced_release for e in story.events if e.type == "DeployStarted" and e.event.release == H]
    assert replaced == [R] * 4


def test_an_open_production_problem_blocks_the_others_but_not_its_hotfix() -> None:
    story = rehearsed()
    story.hotfix(H, story.problem()).at(SATURDAY_09).check_logs()
    assert "no-open-problem" in lacks(story.gate(R, PRODUCTION))
    assert lacks(story.gate(H, PRODUCTION)) == {}


def test_a_redeploy_that_would_drop_a_hotfix_is_a_promotion_and_refused() -> None:
    story = running().released(R)
    story.hotfix("4.12.1", story.problem()).deploy("4.12.1", PRODUCTION)
    story.at(SUNDAY_09).check_logs()
    refused = story.refuse("anton", RequestDeploy(release=R, environment=PRODUCTION))
    missing = lacks(refused.decision)
    assert missing["includes-production"].observed == "does not contain 4.12.1"
    assert {"release-present", "rehearsal-current", "no-open-problem"} <= set(missing)


def test_a_redeploy_of_the_hotfix_itself_is_none() -> None:
    story = running().released(R)
    story.hotfix("4.12.1", story.problem()).deploy("4.12.1", PRODUCTION)
    story.do("dora", RequestDeploy(release="4.12.1", environment=PRODUCTION))
    assert story.event("DeployRequested").intent == "redeploy"
    assert story.now < SATURDAY_09 + timedelta(hours=3)
