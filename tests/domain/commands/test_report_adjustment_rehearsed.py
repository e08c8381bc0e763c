"""ReportAdjustmentRehearsed and ReportAdjustmentRehearsalFailed: always rolled back, the latest one counts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from interlock.domain.commands.adjustment import ReportAdjustmentRehearsalFailed, ReportAdjustmentRehearsed
from interlock.domain.commands.environment import BreakLease, MarkDataCorrupt
from tests.domain import adjusting, given
from tests.domain.adjusting import NAME, ROWS, start_rehearsal
from tests.domain.given import STAGE, Story
from tests.domain.story import digest, lacks


def rehearsing() -> tuple[Story, ReportAdjustmentRehearsed]:
    story = adjusting.requested()
    story.do("ci-1", start_rehearsal(story))
    return story, adjusting.rehearsed_report(story)


def failed(story: Story) -> ReportAdjustmentRehearsalFailed:
    token = given.token(story, STAGE)
    return ReportAdjustmentRehearsalFailed(adjustment=NAME, environment=STAGE, fencing_token=token, error="13 rows")


def test_it_names_the_restore_the_data_s_time_and_the_schema_that_was_read() -> None:
    story, report = rehearsing()
    restore = story.situation.environment(STAGE).data.restored
    event = story.do("ci-1", report).facts[0].event
    assert restore is not None
    assert (event.restore, event.data_taken_at) == (restore.restore, restore.taken_at)
    assert (event.schema_digest, event.bound_digest) == (digest("schema"), adjusting.of(story).bound_digest)
    assert story.types()[-2:] == ["DataAdjustRehearsed", "LeaseReleased"]


def test_stage_and_its_own_rehearsal_are_as_before() -> None:
    story = adjusting.requested()
    before = story.situation.environment(STAGE)
    adjusting.rehearse(story)
    after = story.situation.environment(STAGE)
    assert (after.rehearsal, after.data, after.occupant, after.unsure) == (
        before.rehearsal,
        before.data,
        before.occupant,
        None,
    )


def test_the_latest_rehearsal_of_the_plan_counts() -> None:
    story, report = rehearsing()
    story.do("ci-1", report)
    story.do("ci-1", start_rehearsal(story))
    story.do("ci-1", failed(story))
    story.refuse("qa-1", adjusting.verification(story), "adjustment-rehearsed")
    adjusting.rehearse(story)
    story.do("qa-1", adjusting.verification(story))


@pytest.mark.parametrize("rows", [ROWS - 1, ROWS + 1])
def test_what_touched_more_or_fewer_rows_than_expected_went_not_well(rows: int) -> None:
    story, report = rehearsing()
    refused = story.refuse("ci-1", replace(report, rows=rows))
    assert set(lacks(refused.decision)) == {"within-expected-effect"}
    story.do("ci-1", failed(story))


def test_data_that_turned_out_corrupt_meanwhile_show_nothing() -> None:
    story, report = rehearsing()
    story.do("qa-1", MarkDataCorrupt(environment=STAGE, reason="edited"))
    assert set(lacks(story.refuse("ci-1", report).decision)) == {"rehearsed-on-production-data"}


def test_data_that_turn_out_corrupt_afterwards_void_what_was_rehearsed_on_them() -> None:
    story = adjusting.authorized()
    story.do("qa-1", MarkDataCorrupt(environment=STAGE, reason="edited"))
    story.refuse(adjusting.OPERATOR, adjusting.starting(story), "adjustment-rehearsed")


def test_a_later_restore_s_corruption_says_nothing_of_an_earlier_rehearsal() -> None:
    story = adjusting.authorized()
    story.tick(minutes=1).restore()
    story.do("qa-1", MarkDataCorrupt(environment=STAGE, reason="edited"))
    story.do(adjusting.OPERATOR, adjusting.starting(story))


@pytest.mark.parametrize("token", [1, 99])
def test_only_the_lease_s_holder_reports_with_its_token(token: int) -> None:
    story, report = rehearsing()
    assert "lease-held" in lacks(story.refuse("ci-1", replace(report, fencing_token=token)).decision)
    assert "lease-held" in lacks(story.refuse("ci-1", replace(failed(story), fencing_token=token)).decision)


def test_no_person_reports_it() -> None:
    story, report = rehearsing()
    for who in ("dora", "operator-1"):
        story.refuse(who, report, "role-held", "reported-by-runner")


@pytest.mark.parametrize("end", ["expired", "broken"])
def test_a_lost_lease_is_a_failed_rehearsal_and_makes_nothing_unsure(end: str) -> None:
    story, report = rehearsing()
    before = len(story.events)
    if end == "expired":
        story.tick(minutes=15)
    else:
        story.do("rm-1", BreakLease(environment=STAGE, lease=given.lease(story, STAGE), reason="stuck"))
    assert story.types(before) == [f"Lease{end.capitalize()}", "DataAdjustRehearsalFailed"]
    place = story.situation.environment(STAGE)
    assert (place.unsure, place.lease) == (None, None)
    assert place.occupant is not None
    assert place.data.restored is not None
    rehearsal = adjusting.of(story).rehearsal
    assert rehearsal is not None
    assert not rehearsal.good
    story.refuse("ci-1", report, "lease-held")
    adjusting.rehearse(story)


def test_one_rehearsal_s_report_is_not_another_adjustment_s() -> None:
    story, report = rehearsing()
    adjusting.request(story, "anton", salt=" 2")
    assert "lease-held" in lacks(story.refuse("ci-1", replace(report, adjustment="ADJ-2")).decision)


def test_reporting_it_again_changes_nothing() -> None:
    story, report = rehearsing()
    story.do("ci-1", report)
    assert not story.do("ci-1", report).facts
    story, report = rehearsing()
    failure = failed(story)
    story.do("ci-1", failure)
    assert not story.do("ci-1", failure).facts
    story.refuse("ci-1", report, "lease-held")
