"""Whatever is asked in whatever order: nothing crashes, nothing stays due, and a cold desk knows the same."""

from __future__ import annotations

import random
from dataclasses import replace
from functools import reduce
from typing import Any

import pytest

from interlock.domain.due import due
from interlock.domain.errors import InvalidCommand, NotFound
from interlock.domain.evolve import evolve
from interlock.domain.obligations import obligations
from interlock.domain.situation import EMPTY
from tests.domain import given
from tests.domain.examples import EXAMPLES
from tests.domain.given import Story
from tests.domain.guards import GUARDS

MOMENTS = EXAMPLES | {name: story for name, story in GUARDS.items() if name != "environment-order"}
COUNTED = {"deploy": "D", "restore": "S", "migration": "M", "run": "R", "lease": "L", "ask": "C", "problem": "P"}
STEPS_A_WALK, WALKS = 12, 60
SOMEBODY = ("ci-1", "rm-1", "admin-1", "qa-1", "dora")
MINUTES = (1, 6, 16, 80, 600)


def meant_now(story: Story, command: Any, chance: random.Random) -> Any:
    """The command, mostly about what was begun last, and with the token of what runs now."""
    fields: dict[str, Any] = {}
    for field, kind in COUNTED.items():
        known = story.situation.counters.get(kind, 0)
        if hasattr(command, field) and known and chance.random() < 0.7:
            fields[field] = f"{kind}-{chance.randint(max(1, known - 1), known)}"
    if getattr(command, "fencing_token", None) and hasattr(command, "environment"):
        fields["fencing_token"] = max(1, story.situation.environment(command.environment).token)
    return replace(command, **fields)


@pytest.mark.parametrize("seed", range(WALKS))
def test_any_commands_in_any_order_are_answered_and_fold_to_the_same(seed) -> None:
    chance = random.Random(seed)
    story, _, _ = MOMENTS[chance.choice(sorted(MOMENTS))]()
    for _ in range(STEPS_A_WALK):
        _, who, command = MOMENTS[chance.choice(sorted(MOMENTS))]()
        somebody = who if chance.random() < 0.7 else chance.choice(SOMEBODY)
        try:
            story.ask(somebody, meant_now(story, command, chance))
        except (NotFound, InvalidCommand):
            continue
        if chance.random() < 0.3:
            story.tick(minutes=chance.choice(MINUTES))
            assert not due(story.situation, story.now)
    assert reduce(evolve, story.events, EMPTY) == story.situation
    assert all(each.what and each.command for each in obligations(story.situation, story.now))


def test_a_walk_begins_at_a_moment_of_its_own() -> None:
    name = min(MOMENTS)
    first, second = MOMENTS[name]()[0], MOMENTS[name]()[0]
    given.copied(first).tick(days=1)
    assert first.events == second.events
