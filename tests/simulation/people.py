"""People in the simulation: they look, plan a step, and give its commands until each has its answer."""

from __future__ import annotations

from datetime import datetime
from random import Random
from typing import Any

from interlock.domain.situation import Situation
from tests.domain.story import Story
from tests.domain.walk import Walk
from tests.domain.walk_of_adjustments import Adjusting

# What a plan that looks for the effect of its own first command does not find.
GIVES_UP = (AssertionError, AttributeError, KeyError, IndexError, TypeError, ValueError)
RELEASES_EACH = 100


class Accepted:
    """As if it had been accepted: a plan goes on with what it thinks comes next."""

    facts = ()


class Refused:
    """As if it had been refused: a plan goes on with what it thinks helps then."""

    facts = ()


class Many:
    """A list of which only its length is asked, to make titles different."""

    def __init__(self, random: Random) -> None:
        """It is as long as chance has it."""
        self._random = random

    def __len__(self) -> int:
        return self._random.randrange(1_000_000)


class Planned(Story):
    """A story that is only thought of: nothing is decided, what is asked for is written down."""

    def __init__(self, random: Random) -> None:
        """Nobody has asked for anything."""
        super().__init__()
        self.random = random
        self.events: Any = Many(random)
        self.asked: list[tuple[str, Any]] = []

    def ask(self, who: Any, command: Any) -> Any:
        """Write it down; whether it would be accepted is anybody's guess."""
        self.asked.append((who, command))
        return Accepted() if self.random.random() < 0.5 else Refused()

    def at(self, moment: datetime) -> Planned:
        """Time passes by itself."""
        return self


class Planner(Walk):
    """One person's idea of what comes next, on what was seen last. It is the walk that the rules are tested with."""

    def __init__(self, random: Random, number: int) -> None:
        """`number` keeps the names of releases apart."""
        self.random = random
        self.story = self.planned = Planned(random)
        self.adjustments = Adjusting(self.story, random)
        self.opened = number * RELEASES_EACH

    def step(self, situation: Situation, now: datetime) -> list[tuple[str, Any]]:
        """Return who gives which commands next, in order."""
        self.planned.situation, self.planned.now, self.planned.asked = situation, now, []
        try:
            self.go(1)
        except GIVES_UP:
            # What was written down until then is asked for all the same.
            return self.planned.asked
        return self.planned.asked
