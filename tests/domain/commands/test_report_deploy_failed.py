"""ReportDeployFailed: `unchanged` gives everything back; anything else leaves nobody knowing what is there."""

from __future__ import annotations

from datetime import timedelta

import pytest

from interlock.domain.commands.deploy import ReportDeployFailed, RequestDeploy
from interlock.domain.commands.environment import ObserveFact, StateContent
from interlock.domain.commands.problem import DismissProblem, ReopenProblem, ResolveProblem
from tests.domain.story import (
    PRODUCTION,
    SANDBOX,
    SATURDAY_09,
    STAGE,
    TESTS,
    TUESDAY_10,
    Story,
    digest,
    lacks,
    rehearsed,
    running,
)

R = "4.12.0"


def started(environment: str) -> Story:
    story = rehearsed().at(SATURDAY_09).check_logs()
    story.start(R, environment)
    return story


def failed(environment: str = PRODUCTION, left: str = "partial") -> Story:
    story = started(environment)
    story.fail(R, environment, left)
    return story


@pytest.mark.parametrize("environment", [TESTS, SANDBOX, STAGE, PRODUCTION])
@pytest.mark.parametrize("left", ["partial", "unknown", "other"])
def test_in_any_environment_a_failed_deploy_makes_it_unsure(environment: str, left: str) -> None:
    place = failed(environment, left).situation.environment(environment)
    assert place.occupant is None
    assert place.unsure is not None
    assert place.lease is None


@pytest.mark.parametrize("environment", [TESTS, SANDBOX, STAGE, PRODUCTION])
def test_unchanged_gives_the_environment_back(environment: str) -> None:
    story = rehearsed().at(SATURDAY_09).check_logs()
    before = story.situation.environment(environment)
    story.start(R, environment)
    story.fail(R, environment, "unchanged")
    after = story.situation.environment(environment)
    assert (after.occupant, after.unsure, after.mark) == (before.occupant, None, before.mark)


def test_unchanged_in_production_leaves_the_rehearsal_current() -> None:
    story = failed(left="unchanged")
    assert lacks(story.gate(R, PRODUCTION)) == {}


def test_a_failed_production_deploy_is_a_problem_that_concerns_the_release() -> None:
    failure = failed().event("ProblemReported")
    assert (failure.environment, failure.release, failure.source) == (PRODUCTION, R, "failed-deploy")


def test_elsewhere_a_failed_deploy_is_no_problem() -> None:
    assert "ProblemReported" not in failed(STAGE).types()


def test_the_problem_blocks_only_other_normal_releases() -> None:
    story = running()
    waiting = story.problem(SANDBOX)
    story.do("rm-1", DismissProblem(problem=waiting, reason="none"))
    story.prepared("4.13.0").prepared(R).at(SATURDAY_09).check_logs()
    story.start(R, PRODUCTION)
    story.fail(R, PRODUCTION, "unchanged")
    assert "no-open-problem" in lacks(story.gate("4.13.0", PRODUCTION))
    assert "no-open-problem" not in lacks(story.gate(R, PRODUCTION))


@pytest.mark.parametrize("command", [ResolveProblem, DismissProblem])
def test_the_problem_is_not_closed_while_production_is_unsure(command: type) -> None:
    story = failed()
    problem = story.event("ProblemReported").problem
    words = {"how": "looked"} if command is ResolveProblem else {"reason": "looked"}
    story.refuse("rm-1", command(problem=problem, **words), "production-sure")
    story.both(
        "rm-1",
        "qa-1",
        StateContent(
            environment=PRODUCTION, state="content", release="4.11.0", content_digest=digest("4.11.0"), reason="looked"
        ),
    )
    story.do("rm-1", command(problem=problem, **words))


def test_the_retry_is_linked_by_itself_and_needs_no_window_but_the_whole_gate() -> None:
    story = failed().at(SATURDAY_09 + timedelta(hours=4)).check_logs()
    problem = story.event("ProblemReported").problem
    story.do("anton", RequestDeploy(release=R, environment=PRODUCTION))
    requested = story.event("DeployRequested")
    assert requested.problem == problem
    states = {outcome.check: outcome.state for outcome in requested.decision.checks}
    assert (states["release-window"], states["environment-sure"]) == ("not_applicable", "passed")
    assert "code-reviewed" in states
    story.test(failed=("test_orders",))
    assert "tests-passed" in lacks(story.gate(R, PRODUCTION))


