"""One world: servers, parts, people, weather and faults, all from one seed, watched by the promises."""

from __future__ import annotations

import asyncio
import gc
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import Context
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from random import Random
from typing import Any
from uuid import UUID

from interlock.desk import Desk, real_rules
from interlock.endpoints import KINDS as MESSAGE_KINDS
from interlock.endpoints import Endpoint
from interlock.events.envelope import Recorded
from interlock.feed import from_kafka, partitions
from interlock.intake import intake
from interlock.projections import PROJECTIONS
from tests.domain import adjusting
from tests.domain import story as tell
from tests.feed.feeds import rows
from tests.simulation.beside import Beside
from tests.simulation.broker import Broker
from tests.simulation.crowd import Crowd
from tests.simulation.database import Database
from tests.simulation.faults import Faults
from tests.simulation.loop import Part, SimulatedLoop
from tests.simulation.parts import CI_TOPIC, KINDS, PROJECT, TOPICS
from tests.simulation.promises import Promises
from tests.simulation.read_models import ReadModels
from tests.simulation.weather import Weather

BEGINS = datetime(2026, 11, 21, 7, 30, tzinfo=UTC)
"""A Saturday: the window opens after an hour and a half."""
RESTS_SECONDS = 1_800.0
HOUR = 3_600.0
CALL_SECONDS = 1_000.0


@dataclass(frozen=True)
class Ran:
    """What became of one seed. `cpu` in seconds of this machine, `simulated` in seconds of that world."""

    seed: int
    digest: str
    broken: str | None
    events: int
    steps: int
    simulated: float
    cpu: float
    counts: dict[str, int]


@cache
def beginnings() -> tuple[tuple[Recorded[Any], ...], ...]:
    """What was recorded before: a team and its environments, and perhaps a release that waits for the window."""
    told = [adjusting.scratch_registered(), tell.rehearsed(), tell.running()]
    return tuple(tuple(story.at(BEGINS).events) for story in told)


@contextmanager
def patient() -> Iterator[None]:
    """Let clients of the bus wait as long as its look takes: that a broker says nothing is told by the way to it."""
    modules: list[Any] = [intake, from_kafka, partitions]
    before = [module.CALL_SECONDS for module in modules]
    for module in modules:
        module.CALL_SECONDS = CALL_SECONDS
    try:
        yield
    finally:
        for module, seconds in zip(modules, before, strict=True):
            module.CALL_SECONDS = seconds


@contextmanager
def quiet() -> Iterator[None]:
    """Let parts say nothing of their troubles, and Python look for rubbish only after the run."""
    before, collecting = logging.root.manager.disable, gc.isenabled()
    logging.disable(logging.CRITICAL)
    gc.disable()
    try:
        yield
    finally:
        logging.disable(before)
        if collecting:
            gc.enable()


