"""VerifyAdjustmentResult and DisputeAdjustmentResult: somebody else than who asked and who executed looks at it."""

from __future__ import annotations

from typing import Any

import pytest

from interlock.domain.commands.adjustment import DisputeAdjustmentResult, VerifyAdjustmentResult
from tests.domain import adjusting
from tests.domain.adjusting import NAME, OPERATOR
from tests.domain.given import PRODUCTION
from tests.domain.story import lacks

RIGHT = VerifyAdjustmentResult(adjustment=NAME, method="counted again")
WRONG = DisputeAdjustmentResult(adjustment=NAME, reason="15 fills are gone\nsee the list")


@pytest.mark.parametrize("who", ["qa-1", "reviewer-1", "rm-1", "vera"])
def test_a_right_result_closes_it(who: str) -> None:
    story = adjusting.executed()
    story.do(who, RIGHT)
    assert story.types()[-1] == "DataAdjustResultVerified"
    assert NAME not in story.situation.adjustments
    assert f"adjustment/{NAME}" not in story.situation.versions


@pytest.mark.parametrize("who", ["dora", OPERATOR, "admin-1", "ci-1"])
def test_only_who_tests_reviews_verifies_or_manages_says_so(who: str) -> None:
    adjusting.executed().refuse(who, RIGHT, "role-held")


def test_not_who_asked_for_it() -> None:
    story = adjusting.ready()
    adjusting.request(story, "qa-1")
    adjusting.rehearse(story)
    adjusting.verify(story, "qa-2", "vera")
    adjusting.execute(story)
    missing = lacks(story.refuse("qa-1", RIGHT).decision)
    assert set(missing) == {"result-checker-independent"}
    assert missing["result-checker-independent"].who == ("qa-2", "reviewer-1", "rm-1", "vera")


def test_not_who_executed_it_also_when_another_one_is_operator_by_now() -> None:
    story = adjusting.rehearsed()
    adjusting.designate(story, "rm-1")
    adjusting.verify(story, "qa-1", "qa-2")
    adjusting.execute(story, who="rm-1")
    adjusting.designate(story, OPERATOR)
    assert set(lacks(story.refuse("rm-1", RIGHT).decision)) == {"result-checker-independent"}


@pytest.mark.parametrize("make", [adjusting.authorized, adjusting.committed, adjusting.unknown])
@pytest.mark.parametrize("command", [RIGHT, WRONG])
def test_there_is_no_result_before_the_execution(make: Any, command: Any) -> None:
    assert set(lacks(make().refuse("reviewer-1", command).decision)) == {"adjustment-executed"}


def test_a_wrong_result_is_a_problem_in_production() -> None:
    story = adjusting.executed()
    story.do("qa-1", WRONG)
    problem = story.event("ProblemReported")
    assert story.types()[-2:] == ["DataAdjustResultDisputed", "ProblemReported"]
    assert story.event("DataAdjustResultDisputed").problem == problem.problem
    assert (problem.environment, problem.source, problem.reporter) == (PRODUCTION, "person", "qa-1")
    assert problem.title == f"the result of {NAME} is not right: 15 fills are gone"
    assert adjusting.of(story).state == "disputed"


def test_who_asked_for_it_may_dispute_it_too() -> None:
    adjusting.executed().do("dora", WRONG)


def test_a_disputed_result_may_be_found_right_after_all() -> None:
    story = adjusting.executed()
    story.do("qa-1", WRONG)
    story.do("reviewer-1", RIGHT)
    assert NAME not in story.situation.adjustments


@pytest.mark.parametrize("command", [RIGHT, WRONG])
def test_said_again_it_changes_nothing(command: Any) -> None:
    story = adjusting.executed()
    story.do("qa-1", command)
    assert not story.do("qa-1", command).facts


def test_what_is_closed_is_not_disputed_any_more() -> None:
    story = adjusting.executed()
    story.do("qa-1", RIGHT)
    story.refuse("qa-2", WRONG, "adjustment-executed")
