"""Whole ledgers to be decided again: long walks, odd walks, and every moment that the rules' own tests begin at."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache, partial
from random import Random
from typing import Any

from interlock.domain.errors import InvalidCommand, NotFound
from interlock.events.codec import encode, request_hash
from interlock.events.envelope import Recorded
from tests.domain.story import STAGE, TESTS, Story
from tests.domain.test_closed_occupants import back
from tests.domain.test_odd_walks import MINUTES, MOMENTS, SOMEBODY, meant_now
from tests.domain.walk import Walk

Events = Sequence[Recorded[Any]]

WALKS, WALK_STEPS = 6, 250
ODD_WALKS, ODD_STEPS = 30, 12


@cache
def walked(seed: int) -> Events:
    """A long walk through the flow."""
    return tuple(Walk(seed).go(WALK_STEPS).events)


@cache
def moment(name: str) -> Events:
    """One moment of the rules' tests, and the command that is given there."""
    story, who, command = MOMENTS[name]()
    _ask(story, who, command)
    return tuple(story.events)


@cache
def odd(seed: int) -> Events:
    """Commands of all kinds, in any order."""
    chance = Random(seed)
    story, _, _ = MOMENTS[chance.choice(sorted(MOMENTS))]()
    for _ in range(ODD_STEPS):
        _, who, command = MOMENTS[chance.choice(sorted(MOMENTS))]()
        _ask(story, who if chance.random() < 0.7 else chance.choice(SOMEBODY), meant_now(story, command, chance))
        if chance.random() < 0.3:
            story.tick(minutes=chance.choice(MINUTES))
    return tuple(story.events)


@cache
def again() -> Events:
    """What was over and forgotten runs again, is tested and restored for."""
    story = back(STAGE, TESTS)
    story.test()
    story.tick(minutes=1).restore()
    return tuple(story.events)


def _ask(story: Story, who: Any, command: Any) -> None:
    try:
        story.ask(who, command)
    except (NotFound, InvalidCommand):
        return


EVERY: dict[str, Callable[[], Events]] = {
    **{f"walk {seed}": partial(walked, seed) for seed in range(WALKS)},
    "what was over runs again": again,
    **{f"odd walk {seed}": partial(odd, seed) for seed in range(ODD_WALKS)},
    **{name: partial(moment, name) for name in sorted(MOMENTS)},
}


def changed(events: Events, position: int, **event: Any) -> Events:
    """The same log with one event otherwise, as somebody with the database's keys would write it."""
    found = events[position - 1]
    other = replace(found, event=replace(found.event, **event))
    return [*events[: position - 1], replace(other, raw=encode(other)), *events[position:]]


def hashed(events: Events, position: int, command: Any) -> Events:
    """The same log, in which the command's digest stands with its events, as the desk writes it."""
    first = events[position - 1]
    digest = request_hash(type(command).__name__, command, actor=first.actor.id)
    return [replace(e, request_hash=digest) if e.command_id == first.command_id else e for e in events]