class World:
    """Everything that one seed decides. `plant` changes something before it begins."""

    def __init__(self, seed: int, hours: float, plant: Callable[[World], None] | None = None) -> None:
        """Nothing runs yet."""
        self.seed = seed
        self.seconds = hours * HOUR
        self.random = Random(f"{seed} world")
        self.ids = Random(f"{seed} ids")
        self.chance = Random(f"{seed} chance").random
        self.rules = real_rules()
        self.loop = SimulatedLoop(Random(f"{seed} order"))
        self.weather = Weather(Random(f"{seed} weather"))
        self.jumped = timedelta()
        self.database = Database(self.clock)
        self.broker = Broker()
        self.beside = Beside(self.clock)
        self.promises = Promises(self.loop.time, self.loop.stop, PROJECTIONS)
        self.by_ledger = ReadModels("by ledger", self.promises.projected)
        self.by_bus = ReadModels("by bus", self.promises.projected)
        self.desks: dict[str, Desk] = {}
        self.parts: dict[str, Part] = {}
        self.names = self._cast()
        self.loop.set_exception_handler(self._unexpected)
        self.crowd = Crowd(self, Random(f"{seed} people"))
        self.faults = Faults(self, Random(f"{seed} faults"))
        self.database.watchers.append(self.promises.committed)
        self.broker.watchers.append(self._sent)
        if plant is not None:
            plant(self)

    def clock(self) -> datetime:
        """What the database's clock reads."""
        return BEGINS + timedelta(seconds=self.loop.time()) + self.jumped

    def _unexpected(self, _loop: Any, context: dict[str, Any]) -> None:
        """What a callback raised, which asyncio would only log; a task's error is its waiter's affair."""
        if "handle" in context:
            self.promises.violated(6, f"{context['message']}: {context.get('exception')!r}")

    def _cast(self) -> list[str]:
        """Which parts there are: not all in every world, so that what one hides another shows."""
        random = self.random
        names = [f"server-{number}" for number in range(1, random.choice((1, 2, 2, 3)) + 1)]
        if random.random() < 0.6:
            names += [f"relay-{number}" for number in range(1, random.choice((1, 2)) + 1)]
            names += [f"projector-{number}" for number in range(1, random.choice((1, 1, 2)) + 1)]
        if random.random() < 0.3:
            names.append("intake-1")
        if random.random() < 0.15:
            names += [f"webhooks-{number}" for number in range(1, random.choice((1, 2)) + 1)]
        return names

    def has(self, kind: str) -> bool:
        """Whether there is a part of this kind."""
        return any(name.startswith(kind) for name in self.names)

    def _sent(self, record: Any) -> None:
        if record.topic == TOPICS.events.name:
            self.promises.published(record)
        elif record.topic == TOPICS.outcomes.name:
            self.crowd.outcome(record)

    # -- parts -------------------------------------------------------------------------------------------

    def start(self, name: str) -> None:
        """Start a part, as a new process."""
        part = self.parts[name] = Part(name)
        self.promises.note(f"start {name}")
        task = self.loop.start(part, partial(KINDS[name.split("-", maxsplit=1)[0]], self, name))
        task.add_done_callback(partial(self._ended, name), context=Context())

    def _ended(self, name: str, task: asyncio.Task[Any]) -> None:
        if not task.cancelled() and self.promises.broken is None:
            self.promises.violated(6, f"{name} ended by itself: {task.exception()!r}")

    def kill(self, name: str) -> None:
        """Kill a part with -9: its sessions end, and whoever waited for its answer hears nothing."""
        part = self.parts[name]
        part.dead = True
        self.desks.pop(name, None)
        self.promises.note(f"kill {name}")
        self.database.hang_up(part)
        self.broker.look_for_silent()

    def freeze(self, name: str) -> None:
        """Let a part stand still."""
        self.promises.note(f"freeze {name}")
        self.loop.freeze(self.parts[name])
        self.broker.look_for_silent()

    def thaw(self, part: Part) -> None:
        """Let it go on."""
        if part.frozen and not part.dead:
            self.promises.note(f"thaw {part.name}")
            self.loop.thaw(part)

    # -- the run -----------------------------------------------------------------------------------------

    def _begin(self) -> None:
        beginning = self.random.choice(beginnings())
        self.database.commit(PROJECT, rows(list(beginning)))
        if self.has("intake"):
            for topic in (TOPICS.intake, TOPICS.outcomes, TOPICS.dead_letter, CI_TOPIC):
                self.broker.create(topic.name, topic.partitions)
        if self.has("webhooks"):
            for name in ("pager", "chat"):
                self.beside.endpoints[name] = Endpoint(
                    project=PROJECT, name=name, url=f"https://{name}.example.org/hook", secret=b"s" * 32,
                    kinds=MESSAGE_KINDS, position=len(beginning), delivered=0, told_at=None, added_by="admin-1",
                    added_at=BEGINS, gone=False,
                )  # fmt: skip
        for name in self.names:
            self.start(name)

    async def _live(self) -> None:
        self._begin()
        self.crowd.begin()
        self.faults.begin()
        await asyncio.sleep(self.seconds)
        # It clears up: nothing goes wrong any more, and everything has to come to rest by itself.
        self.crowd.close()
        self.faults.end()
        self.weather.clear_up()
        self.promises.note("clear")
        restless: Sequence[str] = ()
        for _ in range(int(RESTS_SECONDS)):
            await asyncio.sleep(1.0)
            restless = list(self._restless())
            if not restless:
                break
        if restless:
            self.promises.violated(6, f"it does not come to rest: {'; '.join(restless)}")
        for name, desk in list(self.desks.items()):
            if await desk.situation(PROJECT) != self.promises.situation:
                self.promises.violated(4, f"{name} knows another situation than a fresh replay")

    def _restless(self) -> Any:
        head = len(self.promises.log)
        yield from self.crowd.waiting()
        for models in (self.by_ledger, *((self.by_bus,) if self.has("projector") else ())):
            for projection in PROJECTIONS:
                if models.positions.get((projection.name, PROJECT), 0) != head:
                    yield f"{projection.name} {models.name} is not at {head}"
        if self.has("relay") and self.promises.published_up_to(TOPICS.events.name) != head:
            yield f"the bus is not at {head}"
        for endpoint in self.beside.endpoints.values():
            if endpoint.position != head:
                yield f"no messages for {endpoint.name} were made up to {head}"
        for message in self.beside.messages.values():
            if not self.promises.was_told(message.id):
                yield f"message {message.id} was not told"

    def run(self) -> Ran:
        """Let it happen. What is broken is in what is returned."""
        began = time.process_time()
        with patient(), quiet():
            try:
                self.loop.run_until_complete(self._live())
            except RuntimeError:
                # A promise was broken, and the loop was stopped in the middle of it.
                if self.promises.broken is None:
                    raise
            finally:
                simulated = self.loop.time()
                self.promises.note(f"end {self.loop.steps} {self.chance()}")
                self.loop.bury()
        return Ran(
            self.seed,
            self.promises.digest,
            self.promises.broken,
            len(self.promises.log),
            self.loop.steps,
            simulated,
            time.process_time() - began,
            dict(self.promises.counts),
        )

    def new_id(self) -> UUID:
        """A command id."""
        return UUID(int=self.ids.getrandbits(128), version=4)
