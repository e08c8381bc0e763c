"""ReopenProblem: it is there again, and blocks again."""

from __future__ import annotations

from datetime import timedelta

from interlock.domain.commands.problem import ReopenProblem
from tests.domain.examples import EXAMPLES
from tests.domain.given import PRODUCTION
from tests.domain.story import SUNDAY_09


def test_it_brings_along_what_it_was_about() -> None:
    story, who, command = EXAMPLES["ReopenProblem"]()
    story.do(who, command)
    known = story.situation.problems[command.problem]
    assert (known.environment, known.release, known.open, known.acknowledged) == (PRODUCTION, "4.12.0", True, False)


def test_the_time_to_react_begins_anew() -> None:
    story, who, command = EXAMPLES["ReopenProblem"]()
    story.tick(hours=3)
    story.do(who, command)
    assert story.event("ProblemReopened").react_by == story.now + timedelta(minutes=15)


def test_an_open_one_is_not_reopened() -> None:
    story, who, command = EXAMPLES["ReopenProblem"]()
    story.do(who, command)
    assert not story.do("dora", ReopenProblem(problem=command.problem, reason="I see it too")).facts


def test_a_rollback_reopens_what_the_leaving_release_fixed() -> None:
    story, who, command = EXAMPLES["ResolveProblem"]()
    name = command.problem
    story.prepared("4.13.0", fixes=(name,)).at(SUNDAY_09).check_logs().deploy("4.13.0", PRODUCTION)
    story.do(who, command)
    assert name not in story.situation.problems
    other = story.problem(title="worse")
    story.rollback(other)
    story.finish("4.12.0", PRODUCTION)
    assert story.situation.problems[name].open
