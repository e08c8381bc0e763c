"""AcknowledgeProblem: somebody looks after it."""

from __future__ import annotations

from datetime import timedelta

from interlock.domain.commands.problem import AcknowledgeProblem
from tests.domain import examples


def test_who_reacts_in_time_is_not_late() -> None:
    story, name = examples.reported()
    story.tick(minutes=15)
    before = len(story.events)
    story.do("dora", AcknowledgeProblem(problem=name))
    story.tick(hours=1)
    assert "ReactionOverdue" not in story.types(before)


def test_who_reacts_too_late_is_told_so_even_where_the_watch_was_away() -> None:
    story, name = examples.reported()
    story.now += timedelta(minutes=16)
    before = len(story.events)
    story.do("dora", AcknowledgeProblem(problem=name))
    assert story.types(before) == ["ReactionOverdue", "ProblemAcknowledged"]


def test_another_one_who_acknowledges_changes_nothing() -> None:
    story, name = examples.reported()
    story.do("dora", AcknowledgeProblem(problem=name))
    assert not story.do("qa-1", AcknowledgeProblem(problem=name)).facts