def test_a_retry_that_fails_again_is_the_same_problem() -> None:
    story = failed()
    story.start(R, PRODUCTION)
    story.fail(R, PRODUCTION)
    assert story.types().count("ProblemReported") == 1


def test_a_retry_waits_for_the_logs_of_what_is_half_there() -> None:
    story = failed().tick(minutes=76)
    assert set(lacks(story.gate(R, PRODUCTION))) == {"log-watch-current"}


def test_nobody_else_is_deployed_into_an_unsure_environment() -> None:
    story = failed(SANDBOX)
    story.develop("4.13.0").to_tests("4.13.0")
    story.refuse("anton", RequestDeploy(release="4.13.0", environment=SANDBOX), "environment-sure")


@pytest.mark.parametrize("environment", [SANDBOX, PRODUCTION])
def test_what_else_was_seen_meanwhile_is_not_undone_by_a_retry(environment: str) -> None:
    story = started(environment)
    story.do("qa-1", ObserveFact(environment=environment, kind="deploy", source="kubectl", description="another one"))
    story.fail(R, environment)
    story.refuse("anton", RequestDeploy(release=R, environment=environment), "environment-sure")


@pytest.mark.parametrize("environment", [SANDBOX, PRODUCTION])
def test_what_else_was_seen_afterwards_is_not_undone_by_a_retry(environment: str) -> None:
    story = failed(environment)
    story.do("qa-1", ObserveFact(environment=environment, kind="deploy", source="kubectl", description="another one"))
    story.refuse("anton", RequestDeploy(release=R, environment=environment), "environment-sure")


def test_unchanged_takes_no_doubt_away_that_came_up_meanwhile() -> None:
    story = started(PRODUCTION)
    story.do("qa-1", ObserveFact(environment=PRODUCTION, kind="deploy", source="kubectl", description="another one"))
    story.fail(R, PRODUCTION, "unchanged")
    place = story.situation.environment(PRODUCTION)
    assert place.occupant is None
    assert place.unsure is not None


def test_new_content_after_an_unchanged_failure_is_no_retry() -> None:
    story = failed(left="unchanged")
    problem = story.event("ProblemReported").problem
    story.do("anton", story.content(R, contains=("4.11.0",), salt="2"))
    story.confirm(R).to_tests(R).to_sandbox(R).rehearse(R)
    story.at(TUESDAY_10.replace(day=24)).check_logs()
    assert set(lacks(story.gate(R, PRODUCTION))) == {"release-window"}
    story.do("rm-1", ResolveProblem(problem=problem, how="a typo in the script"))
    story.do("anton", ReopenProblem(problem=problem, reason="let us go on a Tuesday"))
    assert set(lacks(story.gate(R, PRODUCTION))) == {"release-window"}


def test_reporting_it_again_changes_nothing() -> None:
    story = started(PRODUCTION)
    lease, deploy = story.situation.environment(PRODUCTION).lease, story.event("DeployStarted").deploy
    assert lease is not None
    report = ReportDeployFailed(
        release=R, deploy=deploy, fencing_token=lease.token, phase="switch", error="no", environment_left="partial"
    )
    story.do("ci-1", report)
    assert not story.do("ci-1", report).facts


def test_a_failure_reported_after_the_lease_is_something_that_happened() -> None:
    story = started(PRODUCTION)
    lease, deploy = story.situation.environment(PRODUCTION).lease, story.event("DeployStarted").deploy
    assert lease is not None
    story.tick(minutes=16)
    story.do(
        "ci-1",
        ReportDeployFailed(
            release=R,
            deploy=deploy,
            fencing_token=lease.token,
            phase="switch",
            error="no",
            environment_left="unchanged",
        ),
    )
    assert "FactObserved" in story.types()
    assert story.situation.environment(PRODUCTION).unsure is not None
