"""Stories of deploys, migrations and tests that go wrong."""

from __future__ import annotations

from dataclasses import replace

import pytest

from interlock.domain.commands.deploy import ReportDeploySucceeded, RequestDeploy, RequestRollback, StartDeploy
from interlock.domain.commands.environment import (
    ObserveFact,
    ReportMigrationFailed,
    StartMigration,
    StateContent,
)
from interlock.domain.commands.evidence import ApproveCodeReview, ApproveManualQA, StartTestRun
from interlock.domain.commands.governance import ConfirmAsked
from interlock.domain.commands.problem import ResolveProblem
from interlock.events.catalogue.parts import Migration
from tests.domain.story import (
    ALL_AREAS,
    PRODUCTION,
    SANDBOX,
    SATURDAY_09,
    STAGE,
    SUNDAY_09,
    TESTS,
    TUESDAY_10,
    Story,
    digest,
    lacks,
    rehearsed,
    running,
)

R = "4.12.0"


def stated(story: Story, environment: str = PRODUCTION, release: str = "4.11.0", content: str | None = None) -> None:
    story.both(
        "rm-1",
        "qa-1",
        StateContent(
            environment=environment,
            state="content",
            release=release,
            content_digest=content or digest(release),
            schema_digest=story.situation.environment(environment).mark.schema_digest,
            reason="we looked",
        ),
    )


def test_a_migration_that_fails_in_stage_takes_a_new_restore_and_everything_after_it() -> None:
    story = running().develop(R, contains=("4.11.0",)).to_tests(R).to_sandbox(R)
    story.deploy(R, STAGE)
    story.do(
        "reviewer-1",
        ApproveCodeReview(release=R, base_release="4.11.0", commit_range="v1..v2", diff_digest=digest("diff")),
    )
    story.tick(minutes=1)
    story.restore()
    granted = story.do("ci-1", StartMigration(release=R, environment=STAGE, observed=story.observed(STAGE)))
    lease = granted.facts[0].event
    story.do(
        "ci-1",
        ReportMigrationFailed(
            release=R,
            environment=STAGE,
            migration=lease.subject.split()[1],
            fencing_token=lease.fencing_token,
            error="lock timeout",
        ),
    )
    core = ApproveManualQA(release=R, environment=STAGE, areas=ALL_AREAS)
    story.refuse("qa-2", core, "production-data-restored", "migrations-passed")
    assert "code-reviewed" not in lacks(story.gate(R, PRODUCTION))
    story.restore()
    story.migrate(R)
    story.do("qa-2", core)
    assert set(lacks(story.gate(R, PRODUCTION))) == {"release-window"}


def test_a_migration_that_fails_in_production_leaves_two_ways_and_two_persons() -> None:
    migrations = (Migration(id="drop-column", digest=digest("m"), backward_compatible=False),)
    story = running().prepared(R, migrations=migrations).at(SATURDAY_09).check_logs()
    story.start(R, PRODUCTION)
    story.fail(R, PRODUCTION)
    failure = story.event("ProblemReported")
    assert (failure.environment, failure.release) == (PRODUCTION, R)
    # Not back, for the migration may have run half; and nobody else comes in; but the same work again may.
    story.refuse("rm-1", RequestRollback(environment=PRODUCTION, problem=failure.problem), "rollback-compatible")
    story.deploy(R, PRODUCTION)
    occupant = story.situation.environment(PRODUCTION).occupant
    assert occupant is not None
    assert occupant.release == R
    story.do("rm-1", ResolveProblem(problem=failure.problem, how="the second try worked"))


def test_a_content_that_two_persons_state_after_a_failure_keeps_its_migrations() -> None:
    migrations = (Migration(id="drop-column", digest=digest("m"), backward_compatible=False),)
    story = running().prepared(R, migrations=migrations).at(SATURDAY_09).check_logs()
    story.start(R, PRODUCTION)
    story.fail(R, PRODUCTION)
    content = story.situation.releases[R].content
    assert content is not None
    stated(story, PRODUCTION, R, content.digest)
    story.refuse("rm-1", RequestRollback(environment=PRODUCTION, problem="P-1"), "rollback-compatible")


