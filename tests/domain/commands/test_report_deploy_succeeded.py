"""ReportDeploySucceeded: the release is the occupant; what is too late or other than asked is no success."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from interlock.domain.commands.deploy import ReportDeploySucceeded, RequestDeploy
from interlock.domain.commands.environment import ObserveFact, RenewLease, StateContent
from interlock.domain.commands.release import OpenRelease
from interlock.domain.errors import InvalidCommand, NotFound
from tests.domain.story import (
    PRODUCTION,
    SATURDAY_09,
    STAGE,
    TESTS,
    Story,
    digest,
    lacks,
    rehearsed,
    running,
)

R = "4.12.0"


def started(environment: str = PRODUCTION) -> tuple[Story, ReportDeploySucceeded]:
    story = rehearsed().at(SATURDAY_09).check_logs()
    deploy = story.start(R, environment)
    lease = story.situation.environment(environment).lease
    content = story.situation.releases[R].content
    assert lease is not None
    assert content is not None
    return story, ReportDeploySucceeded(
        release=R,
        deploy=deploy,
        fencing_token=lease.token,
        observed_digest=content.digest,
        schema_digest=digest("schema after"),
    )


def test_the_release_is_the_occupant_with_the_digest_of_its_content() -> None:
    story, report = started()
    story.do("ci-1", report)
    place = story.situation.environment(PRODUCTION)
    assert place.occupant is not None
    assert (place.occupant.release, place.occupant.content) == (R, report.observed_digest)
    assert place.lease is None
    assert place.mark.schema_digest == digest("schema after")


def test_a_release_is_completed_when_it_reaches_production() -> None:
    story, report = started()
    assert [type(new.event).__name__ for new in story.do("ci-1", report).facts] == [
        "DeploySucceeded",
        "LeaseReleased",
        "ReleaseCompleted",
    ]


def test_open_releases_that_it_contains_are_superseded_with_their_requests() -> None:
    story = running().develop("4.11.5")
    story.do("anton", OpenRelease(name="4.11.6", kind="normal", title="stays"))
    story.prepared(R, contains=("4.11.0", "4.11.5")).at(SATURDAY_09).check_logs()
    story.do("anton", RequestDeploy(release="4.11.5", environment=TESTS))
    story.deploy(R, PRODUCTION)
    assert story.types()[-3:] == ["ReleaseCompleted", "DeployCancelled", "ReleaseSuperseded"]
    assert story.event("ReleaseSuperseded").by == R
    assert (set(story.situation.releases), set(story.situation.requests)) == ({R, "4.11.6"}, set())


@pytest.mark.parametrize("after, outside", [(0, False), (170, False), (181, True)])
def test_a_deploy_that_finishes_late_is_recorded_as_such_not_cut(after: int, *, outside: bool) -> None:
    story, report = started()
    for _ in range(after // 10):
        story.tick(minutes=10)
        lease = story.situation.environment(PRODUCTION).lease
        assert lease is not None
        story.do("ci-1", RenewLease(environment=PRODUCTION, lease=lease.lease, fencing_token=lease.token))
    story.tick(minutes=after % 10)
    story.do("ci-1", report)
    assert story.event("DeploySucceeded").finished_outside_window is outside


@pytest.mark.parametrize("known, outside", [(True, False), (False, True)])
def test_a_deploy_that_was_done_in_its_window_is_not_late_because_its_report_was(*, known: bool, outside: bool) -> None:
    story, report = started()
    for _ in range(17):
        story.tick(minutes=10)
        lease = story.situation.environment(PRODUCTION).lease
        assert lease is not None
        story.do("ci-1", RenewLease(environment=PRODUCTION, lease=lease.lease, fencing_token=lease.token))
    happened = story.now + timedelta(minutes=9)
    story.tick(minutes=12)
    story.do("ci-1", replace(report, happened_at=happened if known else None))
    assert story.event("DeploySucceeded").finished_outside_window is outside


def test_another_content_than_asked_for_is_a_failed_deploy() -> None:
    story, report = started()
    story.do("ci-1", replace(report, observed_digest=digest("something else")))
    failed = story.event("DeployFailed")
    assert (failed.environment_left, failed.observed_digest) == ("other", digest("something else"))
    place = story.situation.environment(PRODUCTION)
    assert place.occupant is None
    assert place.unsure is not None


@pytest.mark.parametrize("who", ["anton", "rm-1"])
def test_nobody_reports_it_in_the_runner_s_place(who: str) -> None:
    story, report = started()
    story.refuse(who, report, "reported-by-runner", "lease-held")


def test_the_token_must_be_the_lease_s() -> None:
    story, report = started()
    story.refuse("ci-1", replace(report, fencing_token=report.fencing_token + 1), "lease-held")


def test_a_report_after_the_lease_is_no_success_but_something_that_happened() -> None:
    story, report = started()
    story.tick(minutes=15)
    story.do("ci-1", report)
    place = story.situation.environment(PRODUCTION)
    assert story.types()[-3:] == ["FactObserved", "EnvironmentUnsure", "ProblemReported"]
    assert place.occupant is None
    assert place.unsure is not None
    assert story.situation.releases[R].open


def test_a_late_report_comes_too_late_even_before_anybody_ended_the_lease() -> None:
    story, report = started()
    story.now += timedelta(minutes=15)
    story.do("ci-1", report)
    assert story.types()[-6:] == [
        "LeaseExpired",
        "EnvironmentUnsure",
        "ProblemReported",
        "FactObserved",
        "EnvironmentUnsure",
        "ProblemReported",
    ]


def test_a_late_report_under_a_running_retry_leaves_the_environment_unsure_after_it() -> None:
    story, report = started()
    story.tick(minutes=16).check_logs()
    story.start(R, PRODUCTION)
    story.do("ci-1", report)
    story.finish(R, PRODUCTION)
    place = story.situation.environment(PRODUCTION)
    assert place.occupant is None
    assert place.unsure is not None


def test_what_was_seen_while_it_ran_is_not_made_sure_by_its_success() -> None:
    story, report = started(STAGE)
    story.do("qa-1", ObserveFact(environment=STAGE, kind="deploy", source="kubectl", description="somebody else"))
    story.do("ci-1", report)
    assert story.situation.environment(STAGE).unsure is not None
    story.refuse("anton", RequestDeploy(release=R, environment=STAGE), "environment-sure")
    story.both(
        "qa-1",
        "rm-1",
        StateContent(
            environment=STAGE, state="content", release=R, content_digest=report.observed_digest, reason="looked"
        ),
    )
    assert story.situation.environment(STAGE).unsure is None


def test_reporting_it_again_changes_nothing() -> None:
    story, report = started()
    story.do("ci-1", report)
    assert not story.do("ci-1", report).facts


def test_a_failed_deploy_does_not_succeed_afterwards() -> None:
    story, report = started()
    story.fail(R, PRODUCTION)
    assert "lease-held" in lacks(story.refuse("ci-1", report).decision)


def test_what_was_never_started_is_not_reported() -> None:
    story, report = started()
    with pytest.raises(NotFound, match="D-99"):
        story.ask("ci-1", replace(report, deploy="D-99"))


def test_it_is_reported_of_its_own_release() -> None:
    story, report = started()
    story.develop("4.13.0")
    with pytest.raises(InvalidCommand, match=r"4\.12\.0"):
        story.ask("ci-1", replace(report, release="4.13.0"))
