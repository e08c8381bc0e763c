"""StartAdjustmentRehearsal: on data restored from production, with production's schema, in stage or in scratch."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from interlock.domain.commands.adjustment import CancelAdjustment
from interlock.domain.commands.deploy import RequestDeploy
from interlock.domain.commands.environment import (
    BreakLease,
    FreezeEnvironment,
    MarkDataClean,
    MarkDataCorrupt,
    ObserveFact,
    RegisterEnvironment,
    StartRestore,
)
from interlock.domain.errors import InvalidCommand, NotFound
from interlock.events.catalogue.parts import Observed
from tests.domain import adjusting, given
from tests.domain.adjusting import NAME, SCRATCH, start_rehearsal
from tests.domain.given import PRODUCTION, SANDBOX, STAGE, Story
from tests.domain.story import digest, identity, lacks


def refused(story: Story, who: str = "ci-1", environment: str = STAGE) -> set[str]:
    return set(lacks(story.refuse(who, start_rehearsal(story, environment=environment)).decision))


def test_the_runner_takes_the_lease_of_stage() -> None:
    story = adjusting.requested()
    story.do("ci-1", start_rehearsal(story))
    lease = story.situation.environment(STAGE).lease
    assert lease is not None
    assert (lease.kind, lease.subject, lease.adjustment) == ("adjustment", f"rehearsal {NAME}", NAME)


@pytest.mark.parametrize("who", ["dora", "operator-1", "rm-1"])
def test_no_person_rehearses_it(who: str) -> None:
    assert refused(adjusting.requested(), who) == {"role-held", "reported-by-runner"}


@pytest.mark.parametrize("environment", [SANDBOX, "tests", "sandbox-anton", PRODUCTION])
def test_nowhere_else(environment: str) -> None:
    story = adjusting.requested()
    with pytest.raises(InvalidCommand, match="rehearsed in stage"):
        story.ask("ci-1", start_rehearsal(story, environment=environment))


def test_where_there_is_no_scratch_it_is_not_known() -> None:
    story = adjusting.requested()
    with pytest.raises(NotFound):
        story.ask("ci-1", start_rehearsal(story, environment=SCRATCH))


def test_not_on_corrupt_data_and_not_after_they_are_said_to_be_clean() -> None:
    story = adjusting.requested()
    story.do("qa-1", MarkDataCorrupt(environment=STAGE, reason="edited"))
    assert refused(story) == {"rehearsed-on-production-data"}
    story.do("qa-1", MarkDataClean(environment=STAGE, reason="it was not"))
    assert refused(story) == {"rehearsed-on-production-data"}
    story.restore()
    story.do("ci-1", start_rehearsal(story))


def test_not_where_nothing_is_restored() -> None:
    story = given.in_stage()
    adjusting.request(story)
    assert refused(story) == {"rehearsed-on-production-data"}


def test_on_data_of_up_to_a_week() -> None:
    story = adjusting.ready()
    taken = story.now
    story.at(taken + timedelta(hours=168))
    adjusting.request(story)
    young = given.copied(story)
    young.do("ci-1", start_rehearsal(young))
    story.now += timedelta(microseconds=1)
    assert refused(story) == {"rehearsed-on-production-data"}


@pytest.mark.parametrize("schema", [None, digest("another schema")])
def test_only_with_production_s_schema(schema: str | None) -> None:
    story = adjusting.requested()
    command = replace(start_rehearsal(story), observed=Observed(identity=identity(STAGE), schema_digest=schema))
    assert set(lacks(story.refuse("ci-1", command).decision)) == {"rehearsed-on-production-data"}


def test_the_migrations_of_a_release_give_stage_another_schema() -> None:
    """Its runner reads it: what a release is about to bring is not what production has."""
    story = adjusting.requested()
    story.migrate("4.12.0")
    observed = replace(adjusting.seen_in(story, STAGE), schema_digest=digest("schema of 4.12.0"))
    story.refuse("ci-1", replace(start_rehearsal(story), observed=observed), "rehearsed-on-production-data")


def test_it_reads_the_target_s_identity_first() -> None:
    story = adjusting.requested()
    wrong = replace(adjusting.seen_in(story, STAGE), identity=identity(PRODUCTION))
    refusal = story.refuse("ci-1", replace(start_rehearsal(story), observed=wrong))
    assert set(lacks(refusal.decision)) == {"environment-identified"}


def test_as_any_start_it_needs_a_free_sure_and_unfrozen_environment() -> None:
    story = adjusting.requested()
    busy = given.copied(story)
    busy.do("ci-1", start_rehearsal(busy))
    assert refused(busy) == {"environment-free"}
    frozen = given.copied(story)
    frozen.do("rm-1", FreezeEnvironment(environment=STAGE, reason="audit"))
    assert refused(frozen) == {"no-freeze"}
    story.do("qa-1", ObserveFact(environment=STAGE, kind="adjustment", source="psql", description="by hand"))
    assert refused(story) == {"environment-sure"}


def test_not_of_what_is_over_or_executed() -> None:
    story = adjusting.executed()
    assert refused(story) == {"adjustment-open"}
    story = adjusting.requested()
    story.do("dora", CancelAdjustment(adjustment=NAME, reason="no"))
    assert refused(story) == {"adjustment-open"}


def test_an_authorized_one_may_be_rehearsed_once_more() -> None:
    story = adjusting.authorized()
    adjusting.rehearse(story)
    assert adjusting.of(story).authorization is not None


# -- the scratch database


def test_a_scratch_database_serves_and_leaves_stage_alone() -> None:
    story = adjusting.with_scratch()
    adjusting.rehearse(story, environment=SCRATCH)
    rehearsal = adjusting.of(story).rehearsal
    assert rehearsal is not None
    assert (rehearsal.good, rehearsal.environment) == (True, SCRATCH)


def test_nothing_is_ever_deployed_to_scratch() -> None:
    story = adjusting.with_scratch()
    story.develop("4.12.0")
    with pytest.raises(NotFound):
        story.ask("anton", RequestDeploy(release="4.12.0", environment=SCRATCH))


@pytest.mark.parametrize("source", [STAGE, SANDBOX, "tests", "sandbox-anton"])
def test_scratch_is_restored_from_production_and_from_nothing_else(source: str) -> None:
    story = adjusting.with_scratch()
    command = StartRestore(environment=SCRATCH, source=source, observed=adjusting.seen_in(story, SCRATCH))
    assert set(lacks(story.refuse("ci-1", command).decision)) == {"restore-source-allowed"}


def test_scratch_is_another_database_than_every_environment() -> None:
    story = adjusting.with_scratch()
    for environment, other in ((SCRATCH, PRODUCTION), (STAGE, SCRATCH)):
        with pytest.raises(InvalidCommand, match="is registered with this server and database"):
            story.ask("admin-1", RegisterEnvironment(environment=environment, identity=identity(other)))


def test_corrupt_scratch_data_are_replaced_by_another_restore() -> None:
    story = adjusting.with_scratch()
    story.do("qa-1", MarkDataCorrupt(environment=SCRATCH, reason="edited"))
    assert refused(story, environment=SCRATCH) == {"rehearsed-on-production-data"}
    story.restore(SCRATCH)
    adjusting.rehearse(story, environment=SCRATCH)


def test_a_restore_into_scratch_that_was_lost_is_made_again() -> None:
    story = adjusting.with_scratch()
    observed = adjusting.seen_in(story, SCRATCH)
    story.do("ci-1", StartRestore(environment=SCRATCH, source=PRODUCTION, observed=observed))
    story.tick(minutes=15)
    assert refused(story, environment=SCRATCH) == {"rehearsed-on-production-data"}
    story.restore(SCRATCH)
    adjusting.rehearse(story, environment=SCRATCH)


def test_a_scratch_that_the_policy_names_no_more_gives_its_lease_back() -> None:
    story = adjusting.with_scratch()
    story.do("ci-1", start_rehearsal(story, environment=SCRATCH))
    other = given.copied(story)
    for told in (story, other):
        adjusting.tightened(told, scratch="other-scratch")
    story.tick(minutes=15)
    assert story.types()[-2:] == ["LeaseExpired", "DataAdjustRehearsalFailed"]
    lease = given.lease(other, SCRATCH)
    other.do("rm-1", BreakLease(environment=SCRATCH, lease=lease, reason="stuck"))
    with pytest.raises(NotFound):
        other.ask("ci-1", start_rehearsal(other, environment=SCRATCH))
