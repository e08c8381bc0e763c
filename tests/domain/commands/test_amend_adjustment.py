"""AmendAdjustment: another plan, of which nothing was rehearsed, verified or authorized."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from interlock.domain.commands.adjustment import AmendAdjustment, CancelAdjustment
from interlock.domain.errors import InvalidCommand
from tests.domain import adjusting
from tests.domain.adjusting import NAME, plan
from tests.domain.given import Story
from tests.domain.story import digest, identity, lacks


def amended(**more: Any) -> AmendAdjustment:
    more.setdefault("salt", " 2")
    return AmendAdjustment(adjustment=NAME, plan=plan(**more), reason="one fill less")


def test_all_that_was_found_out_about_the_old_plan_is_void() -> None:
    story = adjusting.authorized()
    before = adjusting.of(story)
    story.do("anton", amended())
    after = adjusting.of(story)
    assert (after.rehearsal, after.verifications, after.authorization) == (None, {}, None)
    assert after.bound_digest != before.bound_digest
    assert after.expires_at == before.expires_at


def test_also_where_only_a_word_of_the_purpose_is_another_one() -> None:
    story = adjusting.authorized()
    story.do("dora", amended(salt="", purpose="Fourteen fills were booked three times."))
    assert adjusting.of(story).authorization is None


def test_who_amends_is_one_of_those_who_ask() -> None:
    story = adjusting.requested()
    story.do("qa-1", amended())
    assert adjusting.of(story).requesters == {"dora", "qa-1"}
    adjusting.rehearse(story)
    story.refuse("qa-1", adjusting.verification(story), "verifier-independent")


def test_the_old_plan_again_brings_nothing_back() -> None:
    story = adjusting.authorized()
    story.do("anton", amended())
    story.do("anton", amended(salt=""))
    after = adjusting.of(story)
    assert (after.rehearsal, after.verifications, after.authorization) == (None, {}, None)


def test_the_same_plan_is_no_change() -> None:
    story = adjusting.authorized()
    assert not story.do("anton", amended(salt="")).facts
    assert adjusting.of(story).requesters == {"dora"}


@pytest.mark.parametrize("make", [adjusting.started, adjusting.committed])
def test_not_while_it_is_executed(make: Any) -> None:
    refused = make().refuse("dora", amended())
    assert set(lacks(refused.decision)) == {"adjustment-idle"}


def test_not_while_it_is_rehearsed() -> None:
    story = adjusting.requested()
    story.do("ci-1", adjusting.start_rehearsal(story))
    assert set(lacks(story.refuse("dora", amended()).decision)) == {"adjustment-idle"}


@pytest.mark.parametrize("make", [adjusting.executed, adjusting.unknown])
def test_not_once_it_was_or_may_have_been_executed(make: Any) -> None:
    assert set(lacks(make().refuse("dora", amended()).decision)) == {"adjustment-open"}


def test_not_what_was_cancelled() -> None:
    story = adjusting.requested()
    story.do("dora", CancelAdjustment(adjustment=NAME, reason="no"))
    story.refuse("dora", amended(), "adjustment-open")


def test_the_new_plan_is_looked_at_like_the_first() -> None:
    story = adjusting.requested()
    with pytest.raises(InvalidCommand, match="rows_max"):
        story.ask("dora", amended(rows=(3, 2)))
    elsewhere = replace(plan().targets, identity=identity("stage"))
    story.refuse("dora", amended(targets=elsewhere), "environment-identified")


def test_what_takes_another_one_back_stays_its_undo_script() -> None:
    story: Story = adjusting.executed()
    undo = {"script_digest": plan().undo_digest, "undo_digest": digest("redo")}
    name = adjusting.request(story, "dora", reverts=NAME, **undo)
    with pytest.raises(InvalidCommand, match="undo script"):
        story.ask("dora", AmendAdjustment(adjustment=name, plan=plan(salt=" 2"), reason="other"))
    other = plan(purpose="Back again.", **undo)
    story.do("dora", AmendAdjustment(adjustment=name, plan=other, reason="a better word"))
