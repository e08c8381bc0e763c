"""ReportErased, MarkDataCorrupt, MarkDataClean, SetDataFeed: what an environment's data is."""

from __future__ import annotations

from dataclasses import replace

import pytest

from interlock.domain.commands.environment import MarkDataClean, MarkDataCorrupt, ReportErased, SetDataFeed
from interlock.domain.commands.evidence import StartTestRun
from tests.domain.story import (
    DEVELOPMENT,
    PRODUCTION,
    SANDBOX,
    STAGE,
    TESTS,
    Story,
    identity,
    lacks,
    rehearsed,
    running,
)

R = "4.12.0"


def erased(story: Story, environment: str, token: int | None = None) -> ReportErased:
    return ReportErased(
        environment=environment, cause="a clean start", observed=story.observed(environment), fencing_token=token
    )


def test_a_test_run_erases_under_its_own_lease() -> None:
    story = running()
    story.refuse("ci-1", erased(story, TESTS), "lease-held")
    run = story.do("ci-1", StartTestRun(environment=TESTS, trigger="scheduled", observed=story.observed(TESTS)))
    token = run.facts[-1].event.fencing_token
    story.refuse("ci-1", erased(story, TESTS, token + 1), "lease-held")
    story.do("ci-1", erased(story, TESTS, token))
    assert story.situation.environment(TESTS).data.erased
    assert not story.do("ci-1", erased(story, TESTS, token)).facts


@pytest.mark.parametrize("environment", [STAGE, PRODUCTION])
def test_nothing_is_erased_in_stage_and_production(environment: str) -> None:
    story = rehearsed()
    story.refuse("ci-1", erased(story, environment), "erase-allowed")


def test_an_erasure_reads_the_target_s_identity_first() -> None:
    story = rehearsed()
    command = erased(story, SANDBOX)
    wrong = replace(command, observed=replace(command.observed, identity=identity(PRODUCTION)))
    assert set(lacks(story.refuse("ci-1", wrong).decision)) == {"environment-identified"}


def test_nothing_is_erased_under_somebody_else_s_activity() -> None:
    story = rehearsed()
    story.start(R, SANDBOX)
    story.refuse("ci-1", erased(story, SANDBOX), "environment-free")


def test_by_hand_only_in_the_developers_sandbox_and_by_no_author() -> None:
    story = rehearsed()
    story.refuse("anton", erased(story, DEVELOPMENT), "reported-by-runner")
    story.refuse("dora", erased(story, SANDBOX), "reported-by-runner")
    story.do("dora", erased(story, DEVELOPMENT))
    assert not story.do("dora", erased(story, DEVELOPMENT)).facts


def test_a_mark_of_corruption_is_taken_off_but_what_it_voided_stays_void() -> None:
    story = rehearsed()
    story.do("anton", MarkDataCorrupt(environment=STAGE, reason="a script ran wild"))
    assert not story.do("qa-1", MarkDataCorrupt(environment=STAGE, reason="indeed")).facts
    story.refuse("anton", MarkDataClean(environment=STAGE, reason="fine"), "role-held")
    story.do("qa-1", MarkDataClean(environment=STAGE, reason="it was not"))
    assert not story.do("qa-1", MarkDataClean(environment=STAGE, reason="it was not")).facts
    assert {"production-data-restored", "migrations-passed", "core-areas-approved"} <= set(
        lacks(story.gate(R, PRODUCTION))
    )


def test_a_restore_makes_corrupt_data_good_again() -> None:
    story = rehearsed()
    story.do("qa-1", MarkDataCorrupt(environment=STAGE, reason="a script ran wild"))
    story.tick(minutes=1)
    story.restore()
    assert story.situation.environment(STAGE).data.corrupt is None
    assert "production-data-restored" not in lacks(story.gate(R, PRODUCTION))


def test_corrupt_data_elsewhere_leaves_the_rehearsal_alone() -> None:
    story = rehearsed()
    before = lacks(story.gate(R, PRODUCTION))
    for environment in (DEVELOPMENT, TESTS, SANDBOX):
        story.do("qa-1", MarkDataCorrupt(environment=environment, reason="a script ran wild"))
    assert set(lacks(story.gate(R, PRODUCTION))) == set(before)


def test_the_feed_is_what_was_said_last() -> None:
    story = running()
    story.do("rm-1", SetDataFeed(environment=SANDBOX, feed="IEX Sandbox"))
    story.do("rm-1", SetDataFeed(environment=SANDBOX, feed="IEX Production", volume_percent=10))
    data = story.situation.environment(SANDBOX).data
    assert (data.feed, data.volume_percent) == ("IEX Production", 10)
    assert not story.do("rm-1", SetDataFeed(environment=SANDBOX, feed="IEX Production", volume_percent=10)).facts


@pytest.mark.parametrize("who", ["reviewer-1", "admin-1"])
def test_who_may_set_the_feed(who: str) -> None:
    running().refuse(who, SetDataFeed(environment=SANDBOX, feed="IEX Sandbox"), "role-held")
