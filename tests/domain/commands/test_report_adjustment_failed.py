"""ReportAdjustmentFailed: rolled back, it may be started again; unknown, its marker must tell."""

from __future__ import annotations

from dataclasses import replace

import pytest

from interlock.domain.commands.environment import BreakLease, StateContent
from interlock.domain.errors import InvalidCommand
from tests.domain import adjusting, given
from tests.domain.adjusting import OPERATOR, failed_report
from tests.domain.given import PRODUCTION, Story
from tests.domain.story import digest, lacks


@pytest.mark.parametrize("make", [adjusting.started, adjusting.backed_up, adjusting.committed])
def test_what_was_rolled_back_may_be_started_again_while_it_is_authorized(make) -> None:
    story = make()
    story.do(OPERATOR, failed_report(story))
    assert story.types()[-2:] == ["DataAdjustFailed", "LeaseReleased"]
    place = story.situation.environment(PRODUCTION)
    assert (place.unsure, place.lease, adjusting.of(story).attempt) == (None, None, None)
    adjusting.execute(story)


def test_an_unknown_outcome_leaves_production_unsure_opens_a_problem_and_lets_nothing_be_tried_again() -> None:
    story = adjusting.committed()
    before = len(story.events)
    story.do(OPERATOR, failed_report(story, "unknown"))
    assert story.types(before) == ["DataAdjustFailed", "EnvironmentUnsure", "ProblemReported", "LeaseReleased"]
    place = story.situation.environment(PRODUCTION)
    assert place.unsure is not None
    assert (place.unsure.retriable, place.occupant) == (None, None)
    assert story.event("ProblemReported").release == "4.11.0"
    assert set(lacks(story.refuse(OPERATOR, adjusting.starting(story)).decision)) == {"adjustment-open"}


def test_what_had_no_decision_to_commit_was_not_committed() -> None:
    story = adjusting.backed_up()
    with pytest.raises(InvalidCommand, match="rolled back"):
        story.ask(OPERATOR, failed_report(story, "unknown"))


@pytest.mark.parametrize("end", ["expired", "broken"])
@pytest.mark.parametrize("make", [adjusting.started, adjusting.backed_up])
def test_a_lease_lost_before_the_commit_was_decided_changed_nothing(make, end: str) -> None:
    story = make()
    before = len(story.events)
    lose(story, end)
    assert story.types(before) == [f"Lease{end.capitalize()}", "DataAdjustFailed"]
    assert story.event("DataAdjustFailed").transaction == "rolled_back"
    assert story.situation.environment(PRODUCTION).unsure is None
    assert adjusting.of(story).attempt is None
    adjusting.execute(story)


@pytest.mark.parametrize("end", ["expired", "broken"])
def test_after_it_nobody_knows(end: str) -> None:
    story = adjusting.committed()
    before = len(story.events)
    lose(story, end)
    assert story.types(before) == [
        f"Lease{end.capitalize()}", "DataAdjustFailed", "EnvironmentUnsure", "ProblemReported",
    ]  # fmt: skip
    assert story.event("DataAdjustFailed").transaction == "unknown"
    assert story.event("ProblemReported").source == "lease"
    assert adjusting.attempt(story).unknown


def lose(story: Story, end: str) -> None:
    if end == "expired":
        story.tick(minutes=15)
    else:
        lease = given.lease(story, PRODUCTION)
        story.do("rm-1", BreakLease(environment=PRODUCTION, lease=lease, reason="stuck"))


def test_two_persons_end_production_s_uncertainty_and_the_marker_the_adjustment_s() -> None:
    story = adjusting.unknown()
    story.both(
        "rm-1",
        "qa-1",
        StateContent(
            environment=PRODUCTION,
            state="content",
            release="4.11.0",
            content_digest=digest("4.11.0"),
            schema_digest=digest("schema"),
            reason="we looked",
        ),
    )
    assert story.situation.environment(PRODUCTION).unsure is None
    assert adjusting.attempt(story).unknown
    story.refuse(OPERATOR, adjusting.starting(story), "adjustment-open")


def test_a_deploy_that_failed_before_is_not_retried_over_an_unknown_adjustment() -> None:
    story = given.half_deployed()
    adjusting.request(story)
    story.restore()
    adjusting.rehearse(story)
    adjusting.verify(story, "qa-1", "qa-2")
    for make in (adjusting.starting, adjusting.backup, adjusting.committing):
        story.do(OPERATOR, make(story))
    before = story.situation.environment(PRODUCTION).unsure
    assert before is not None
    assert before.retriable is not None
    story.do(OPERATOR, failed_report(story, "unknown"))
    after = story.situation.environment(PRODUCTION).unsure
    assert after is not None
    assert after.retriable is None


@pytest.mark.parametrize("who", ["anton", "ci-1"])
def test_only_the_holder_reports_it(who: str) -> None:
    story = adjusting.committed()
    assert "lease-held" in lacks(story.refuse(who, failed_report(story)).decision)
    wrong = replace(failed_report(story), fencing_token=99)
    assert set(lacks(story.refuse(OPERATOR, wrong).decision)) == {"lease-held"}


def test_after_its_lease_was_lost_the_same_word_changes_nothing_and_another_one_is_refused() -> None:
    story = adjusting.committed()
    unknown, rolled_back = failed_report(story, "unknown"), failed_report(story)
    story.tick(minutes=15)
    assert not story.do(OPERATOR, unknown).facts
    assert set(lacks(story.refuse(OPERATOR, rolled_back).decision)) == {"lease-held"}


def test_reporting_it_again_changes_nothing() -> None:
    story = adjusting.committed()
    report = failed_report(story)
    story.do(OPERATOR, report)
    assert not story.do(OPERATOR, report).facts