def test_tests_that_turn_red_after_qa_hold_the_release_where_it_is() -> None:
    story = running().develop(R, contains=("4.11.0",)).to_tests(R).to_sandbox(R)
    story.test(failed=("test_orders",))
    refused = story.refuse("anton", RequestDeploy(release=R, environment=STAGE))
    assert set(lacks(refused.decision)) == {"tests-passed"}
    story.test()
    story.do("anton", RequestDeploy(release=R, environment=STAGE))


def test_tests_that_turn_red_after_the_rehearsal_hold_it_in_stage() -> None:
    story = rehearsed().at(SATURDAY_09).check_logs()
    story.test(failed=("test_orders",))
    assert set(lacks(story.gate(R, PRODUCTION))) == {"tests-passed"}
    story.test()
    assert lacks(story.gate(R, PRODUCTION)) == {}


@pytest.mark.parametrize("there", ["the old one", "the new one"])
def test_a_deploy_that_failed_half_way_and_was_stated_by_two_persons_cannot_use_the_old_rehearsal(there: str) -> None:
    story = rehearsed().at(SATURDAY_09).check_logs()
    story.start(R, PRODUCTION)
    story.fail(R, PRODUCTION)
    content = story.situation.releases[R].content
    assert content is not None
    if there == "the old one":
        stated(story)
    else:
        stated(story, PRODUCTION, R, content.digest)
    assert "rehearsal-current" in lacks(story.gate(R, PRODUCTION))
    story.do("rm-1", ResolveProblem(problem="P-1", how="we looked"))
    story.refuse("anton", RequestDeploy(release=R, environment=PRODUCTION), "rehearsal-current")
    base = story.situation.environment(PRODUCTION).occupant
    assert base is not None
    story.rehearse(R).at(SUNDAY_09).check_logs()
    assert lacks(story.gate(R, PRODUCTION)) == {}


def test_stating_needs_two_persons() -> None:
    story = rehearsed().at(SATURDAY_09).check_logs()
    story.start(R, PRODUCTION)
    story.fail(R, PRODUCTION)
    state = StateContent(
        environment=PRODUCTION, state="content", release="4.11.0", content_digest=digest("4.11.0"), reason="looked"
    )
    ask = story.do("rm-1", state).facts[0].event.ask
    story.refuse("rm-1", ConfirmAsked(ask=ask), "second-person")
    assert story.situation.environment(PRODUCTION).unsure is not None


def test_a_lease_that_expires_under_a_running_deploy_leaves_nobody_knowing() -> None:
    story = rehearsed().at(SATURDAY_09).check_logs()
    deploy = story.start(R, PRODUCTION)
    lease = story.situation.environment(PRODUCTION).lease
    content = story.situation.releases[R].content
    assert lease is not None
    assert content is not None
    before = len(story.events)
    story.tick(minutes=15)
    assert story.types(before) == ["LeaseExpired", "EnvironmentUnsure", "ProblemReported"]
    problem = story.event("ProblemReported")
    assert (problem.release, problem.failed_deploy) == (R, deploy)
    # The deploy goes on in the world and comes back too late: it happened, and is no success.
    story.do(
        "ci-1",
        ReportDeploySucceeded(release=R, deploy=deploy, fencing_token=lease.token, observed_digest=content.digest),
    )
    place = story.situation.environment(PRODUCTION)
    assert place.occupant is None
    assert place.unsure is not None
    assert story.situation.releases[R].open
    # What happened late is a problem of its own; once somebody looked at it, the same work again settles the rest.
    story.refuse("anton", RequestDeploy(release=R, environment=PRODUCTION), "no-open-problem")
    story.do("rm-1", ResolveProblem(problem=story.event("ProblemReported").problem, how="it is its own deploy"))
    story.deploy(R, PRODUCTION)
    assert story.situation.environment(PRODUCTION).unsure is None


