"""ReportAdjustmentBackup: the touched rows are kept before anybody decides about the commit."""

from __future__ import annotations

from dataclasses import replace

import pytest

from interlock.domain.errors import InvalidCommand
from tests.domain import adjusting
from tests.domain.adjusting import NAME, OPERATOR
from tests.domain.story import digest, lacks


def test_digest_and_place_are_recorded_and_no_rows() -> None:
    story = adjusting.backed_up()
    event = story.event("DataAdjustBackupTaken")
    assert (event.backup_digest, event.lease) == (digest("backup"), adjusting.attempt(story).lease)


@pytest.mark.parametrize("who", ["anton", "ci-1", "admin-1"])
def test_only_the_holder_of_the_lease_reports_it(who: str) -> None:
    story = adjusting.started()
    assert "lease-held" in lacks(story.refuse(who, adjusting.backup(story)).decision)


def test_only_with_its_token() -> None:
    story = adjusting.started()
    wrong = replace(adjusting.backup(story), fencing_token=99)
    assert set(lacks(story.refuse(OPERATOR, wrong).decision)) == {"lease-held"}


def test_not_after_the_lease() -> None:
    story = adjusting.started()
    command = adjusting.backup(story)
    story.tick(minutes=15)
    story.refuse(OPERATOR, command, "lease-held")


def test_a_backup_of_an_earlier_attempt_is_none_of_this_one() -> None:
    story = adjusting.backed_up()
    story.do(OPERATOR, adjusting.failed_report(story))
    story.do(OPERATOR, adjusting.starting(story))
    assert set(lacks(story.refuse(OPERATOR, adjusting.committing(story)).decision)) == {"backup-taken"}


def test_another_backup_takes_the_place_of_the_first_until_the_commit_is_decided() -> None:
    story = adjusting.backed_up()
    other = replace(adjusting.backup(story), backup_digest=digest("backup 2"))
    story.do(OPERATOR, other)
    assert adjusting.attempt(story).backup == digest("backup 2")
    story.do(OPERATOR, adjusting.committing(story))
    with pytest.raises(InvalidCommand, match="backup_digest"):
        story.ask(OPERATOR, adjusting.backup(story))


def test_one_adjustment_s_lease_carries_no_other_one_s_backup() -> None:
    story = adjusting.started()
    adjusting.request(story, "anton", salt=" 2")
    other = replace(adjusting.backup(story), adjustment="ADJ-2")
    assert other.adjustment != NAME
    assert set(lacks(story.refuse(OPERATOR, other).decision)) == {"lease-held"}
