"""StartMigration, ReportMigrated, ReportMigrationFailed: on data that was restored after this deploy, once."""

from __future__ import annotations

from dataclasses import replace

import pytest

from interlock.domain.commands.environment import ReportMigrated, ReportMigrationFailed, StartMigration
from interlock.domain.errors import InvalidCommand
from interlock.events.catalogue.parts import AppliedMigration, Migration
from tests.domain.story import (
    PRODUCTION,
    SANDBOX,
    STAGE,
    Story,
    digest,
    empty_production,
    identity,
    lacks,
    rehearsed,
    running,
)

R = "4.12.0"
RAN = (AppliedMigration(id=f"{R}-1", digest=digest(f"{R}-1"), duration_ms=38_000),)


def restored() -> Story:
    story = running().develop(R, contains=("4.11.0",)).to_tests(R).to_sandbox(R)
    story.deploy(R, STAGE)
    story.tick(minutes=1)
    story.restore()
    return story


def start(story: Story, release: str = R) -> StartMigration:
    return StartMigration(release=release, environment=STAGE, observed=story.observed(STAGE))


def started() -> tuple[Story, ReportMigrated]:
    story = restored()
    granted = story.do("ci-1", start(story)).facts[0].event
    return story, ReportMigrated(
        release=R,
        environment=STAGE,
        migration=granted.subject.split()[1],
        fencing_token=granted.fencing_token,
        migrations=RAN,
        schema_before=digest("schema"),
        schema_after=digest("schema 2"),
    )


def failed(report: ReportMigrated) -> ReportMigrationFailed:
    return ReportMigrationFailed(
        release=R,
        environment=STAGE,
        migration=report.migration,
        fencing_token=report.fencing_token,
        error="lock timeout",
        failed_migration=f"{R}-1",
    )


def test_the_record_says_on_which_restore_and_since_which_release() -> None:
    story, report = started()
    story.do("ci-1", report)
    migrated = story.event("StageMigrated")
    assert (migrated.restore, migrated.base_release) == (story.event("DataRestored").restore, "4.11.0")
    assert (migrated.migrations, migrated.schema_after) == (RAN, digest("schema 2"))


def test_a_migration_needs_a_restore_made_after_this_deploy() -> None:
    story = restored()
    story.deploy(R, STAGE)
    outcome = lacks(story.refuse("ci-1", start(story)).decision)
    assert set(outcome) == {"restored-after-deploy"}
    assert outcome["restored-after-deploy"].next == "dt env restore stage --from production"


def test_migrations_run_once_on_a_restore() -> None:
    story, report = started()
    story.do("ci-1", report)
    outcome = lacks(story.refuse("ci-1", start(story)).decision)["restored-after-deploy"]
    assert outcome.observed == "the migrations ran on it already"


def test_a_failed_migration_voids_the_restore_it_ran_on() -> None:
    story, report = started()
    story.do("ci-1", failed(report))
    assert story.event("EvidenceInvalidated").evidence == ("DataRestored stage",)
    missing = lacks(story.gate(R, PRODUCTION))
    assert missing["migrations-passed"].observed == "failed: a new restore comes first"
    assert "production-data-restored" in missing
    story.refuse("ci-1", start(story), "restored-after-deploy")
    story.restore()
    story.migrate(R)
    assert "migrations-passed" not in lacks(story.gate(R, PRODUCTION))


def test_a_migration_that_gave_no_report_voids_it_too_and_takes_two_persons() -> None:
    story, _ = started()
    story.tick(minutes=15)
    assert "production-data-restored" in lacks(story.gate(R, PRODUCTION))
    story.refuse("ci-1", start(story), "environment-sure", "restored-after-deploy")


@pytest.mark.parametrize(
    "ran",
    [(), (*RAN, AppliedMigration(id="x", digest=digest("x"), duration_ms=1)), (replace(RAN[0], digest=digest("x")),)],
    ids=["none", "one more", "another digest"],
)
def test_exactly_the_release_s_migrations_ran(ran: tuple[AppliedMigration, ...]) -> None:
    story, report = started()
    assert set(lacks(story.refuse("ci-1", replace(report, migrations=ran)).decision)) == {"migrations-complete"}


def test_what_ran_is_compared_with_what_is_in_stage_also_after_new_content() -> None:
    story, report = started()
    story.do(
        "anton",
        story.content(
            R, salt="2", migrations=(Migration(id="other", digest=digest("other"), backward_compatible=True),)
        ),
    )
    story.do("ci-1", report)
    assert "StageMigrated" not in story.types()
    assert story.situation.environment(STAGE).lease is None


def test_stage_migrates_the_release_that_is_there() -> None:
    story = restored()
    story.develop("4.13.0").to_tests("4.13.0").to_sandbox("4.13.0")
    story.refuse("ci-1", start(story, "4.13.0"), "release-present", "restored-after-deploy")


def test_a_migration_is_reported_of_the_release_it_was_started_for() -> None:
    story, report = started()
    story.develop("4.13.0")
    for other in (replace(report, release="4.13.0"), replace(failed(report), release="4.13.0")):
        with pytest.raises(InvalidCommand, match=r"M-1 is one of 4\.12\.0"):
            story.ask("ci-1", other)


def test_migrations_are_rehearsed_in_stage() -> None:
    story = restored()
    with pytest.raises(InvalidCommand, match="rehearsed in stage"):
        story.ask("ci-1", replace(start(story), environment=SANDBOX))


def test_a_migration_reads_the_target_s_identity_first() -> None:
    story = restored()
    wrong = replace(start(story), observed=replace(story.observed(STAGE), identity=identity(PRODUCTION)))
    assert set(lacks(story.refuse("ci-1", wrong).decision)) == {"environment-identified"}


@pytest.mark.parametrize("who", ["anton", "dora", "rm-1"])
def test_no_person_migrates_stage(who: str) -> None:
    story = restored()
    story.refuse(who, start(story), "reported-by-runner")


def test_before_the_first_release_stage_starts_empty() -> None:
    story = empty_production().develop(R).to_tests(R).to_sandbox(R)
    story.deploy(R, STAGE)
    story.migrate(R)
    assert "migrations-passed" not in lacks(story.gate(R, PRODUCTION))


def test_a_late_report_happened_and_proves_nothing() -> None:
    story, report = started()
    story.tick(minutes=15)
    story.do("ci-1", report)
    assert "StageMigrated" not in story.types()
    assert "FactObserved" in story.types()


def test_reporting_it_again_changes_nothing() -> None:
    story, report = started()
    story.do("ci-1", report)
    assert not story.do("ci-1", report).facts
    story, report = started()
    story.do("ci-1", failed(report))
    assert not story.do("ci-1", failed(report)).facts
    assert rehearsed().situation.environment(STAGE).rehearsal is not None