def test_a_deploy_made_behind_interlock_s_back_is_shown_as_such() -> None:
    story = rehearsed().at(SATURDAY_09).check_logs()
    story.do(
        "qa-1",
        ObserveFact(
            environment=PRODUCTION,
            kind="drift",
            source="cron",
            description="an image nobody released",
            observed_digest=digest("mystery"),
        ),
    )
    assert story.types()[-3:] == ["DriftDetected", "EnvironmentUnsure", "ProblemReported"]
    missing = lacks(story.gate(R, PRODUCTION))
    assert {"environment-sure", "no-open-problem", "rehearsal-current"} <= set(missing)
    stated(story)
    story.do("rm-1", ResolveProblem(problem=story.event("ProblemReported").problem, how="put back by hand"))
    story.rehearse(R).at(SUNDAY_09).check_logs().deploy(R, PRODUCTION)


def test_an_unasked_deploy_of_the_release_itself_proves_nothing_for_it() -> None:
    story = running().develop(R)
    content = story.situation.releases[R].content
    assert content is not None
    story.do(
        "qa-1",
        ObserveFact(
            environment=PRODUCTION,
            kind="drift",
            source="cron",
            description="somebody was faster",
            observed_digest=content.digest,
        ),
    )
    stated(story, PRODUCTION, R, content.digest)
    story.at(TUESDAY_10)
    assert {"tests-passed", "manual-qa-approved", "code-reviewed", "release-window"} <= set(
        lacks(story.gate(R, PRODUCTION))
    )


def test_a_release_that_somebody_put_back_by_hand_was_not_brought_by_its_old_deploy() -> None:
    story = running().develop(R).to_tests(R)
    content = story.situation.releases[R].content
    assert content is not None
    story.develop("4.13.0").to_tests("4.13.0")
    story.do("qa-1", ObserveFact(environment=TESTS, kind="deploy", source="kubectl", description="4.12.0 by hand"))
    stated(story, TESTS, R, content.digest)
    run = StartTestRun(environment=TESTS, trigger="manual", observed=story.observed(TESTS))
    assert set(lacks(story.refuse("ci-1", run).decision)) == {"release-present"}
    story.do("anton", RequestDeploy(release=R, environment=TESTS))
    assert story.event("DeployRequested").intent == "promote"


def test_a_false_alarm_takes_nothing_from_the_release_that_was_there_all_the_time() -> None:
    story = running().develop(R).to_tests(R)
    content = story.situation.releases[R].content
    assert content is not None
    story.do("qa-1", ObserveFact(environment=TESTS, kind="deploy", source="kubectl", description="somebody thought"))
    stated(story, TESTS, R, content.digest)
    story.test()
    assert "tests-passed" not in lacks(story.gate(R, SANDBOX))


def test_a_retry_is_compared_with_what_the_first_attempt_found_not_with_what_that_left() -> None:
    story = rehearsed().at(SATURDAY_09).check_logs()
    story.start(R, PRODUCTION)
    story.fail(R, PRODUCTION)
    deploy = story.do("anton", RequestDeploy(release=R, environment=PRODUCTION)).facts[0].event.deploy
    half_migrated = replace(story.observed(PRODUCTION), schema_digest=digest("half migrated"))
    story.do("ci-1", StartDeploy(release=R, deploy=deploy, observed=half_migrated))


def test_a_statement_does_not_turn_the_release_before_into_one_that_may_be_redeployed() -> None:
    story = running().released(R)
    content = story.situation.releases[R].content
    assert content is not None
    story.hotfix("4.12.1", story.problem()).deploy("4.12.1", PRODUCTION)
    story.do("qa-1", ObserveFact(environment=PRODUCTION, kind="deploy", source="kubectl", description="4.12.0 is back"))
    stated(story, PRODUCTION, R, content.digest)
    refused = story.refuse("anton", RequestDeploy(release=R, environment=PRODUCTION, problem="P-1"))
    assert {"release-present", "rehearsal-current", "code-reviewed"} <= set(lacks(refused.decision))
