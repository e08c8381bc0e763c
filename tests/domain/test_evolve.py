"""The situation is a fold over the whole ledger: it never fails, and gives the same however it was come to."""

from __future__ import annotations

import inspect
from functools import reduce

import pytest

from interlock.domain import evolve as evolving
from interlock.domain.evolve import STEPS, evolve
from interlock.domain.situation import EMPTY, Situation
from interlock.events.catalogue import CATALOGUE
from interlock.events.codec import decode
from tests.domain import given
from tests.domain.examples import EXAMPLES
from tests.domain.given import PRODUCTION, Story
from tests.domain.guards import GUARDS
from tests.domain.story import SATURDAY_09, SUNDAY_09
from tests.events.corpus import stored

STORED = stored()
BEFORE = {
    "nothing": lambda: EMPTY, "released": lambda: given.released().situation,
    "half deployed": lambda: given.half_deployed().situation,
}  # fmt: skip


def cold(story: Story) -> Situation:
    """What a desk folds that starts with an empty memory."""
    return reduce(evolve, story.events, EMPTY)


def test_every_event_has_a_meaning_for_the_situation_or_says_that_it_has_none() -> None:
    assert set(STEPS) == {name for name, (cls, _) in CATALOGUE.items() if not cls.__module__.startswith("tests")}


@pytest.mark.parametrize("kind", sorted(set(STORED) & set(STEPS)))
@pytest.mark.parametrize("before", sorted(BEFORE))
def test_no_stored_event_stops_the_fold_wherever_it_comes(kind, before) -> None:
    for line in STORED[kind]:
        recorded = decode(line)
        assert evolve(BEFORE[before](), recorded).position == recorded.position


def test_the_fold_reads_no_policy() -> None:
    modules = [evolving, *(module for _, module in inspect.getmembers(evolving, inspect.ismodule))]
    for module in modules:
        assert "domain.policy" not in inspect.getsource(module), module.__name__


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_a_desk_that_starts_cold_knows_the_same_as_one_that_was_there(name) -> None:
    story, who, command = EXAMPLES[name]()
    story.do(who, command)
    story.tick(hours=30)
    assert cold(story) == story.situation


@pytest.mark.parametrize("name", sorted(set(GUARDS) - {"environment-order"}))
def test_also_after_the_stories_that_end_with_a_refusal(name) -> None:
    story, who, command = GUARDS[name]()
    story.ask(who, command)
    assert cold(story) == story.situation


def test_also_after_a_rollback_to_a_release_that_was_over() -> None:
    story = given.released()
    solved = story.problem()
    story.prepared("4.13.0", fixes=(solved,)).at(SUNDAY_09).check_logs().deploy("4.13.0", PRODUCTION)
    story.do("qa-1", EXAMPLES["ResolveProblem"]()[2])
    story.rollback(story.problem(title="worse"))
    assert cold(story) == story.situation
    story.finish("4.12.0", PRODUCTION)
    assert cold(story) == story.situation
    story.prepared("4.14.0", fixes=(solved, "P-2")).at(SATURDAY_09.replace(day=28)).check_logs()
    story.deploy("4.14.0", PRODUCTION)
    assert cold(story) == story.situation
