"""Everybody who gives commands, over HTTP as it may fail, or over the bus; and what each of them is told."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextvars import Context
from functools import partial
from random import Random
from typing import TYPE_CHECKING, Any

from interlock.bus import KafkaAway
from interlock.desk import Answer, Unavailable
from interlock.events.canonical import canonical
from interlock.events.codec import plain, request_hash
from interlock.events.envelope import Actor
from interlock.events.intake import COMMAND_TYPE, CONTENT_TYPE_HEADER, JSON, REQUEST_ID, command_id
from tests.domain.story import SERVICES
from tests.simulation.bus import MemoryProducer
from tests.simulation.parts import CI, CI_TOPIC, PROJECT, to_bus
from tests.simulation.people import Planner
from tests.simulation.promises import Intent
from tests.simulation.weather import HUNG, LATE, LOST, SLOW, SLOW_SECONDS_MAX, UNHEARD

if TYPE_CHECKING:
    from tests.simulation.world import World

ANSWER_SECONDS = 30.0
SOURCE = "/ci"


class NoAnswer(Exception):
    """nobody answered: it may be done or not"""


class Crowd:
    """Some people who act at once. `fresh_id` is how a repetition is sent: under the id that it has."""

    def __init__(self, world: World, random: Random) -> None:
        """They are as many, and as busy, as the seed has it."""
        self._world = world
        self._random = random
        self._planners = [Planner(random, number) for number in range(random.choice((1, 2, 4)))]
        self._pause = random.choice((600.0, 900.0, 1800.0)) * len(self._planners)
        self._closed = False
        self._open: dict[int, Intent] = {}
        self._number = 0
        self._requests: dict[str, Intent] = {}

    def id_again(self, intent: Intent) -> Any:
        """The id under which it is sent, this time too."""
        return intent.command_id

    def begin(self) -> None:
        """Let everybody begin."""
        for planner in self._planners:
            self._world.loop.create_task(self._live(planner))

    def close(self) -> None:
        """Nobody begins anything new; what was asked for is asked for until there is an answer."""
        self._closed = True

    def _goes_on(self) -> bool:
        return not self._closed

    def waiting(self) -> Iterator[str]:
        """Who still waits for an answer."""
        for intent in self._open.values():
            yield f"intent {intent.number} has no answer"

    async def _live(self, planner: Planner) -> None:
        random = self._random
        while self._goes_on():
            await asyncio.sleep(random.expovariate(1 / self._pause))
            # What one sees leads to a few things at once, one after the other; then other things are done.
            for _ in range(random.choice((1, 2, 4, 8))):
                try:
                    situation = await self._seen()
                except (NoAnswer, Unavailable):
                    break
                steps = planner.step(situation, self._world.clock())
                if random.random() < 0.2:
                    await asyncio.gather(*(self._do(who, command, situation) for who, command in steps))
                else:
                    for who, command in steps:
                        await self._do(who, command, situation)
                if not self._goes_on():
                    break
                await asyncio.sleep(random.expovariate(1 / 5.0))

    async def _seen(self) -> Any:
        """How things stand, from some server."""
        desks = self._world.desks
        if not desks:
            raise NoAnswer
        name = self._random.choice(sorted(desks))
        return await self._asked(name, lambda: desks[name].situation(PROJECT))

    async def _do(self, who: str, command: Any, situation: Any) -> None:
        world, random = self._world, self._random
        name = type(command).__name__
        self._number += 1
        hashed = request_hash(name, command, actor=who)
        intent = Intent(self._number, who, command, world.new_id(), hashed)
        self._open[intent.number] = intent
        release = getattr(command, "release", None)
        if release is not None and random.random() < 0.3:
            intent.if_version = situation.version_of(f"release/{release}")
        world.promises.note(f"intent {intent.number} {who} {name}")
        if who == CI and world.has("intake") and random.random() < 0.5:
            await self._publish(intent)
        else:
            await self._give(intent)

    # -- over HTTP ---------------------------------------------------------------------------------------

    async def _give(self, intent: Intent) -> None:
        """Give a command, again and again under its id, until there is an answer."""
        world = self._world
        while intent.settled is None:
            desks = sorted(world.desks)
            if not desks:
                await asyncio.sleep(1.0)
                continue
            again = self.id_again(intent)
            world.promises.sends(intent, again)
            was_recorded = intent.command_id in world.database.logs[PROJECT].commands
            name = self._random.choice(desks)
            try:
                answer = await self._asked(name, partial(self._submit, name, intent, again))
            except (NoAnswer, Unavailable):
                await asyncio.sleep(self._random.expovariate(1 / 3.0))
                continue
            except Exception as error:
                world.promises.refused(intent, error, was_recorded=was_recorded)
            else:
                world.promises.answered(intent, answer)
                if self._random.random() < 0.05:
                    # Somebody is not sure, and asks once more, perhaps much later.
                    world.loop.create_task(self._once_more(intent))
        self._open.pop(intent.number, None)

    async def _once_more(self, intent: Intent) -> None:
        await asyncio.sleep(self._random.expovariate(1 / 300.0))
        desks = sorted(self._world.desks)
        recorded = intent.first is not None
        if not desks or not recorded:
            return
        name = self._random.choice(desks)
        try:
            answer = await self._asked(name, partial(self._submit, name, intent, intent.command_id))
        except (NoAnswer, Unavailable):
            return
        except Exception as error:
            self._world.promises.refused(intent, error, was_recorded=recorded)
        else:
            self._world.promises.answered(intent, answer)

    async def _submit(self, name: str, intent: Intent, again: Any) -> Answer:
        actor = Actor(id=intent.who, kind="service" if intent.who in SERVICES else "person")
        return await self._world.desks[name].submit(
            PROJECT,
            intent.command,
            actor,
            command_id=again,
            request_hash=intent.request_hash,
            if_version=intent.if_version,
        )

    async def _asked(self, name: str, ask: Any) -> Any:
        """Let a server do something; what is lost on the way, or answered too late, is NoAnswer."""
        loop, weather = self._world.loop, self._world.weather
        answer: asyncio.Future[Any] = loop.create_future()
        struck = weather.strikes(outside=True)
        delay = weather.delay()
        if struck == SLOW:
            delay += weather.up_to(SLOW_SECONDS_MAX)
        if struck == LATE:
            delay += ANSWER_SECONDS + weather.up_to(SLOW_SECONDS_MAX)
        heard = None if struck in {LATE, HUNG, UNHEARD} else answer
        if struck != LOST:
            loop.call_later(delay, self._deliver, name, ask, heard, context=Context())
        if weather.up_to(1.0) < weather.duplicates:
            loop.call_later(delay + weather.up_to(10.0), self._deliver, name, ask, None, context=Context())
        patience = delay if struck in {LOST, UNHEARD} else ANSWER_SECONDS
        try:
            async with asyncio.timeout(patience):
                return await answer
        except TimeoutError:
            raise NoAnswer from None

    def _deliver(self, name: str, ask: Any, answer: asyncio.Future[Any] | None) -> None:
        part = self._world.parts[name]
        if not part.dead and name in self._world.desks:
            self._world.loop.start(part, partial(_served, ask, answer))

    # -- over the bus ------------------------------------------------------------------------------------

    async def _publish(self, intent: Intent) -> None:
        """Publish a request until the bus has it; its outcome comes by itself."""
        world = self._world
        request = f"intent-{intent.number}"
        intent.command_id = command_id(PROJECT, SOURCE, request)
        intent.if_version = None
        self._requests[request] = intent
        world.promises.sends(intent, intent.command_id)
        name = type(intent.command).__name__
        attributes = {
            "specversion": "1.0", "id": request, "source": SOURCE, "type": COMMAND_TYPE + name, "project": PROJECT,
        }  # fmt: skip
        headers = [(f"ce_{key}", text.encode()) for key, text in attributes.items()]
        headers.append((CONTENT_TYPE_HEADER, JSON.encode()))
        value = canonical(plain(intent.command))
        producer = MemoryProducer(world.broker, to_bus(world))
        while True:
            try:
                await producer.send(CI_TOPIC.name, key=PROJECT.encode(), value=value, headers=headers)
                return
            except KafkaAway:
                await asyncio.sleep(self._random.expovariate(1 / 3.0))

    def outcome(self, record: Any) -> None:
        """What became of a request is told on the bus."""
        headers = dict(record.headers)
        request = headers.get(f"ce_{REQUEST_ID}", b"").decode()
        intent = self._requests.get(request)
        if intent is None:
            self._world.promises.violated(1, f"an outcome for {request}, which nobody published")
            return
        self._world.promises.outcome(intent, headers["ce_type"].decode(), record.value)
        self._open.pop(intent.number, None)


async def _served(ask: Any, answer: asyncio.Future[Any] | None) -> None:
    """What a server does with a request, and whom it tells."""
    try:
        said = await ask()
    except Exception as error:
        if answer is not None and not answer.done():
            answer.set_exception(error)
    else:
        if answer is not None and not answer.done():
            answer.set_result(said)
