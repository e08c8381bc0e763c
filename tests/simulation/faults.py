"""What happens to whole parts and servers: killed at any step, frozen, away, and clocks that jump."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextvars import Context
from datetime import timedelta
from random import Random
from typing import TYPE_CHECKING

from tests.simulation.loop import Part

if TYPE_CHECKING:
    from tests.simulation.world import World

STEPS_AHEAD_MAX = 2_000
FROZEN_SECONDS = (0.5, 5.0, 60.0, 600.0)
AWAY_SECONDS = (0.1, 5.0, 60.0)
JUMP_SECONDS = (-20.0, -3.0, -0.5, 1.0, 10.0, 120.0)


class Faults:
    """Draws what happens, and when; some kinds are left out for a whole seed."""

    def __init__(self, world: World, random: Random) -> None:
        """Nothing happens yet."""
        self._world = world
        self._random = random
        self._pause = random.choice((120.0, 600.0, 1800.0))
        kinds: list[Callable[[], None]] = [
            self._kill_at_a_step, self._freeze_at_a_step, self._stop_database, self._stop_database_at_a_step,
            self._stop_bus, self._stop_bus_at_a_step, self._jump,
        ]  # fmt: skip
        self._kinds = [kind for kind in kinds if random.random() < 0.7]
        self._task: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """From now on things go wrong."""
        if self._kinds:
            self._task = self._world.loop.create_task(self._go_wrong())

    def end(self) -> None:
        """Everything is mended: whoever is down comes up."""
        world = self._world
        if self._task is not None:
            self._task.cancel()
        world.loop.trap_at = -1
        world.database.down = world.broker.down = False
        for name, part in list(world.parts.items()):
            if part.dead:
                world.start(name)
            else:
                world.thaw(part)

    async def _go_wrong(self) -> None:
        while True:
            await asyncio.sleep(self._random.expovariate(1 / self._pause))
            self._random.choice(self._kinds)()

    # A part is hit at the step of whoever runs then: in the middle of what it does, and not only while it waits.

    def _at_a_step(self, hit: Callable[[str], None]) -> None:
        loop = self._world.loop

        def trap(part: Part | None) -> None:
            if part is None or part.dead or part.frozen:
                loop.trap_at = loop.steps + 1
                return
            hit(part.name)

        loop.trap = trap
        loop.trap_at = loop.steps + self._random.randrange(1, STEPS_AHEAD_MAX)

    def _later(self, seconds: float, do: Callable[[], None]) -> None:
        self._world.loop.call_later(seconds, do, context=Context())

    def _kill_at_a_step(self) -> None:
        self._at_a_step(self._kill)

    def _kill(self, name: str) -> None:
        part = self._world.parts[name]
        self._world.kill(name)
        self._later(self._random.expovariate(1 / 10.0), lambda: self._come_up(name, part))

    def _come_up(self, name: str, part: Part) -> None:
        if self._world.parts[name] is part:
            self._world.start(name)

    def _freeze_at_a_step(self) -> None:
        self._at_a_step(self._freeze)

    def _freeze(self, name: str) -> None:
        part = self._world.parts[name]
        self._world.freeze(name)
        seconds = self._random.random() * self._random.choice(FROZEN_SECONDS)
        self._later(seconds, lambda: self._world.thaw(part))

    def _stop_database(self) -> None:
        self._world.promises.note("stop database")
        self._world.database.crash()
        self._later(self._random.random() * self._random.choice(AWAY_SECONDS), self._start_database)

    def _stop_database_at_a_step(self) -> None:
        self._at_a_step(lambda _name: self._stop_database())

    def _start_database(self) -> None:
        self._world.database.down = False

    def _stop_bus(self) -> None:
        self._world.promises.note("stop bus")
        self._world.broker.down = True
        self._later(self._random.random() * self._random.choice(AWAY_SECONDS), self._start_bus)

    def _stop_bus_at_a_step(self) -> None:
        self._at_a_step(lambda _name: self._stop_bus())

    def _start_bus(self) -> None:
        self._world.broker.down = False

    def _jump(self) -> None:
        seconds = self._random.choice(JUMP_SECONDS)
        self._world.promises.note(f"jump {seconds}")
        self._world.jumped += timedelta(seconds=seconds)
