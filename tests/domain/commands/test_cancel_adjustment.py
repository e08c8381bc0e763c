"""CancelAdjustment: a request is taken back before its execution, and not after it."""

from __future__ import annotations

from typing import Any

import pytest

from interlock.domain.commands.adjustment import AmendAdjustment, CancelAdjustment
from tests.domain import adjusting
from tests.domain.adjusting import NAME, OPERATOR
from tests.domain.story import lacks

CANCEL = CancelAdjustment(adjustment=NAME, reason="the exchange mended it")


@pytest.mark.parametrize("who", ["dora", "rm-1"])
def test_who_asked_for_it_or_a_release_manager_takes_it_back(who: str) -> None:
    story = adjusting.authorized()
    story.do(who, CANCEL)
    assert NAME not in story.situation.adjustments
    assert f"adjustment/{NAME}" not in story.situation.versions


def test_who_amended_it_too() -> None:
    story = adjusting.requested()
    story.do("anton", AmendAdjustment(adjustment=NAME, plan=adjusting.plan(salt=" 2"), reason="more"))
    story.do("anton", CANCEL)


@pytest.mark.parametrize("who", ["anton", OPERATOR, "qa-1"])
def test_nobody_else(who: str) -> None:
    story = adjusting.authorized()
    refused = story.refuse(who, CANCEL)
    assert set(lacks(refused.decision)) == {"adjustment-own"}
    assert lacks(refused.decision)["adjustment-own"].who == ("dora", "rm-1")


@pytest.mark.parametrize("make,check", [
    (adjusting.started, "adjustment-idle"), (adjusting.committed, "adjustment-idle"),
    (adjusting.executed, "adjustment-open"), (adjusting.unknown, "adjustment-open"),
])  # fmt: skip
def test_not_while_it_is_executed_nor_after(make: Any, check: str) -> None:
    assert set(lacks(make().refuse("dora", CANCEL).decision)) == {check}


def test_what_is_cancelled_is_executed_no_more() -> None:
    story = adjusting.authorized()
    start = adjusting.starting(story)
    story.do("dora", CANCEL)
    story.refuse(OPERATOR, start, "adjustment-open")
