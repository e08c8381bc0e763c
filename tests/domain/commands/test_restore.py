"""StartRestore, ReportRestored, ReportRestoreFailed: never into production, never out of the developer's sandbox."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from interlock.domain.commands.environment import (
    BreakLease,
    ObserveFact,
    ReportMigrated,
    ReportRestored,
    ReportRestoreFailed,
    StartRestore,
)
from interlock.domain.errors import InvalidCommand
from interlock.events.catalogue.parts import AppliedMigration
from tests.domain.story import (
    DEVELOPMENT,
    PRODUCTION,
    SANDBOX,
    STAGE,
    TESTS,
    Story,
    digest,
    identity,
    lacks,
    rehearsed,
    running,
)

R = "4.12.0"
ALL = (DEVELOPMENT, TESTS, SANDBOX, STAGE, PRODUCTION)
ALLOWED = {
    *((source, DEVELOPMENT) for source in (TESTS, SANDBOX, STAGE, PRODUCTION)),
    (STAGE, SANDBOX),
    (PRODUCTION, SANDBOX),
    (PRODUCTION, STAGE),
}


def start(story: Story, environment: str = STAGE, source: str = PRODUCTION) -> StartRestore:
    return StartRestore(environment=environment, source=source, observed=story.observed(environment))


def started() -> tuple[Story, ReportRestored]:
    story = rehearsed()
    story.tick(minutes=1)
    granted = story.do("ci-1", start(story)).facts[0].event
    return story, ReportRestored(
        environment=STAGE,
        restore=granted.subject.split()[1],
        fencing_token=granted.fencing_token,
        snapshot="nightly dump",
        taken_at=story.now,
        schema_digest=digest("schema"),
    )


def failed(report: ReportRestored) -> ReportRestoreFailed:
    return ReportRestoreFailed(
        environment=STAGE, restore=report.restore, fencing_token=report.fencing_token, error="disk full"
    )


@pytest.mark.parametrize("environment", ALL)
@pytest.mark.parametrize("source", ALL)
def test_data_goes_only_where_the_policy_lets_it_go(source: str, environment: str) -> None:
    story = rehearsed()
    missing = lacks(story.ask("ci-1", start(story, environment, source)).decision)
    assert set(missing) == (set() if (source, environment) in ALLOWED else {"restore-source-allowed"})


@pytest.mark.parametrize("environment", [DEVELOPMENT, SANDBOX, STAGE])
def test_a_restore_reads_the_target_s_identity_first(environment: str) -> None:
    story = rehearsed()
    command = start(story, environment)
    wrong = replace(command, observed=replace(command.observed, identity=identity(PRODUCTION)))
    assert set(lacks(story.refuse("ci-1", wrong).decision)) == {"environment-identified"}


def test_stage_is_restored_for_the_release_that_is_there() -> None:
    story = running()
    assert "release-present" in lacks(story.refuse("ci-1", start(story)).decision)
    story = rehearsed()
    story.do("anton", story.content(R, contains=("4.11.0",), salt="2"))
    assert "release-present" in lacks(story.refuse("ci-1", start(story)).decision)


@pytest.mark.parametrize("who, environment", [("dora", STAGE), ("qa-1", STAGE), ("anton", DEVELOPMENT)])
def test_a_runner_restores_or_by_hand_whom_the_policy_lists_but_no_author(who: str, environment: str) -> None:
    story = rehearsed()
    story.refuse(who, start(story, environment), "reported-by-runner")


def test_by_hand_in_the_sandboxes() -> None:
    story = rehearsed()
    story.do("dora", start(story, DEVELOPMENT))
    story.do("qa-1", start(story, SANDBOX))


def test_a_restore_voids_what_came_after_it_in_the_order() -> None:
    story, report = started()
    assert "migrations-passed" not in lacks(story.gate(R, PRODUCTION))
    story.do("ci-1", report)
    missing = set(lacks(story.gate(R, PRODUCTION)))
    assert {"migrations-passed", "core-areas-approved"} <= missing
    assert not {"production-data-restored", "code-reviewed"} & missing


def test_a_failed_restore_voids_the_restore_before_it() -> None:
    story, report = started()
    story.do("ci-1", failed(report))
    assert {"production-data-restored", "migrations-passed", "core-areas-approved"} <= set(
        lacks(story.gate(R, PRODUCTION))
    )


@pytest.mark.parametrize("end", ["expired", "broken"])
def test_a_restore_that_gave_no_report_voids_it_too_and_leaves_stage_unsure(end: str) -> None:
    story, _ = started()
    lease = story.event("LeaseGranted").lease
    if end == "expired":
        story.tick(minutes=15)
    else:
        story.do("rm-1", BreakLease(environment=STAGE, lease=lease, reason="stuck"))
    place = story.situation.environment(STAGE)
    assert place.unsure is not None
    assert place.occupant is None
    assert {"production-data-restored", "release-present"} <= set(lacks(story.gate(R, PRODUCTION)))


def lost() -> tuple[Story, ReportRestored]:
    story, report = started()
    story.tick(minutes=15)
    return story, report


def test_only_the_same_restore_ends_what_a_lost_restore_left() -> None:
    story, _ = lost()
    story.refuse("ci-1", replace(start(story), source=SANDBOX), "environment-sure", "restore-source-allowed")
    story.restore()
    place = story.situation.environment(STAGE)
    assert place.unsure is None
    assert place.occupant is not None
    missing = set(lacks(story.gate(R, PRODUCTION)))
    assert {"migrations-passed", "core-areas-approved"} <= missing
    assert not {"production-data-restored", "code-reviewed", "release-present"} & missing


def test_a_retry_that_is_lost_as_well_may_be_tried_again() -> None:
    story, _ = lost()
    story.do("ci-1", start(story))
    story.tick(minutes=15)
    story.restore()
    assert story.situation.environment(STAGE).unsure is None


def test_a_restore_does_not_end_a_doubt_about_the_code() -> None:
    story, _ = lost()
    story.do("qa-1", ObserveFact(environment=STAGE, kind="deploy", source="kubectl", description="by hand"))
    story.refuse("ci-1", start(story), "environment-sure")


def test_a_late_report_happened_and_proves_nothing() -> None:
    story, report = lost()
    story.do("ci-1", report)
    assert story.types()[-3:] == ["FactObserved", "EnvironmentUnsure", "ProblemReported"]
    assert "production-data-restored" in lacks(story.gate(R, PRODUCTION))
    story.restore()
    assert story.situation.environment(STAGE).unsure is None


def test_a_snapshot_is_not_from_the_future() -> None:
    story, report = started()
    with pytest.raises(InvalidCommand, match="taken_at"):
        story.ask("ci-1", replace(report, taken_at=story.now + timedelta(seconds=1)))


@pytest.mark.parametrize("restore", ["S-99", "production", "from", "restore", "D-4"])
def test_a_restore_is_reported_by_its_own_name(restore: str) -> None:
    story, report = started()
    story.refuse("ci-1", replace(report, restore=restore), "lease-held")


def test_a_deploy_s_lease_carries_no_restore() -> None:
    story = rehearsed()
    deploy = story.start(R, STAGE)
    lease = story.situation.environment(STAGE).lease
    assert lease is not None
    report = ReportRestored(
        environment=STAGE, restore=deploy, fencing_token=lease.token, snapshot="s", taken_at=story.now
    )
    story.refuse("ci-1", report, "lease-held")


def test_a_restore_s_lease_carries_no_migration() -> None:
    story, report = started()
    migrated = ReportMigrated(
        release=R,
        environment=STAGE,
        migration=report.restore,
        fencing_token=report.fencing_token,
        migrations=(AppliedMigration(id=f"{R}-1", digest=digest(f"{R}-1"), duration_ms=1),),
        schema_before=digest("1"),
        schema_after=digest("2"),
    )
    story.refuse("ci-1", migrated, "lease-held")


def test_reporting_it_again_changes_nothing() -> None:
    story, report = started()
    story.do("ci-1", report)
    assert not story.do("ci-1", report).facts
    story, report = started()
    story.do("ci-1", failed(report))
    assert not story.do("ci-1", failed(report)).facts
    story.refuse("ci-1", report, "lease-held")
