"""ReportAdjustmentExecuted: committed, once, by who held the lease; anything else happened around Interlock."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from interlock.domain.errors import InvalidCommand
from tests.domain import adjusting
from tests.domain.adjusting import OPERATOR, executed_report
from tests.domain.given import PRODUCTION, Story
from tests.domain.story import digest, lacks


def test_it_is_executed_by_the_holder_and_production_is_free_and_sure() -> None:
    story = adjusting.committed()
    facts = story.do(OPERATOR, executed_report(story)).facts
    assert [type(new.event).__name__ for new in facts] == ["DataAdjustExecuted", "LeaseReleased"]
    event = facts[0].event
    assert (event.executed_by, event.by_marker) == (OPERATOR, False)
    assert event.bound_digest == adjusting.of(story).bound_digest
    place = story.situation.environment(PRODUCTION)
    assert (place.lease, place.unsure) == (None, None)


@pytest.mark.parametrize("who", ["anton", "ci-1", "rm-1"])
def test_nobody_but_the_holder_reports_it(who: str) -> None:
    story = adjusting.committed()
    assert "lease-held" in lacks(story.refuse(who, executed_report(story)).decision)


@pytest.mark.parametrize("more", [{"rows": 13}, {"before": digest("other")}, {"after": digest("other")}])
def test_what_was_committed_is_what_was_decided(more: dict[str, object]) -> None:
    story = adjusting.committed()
    with pytest.raises(InvalidCommand, match="rows"):
        story.ask(OPERATOR, replace(executed_report(story), **more))  # type: ignore[arg-type]


def test_an_operator_who_is_none_any_more_still_says_what_became_of_it() -> None:
    story = adjusting.committed()
    adjusting.designate(story, "anton")
    story.do(OPERATOR, executed_report(story))
    assert adjusting.of(story).executed_by == OPERATOR


def around(story: Story, before: int) -> None:
    """It is recorded as observed, opens a problem, leaves production unsure, and executes nothing."""
    assert story.types(before)[-3:] == ["FactObserved", "EnvironmentUnsure", "ProblemReported"]
    assert story.event("FactObserved").kind == "adjustment"
    assert "DataAdjustExecuted" not in story.types(before)
    assert story.situation.environment(PRODUCTION).unsure is not None


@pytest.mark.parametrize("make", [adjusting.started, adjusting.backed_up])
def test_what_was_committed_without_a_decision_happened_around_interlock(make) -> None:
    story = make()
    before = len(story.events)
    story.do(OPERATOR, executed_report(story))
    around(story, before)


@pytest.mark.parametrize("make", [adjusting.started, adjusting.committed])
@pytest.mark.parametrize("watched", [True, False])
def test_what_is_reported_after_its_lease_happened_and_proves_nothing(make, watched: bool) -> None:
    story = make()
    report = executed_report(story)
    before = len(story.events)
    if watched:
        story.tick(minutes=15)
    else:
        story.now += timedelta(minutes=15)
    story.do(OPERATOR, report)
    assert story.types(before)[:2] == ["LeaseExpired", "DataAdjustFailed"]
    around(story, before)
    assert not story.do(OPERATOR, report).facts


def test_what_the_record_says_was_rolled_back_and_is_said_to_be_committed_happened_around_interlock() -> None:
    story = adjusting.committed()
    report = executed_report(story)
    story.do(OPERATOR, adjusting.failed_report(story))
    before = len(story.events)
    story.do(OPERATOR, report)
    around(story, before)


@pytest.mark.parametrize("who,token", [("anton", None), (OPERATOR, 99)])
def test_but_not_by_anybody_and_not_with_a_token_that_nobody_ever_had(who: str, token: int | None) -> None:
    story = adjusting.committed()
    report = executed_report(story)
    story.tick(minutes=15)
    command = replace(report, fencing_token=token or report.fencing_token)
    assert set(lacks(story.refuse(who, command).decision)) == {"lease-held"}


def test_what_takes_another_one_back_says_so_in_that_one_s_stream() -> None:
    story = adjusting.executed()
    name = adjusting.revert(story)
    adjusting.execute(story, name)
    assert story.types()[-3:] == ["DataAdjustExecuted", "DataAdjustReverted", "LeaseReleased"]
    assert story.event("DataAdjustReverted").by == name
    assert set(story.situation.adjustments) == {name}


def test_reporting_it_again_changes_nothing() -> None:
    story = adjusting.committed()
    report = executed_report(story)
    story.do(OPERATOR, report)
    assert not story.do(OPERATOR, report).facts
