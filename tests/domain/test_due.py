"""What time brings: nothing before its moment, everything once."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta

import pytest
from hypothesis import given as forall
from hypothesis import settings
from hypothesis import strategies as st

from interlock.domain.due import due, next_due
from interlock.domain.situation import EMPTY
from tests.domain import examples, given
from tests.domain.examples import EXAMPLES
from tests.domain.given import PRODUCTION, Story
from tests.domain.story import MONDAY

INSTANT = timedelta(microseconds=1)
TIMELY = {
    "LeaseExpired", "DeployReady", "DeployCancelled", "DeployExpired", "TestRunMissed", "LogCheckMissed",
    "ReactionOverdue", "SecondPersonExpired",
}  # fmt: skip


def after(name: str) -> Story:
    """The example's moment, once its command was given."""
    story, who, command = EXAMPLES[name]()
    story.do(who, command)
    return story


@settings(max_examples=200)
@forall(st.sampled_from(sorted(EXAMPLES)), st.integers(0, 60 * 24 * 8), st.floats(0, 1, exclude_max=True))
def test_nothing_becomes_due_strictly_before_the_next_moment(name, minutes, part) -> None:
    story = after(name)
    now = story.now + timedelta(minutes=minutes)
    upcoming = next_due(story.situation, now)
    assert upcoming is not None
    assert upcoming > now
    between = now + (upcoming - INSTANT - now) * part
    assert set(due(story.situation, between)) == set(due(story.situation, now))


@settings(max_examples=80)
@forall(st.sampled_from(sorted(EXAMPLES)), st.integers(0, 60 * 24 * 8))
def test_everything_that_is_due_is_done_once(name, minutes) -> None:
    story = after(name)
    story.now += timedelta(minutes=minutes)
    story.watch()
    assert due(story.situation, story.now) == ()
    assert story.watch() == []


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_whatever_is_due_changes_something(name) -> None:
    story = after(name)
    for _ in range(12):
        moment = next_due(story.situation, story.now)
        assert moment is not None
        story.now = moment
        for command in due(story.situation, moment):
            assert story.do("watch", command).facts


@pytest.mark.parametrize("make", [given.running, given.in_stage, given.rehearsed, given.released, given.half_deployed])
def test_a_watch_that_was_away_for_days_tells_the_same_as_one_that_was_there(make) -> None:
    there, away = make(), make()
    until = there.now + timedelta(days=3, hours=5)
    seen, missed = len(there.events), len(away.events)
    while (moment := next_due(there.situation, there.now)) is not None and moment <= until:
        there.at(moment)
    away.at(until)
    told = [Counter(kind for kind in kinds if kind in TIMELY) for kinds in (there.types(seen), away.types(missed))]
    assert told[0] == told[1]


def test_they_come_in_the_order_of_their_moments() -> None:
    story, name = examples.reported()
    story.now += timedelta(days=2)
    kinds = [type(command).__name__ for command in due(story.situation, story.now)]
    assert kinds == ["RecordOverdueReaction", "RecordMissedLogCheck", "RecordMissedTestRun", "RecordMissedTestRun"]
    assert name in story.situation.problems


def test_a_project_that_does_not_exist_waits_for_nothing() -> None:
    assert due(EMPTY, MONDAY) == ()
    assert next_due(EMPTY, MONDAY) is None


def test_a_reaction_is_due_up_to_its_moment_and_late_after_it() -> None:
    story, name = examples.reported()
    moment: datetime = story.situation.problems[name].react_by
    assert not any(type(c).__name__ == "RecordOverdueReaction" for c in due(story.situation, moment))
    assert any(type(c).__name__ == "RecordOverdueReaction" for c in due(story.situation, moment + INSTANT))


def test_where_production_is_unsure_nobody_can_read_its_logs_in_time() -> None:
    story = given.half_deployed()
    assert story.situation.environment(PRODUCTION).occupant is None
    before = len(story.events)
    story.tick(hours=5)
    assert "LogCheckMissed" not in story.types(before)
