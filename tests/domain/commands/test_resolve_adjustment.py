"""ResolveAdjustment: only the marker's word settles an attempt whose outcome nobody knows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from interlock.domain.commands.adjustment import ResolveAdjustment
from interlock.domain.commands.environment import RegisterEnvironment
from interlock.domain.errors import InvalidCommand
from interlock.events.catalogue.parts import Observed
from tests.domain import adjusting
from tests.domain.adjusting import NAME, OPERATOR, ROWS
from tests.domain.examples import EXAMPLES
from tests.domain.given import PRODUCTION, STAGE, Story
from tests.domain.story import digest, identity, lacks


def told(outcome: Any = "executed", **more: Any) -> tuple[Story, ResolveAdjustment]:
    story, _, command = EXAMPLES["ResolveAdjustment"]()
    return story, replace(command, outcome=outcome, **more)


@pytest.mark.parametrize("who", ["ci-1", OPERATOR])
def test_the_marker_is_there_so_it_was_executed(who: str) -> None:
    story, command = told()
    event = story.do(who, command).facts[0].event
    assert (event.by_marker, event.executed_by, event.rows) == (True, OPERATOR, ROWS)
    adjustment = adjusting.of(story)
    assert (adjustment.state, adjustment.attempt) == ("executed", None)
    story.refuse(OPERATOR, adjusting.starting(story), "adjustment-open")


def test_the_marker_never_will_be_there_so_it_was_rolled_back_and_may_be_started_again() -> None:
    story, command = told("rolled_back")
    event = story.do("ci-1", command).facts[0].event
    assert (event.transaction, event.by_marker) == ("rolled_back", True)
    adjusting.execute(story)


def test_it_says_nothing_of_what_else_production_holds() -> None:
    story, command = told()
    story.do("ci-1", command)
    assert story.situation.environment(PRODUCTION).unsure is not None


@pytest.mark.parametrize("who", ["dora", "rm-1", "admin-1", "qa-1"])
def test_nobody_else_tells_it(who: str) -> None:
    story, command = told()
    missing = lacks(story.refuse(who, command).decision)
    assert set(missing) == {"marker-reader"}
    assert missing["marker-reader"].who == (OPERATOR, "ci-1")


@pytest.mark.parametrize("outcome", ["executed", "rolled_back"])
def test_the_marker_was_read_in_the_plan_s_database(outcome: str) -> None:
    story, command = told(outcome)
    elsewhere = replace(command, observed=Observed(identity=identity(STAGE)))
    assert set(lacks(story.refuse("ci-1", elsewhere).decision)) == {"target-identified"}
    assert "target-identified" in lacks(story.refuse("ci-1", replace(command, observed=Observed())).decision)


def test_also_where_production_is_another_database_by_now() -> None:
    story, command = told()
    moved = replace(identity(PRODUCTION), database="production-2")
    story.do("admin-1", RegisterEnvironment(environment=PRODUCTION, identity=moved))
    story.do("ci-1", command)


def test_only_this_attempt_s_marker() -> None:
    story, command = told()
    with pytest.raises(InvalidCommand, match="marker"):
        story.ask("ci-1", replace(command, marker=f"{NAME}/7"))


@pytest.mark.parametrize("more", [{"rows": 13}, {"before": digest("other")}, {"after": digest("other")}])
def test_the_marker_holds_what_was_decided(more: dict[str, Any]) -> None:
    story, command = told(**more)
    with pytest.raises(InvalidCommand, match="rows"):
        story.ask("ci-1", command)


def test_a_marker_that_holds_no_result_tells_the_decided_one() -> None:
    story, command = told(rows=0, before=None, after=None, statements=())
    event = story.do("ci-1", command).facts[0].event
    assert (event.rows, event.before, event.after) == (ROWS, digest("before"), digest("after"))


@pytest.mark.parametrize("make", [adjusting.started, adjusting.committed])
def test_what_is_under_way_is_not_settled_by_anybody_else(make: Any) -> None:
    story = make()
    _, command = told("rolled_back")
    marker = adjusting.attempt(story).marker or command.marker
    if adjusting.attempt(story).marker is None:
        with pytest.raises(InvalidCommand, match="marker"):
            story.ask("ci-1", replace(command, marker=marker))
        return
    assert set(lacks(story.refuse("ci-1", replace(command, marker=marker)).decision)) == {"outcome-unknown"}


@pytest.mark.parametrize("outcome,other", [("executed", "rolled_back"), ("rolled_back", "executed")])
def test_told_again_it_changes_nothing_and_the_other_word_is_refused(outcome: Any, other: Any) -> None:
    story, command = told(outcome)
    story.do("ci-1", command)
    assert not story.do(OPERATOR, command).facts
    story.refuse("ci-1", replace(command, outcome=other), "outcome-unknown")


def test_what_takes_another_one_back_is_told_there_too() -> None:
    story = adjusting.executed()
    name = adjusting.revert(story)
    for make in (adjusting.starting, adjusting.backup, adjusting.committing):
        story.do(OPERATOR, make(story, name))
    story.tick(minutes=15)
    _, command = told()
    marker = adjusting.attempt(story, name).marker or ""
    story.do("ci-1", replace(command, adjustment=name, marker=marker))
    assert story.types()[-2:] == ["DataAdjustExecuted", "DataAdjustReverted"]
