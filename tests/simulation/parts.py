"""The product's parts as they are started in the simulation: the real classes, with what is in memory below them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import replace
from datetime import datetime
from random import Random
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

from interlock.bus import KafkaAddress, KafkaAway, topics
from interlock.desk import Desk
from interlock.events.seams import EventIds
from interlock.feed import Feed, LedgerFeed
from interlock.feed.from_kafka import KafkaFeed
from interlock.intake import Intake, own_topic
from interlock.ledger import LedgerUnavailable, OutcomeUnknown
from interlock.projections import PROJECTIONS
from interlock.projector.runner import Runner
from interlock.relay import Relay
from interlock.watch import Watch
from interlock.webhooks import Webhooks
from interlock.webhooks.posting import NotSent, Said
from tests.simulation.beside import (
    MemoryEndpoints,
    MemoryEvidence,
    MemoryLetters,
    MemoryMessages,
    MemoryOffice,
    sending,
)
from tests.simulation.bus import MemoryCluster
from tests.simulation.consumer import MemoryConsumer
from tests.simulation.ledger import MemoryLedger
from tests.simulation.read_models import MemoryBookmarks, MemoryWriter, ReadModels
from tests.simulation.weather import Link

if TYPE_CHECKING:
    from tests.simulation.world import World

NOWHERE = KafkaAddress("nowhere")
_ONE = topics(partitions=1)
# What happened is spread over two partitions, so that two who share them have one each.
TOPICS = replace(_ONE, events=topics(partitions=2).events)
PROJECT = "demo"
CI = "ci-1"
CI_TOPIC = own_topic(TOPICS, CI)
DATABASE_SECONDS = 10.0
BUS_SECONDS = 10.0


def to_database(world: World) -> Link:
    """The way to the database."""
    return Link(
        world.weather, world.database, patience=DATABASE_SECONDS, away=LedgerUnavailable, unknown=OutcomeUnknown
    )


def to_bus(world: World) -> Link:
    """The way to the broker."""
    return Link(world.weather, world.broker, patience=BUS_SECONDS, away=KafkaAway, unknown=KafkaAway)


def event_ids(random: Random) -> EventIds:
    """UUIDv7s whose random bits come from the seed."""

    def made(at: datetime) -> UUID:
        milliseconds = int(at.timestamp() * 1000)
        return UUID(int=milliseconds << 80 | 7 << 76 | random.getrandbits(12) << 64 | 2 << 62 | random.getrandbits(62))

    return made


class Started:
    """What each start of a part has: its own way to the database, and its own sense of time."""

    def __init__(self, world: World) -> None:
        """Over the world's servers."""
        self.world = world
        self.wire = to_database(world)
        self.ledger = MemoryLedger(world.database, self.wire)

    async def sleep(self, seconds: float) -> None:
        """A timer that may be late."""
        await asyncio.sleep(self.world.weather.late(seconds))

    def desk(self) -> Desk:
        """A desk of its own."""
        world = self.world
        return Desk(self.ledger, monotonic=world.loop.time, event_ids=event_ids(world.ids), rules=world.rules)

    async def project(self, feed: Feed, source: LedgerFeed, models: ReadModels) -> None:
        """Run every projection of every project, for ever."""
        writer = MemoryWriter(models, self.wire)
        async with asyncio.TaskGroup() as tasks:
            async for project in feed.projects():
                for projection in PROJECTIONS:
                    runner = Runner(
                        _no_sql, feed, projection, project, sleep=self.sleep, ledger=source,
                        alarm=self.world.promises.alarm, moved=_nothing, writer=writer,
                    )  # fmt: skip
                    tasks.create_task(runner.run())


async def server(world: World, name: str) -> None:
    """A process that takes commands, keeps watch, and projects from the ledger."""
    started = Started(world)
    desk = started.desk()
    world.desks[name] = desk
    async with LedgerFeed(started.ledger, started.sleep) as feed, asyncio.TaskGroup() as tasks:
        tasks.create_task(Watch(desk).run(started.ledger.heads, started.sleep))
        tasks.create_task(started.project(feed, feed, world.by_ledger))


async def relay(world: World, name: str) -> None:
    """What happened goes to the bus."""
    del name
    started = Started(world)
    await Relay(
        cast("Any", started.ledger),
        "",
        NOWHERE,
        TOPICS.events,
        sleep=started.sleep,
        monotonic=world.loop.time,
        office=MemoryOffice(world.beside, started.wire, started.sleep),
        cluster=MemoryCluster(world.broker, to_bus(world)),
    ).run()


async def projector(world: World, name: str) -> None:
    """Read models from the bus; such processes share its partitions."""
    del name
    started = Started(world)
    source = LedgerFeed(started.ledger, started.sleep)
    feed = KafkaFeed(
        NOWHERE,
        started.sleep,
        world.loop.time,
        topic=TOPICS.events.name,
        group="projector",
        bookmarks=MemoryBookmarks(world.beside, started.wire),
        alarm=world.promises.alarm,
        make_consumer=lambda **how: MemoryConsumer(world.broker, to_bus(world), **how),
    )
    async with feed:
        await started.project(feed, source, world.by_bus)


async def intake(world: World, name: str) -> None:
    """What services publish comes to a desk."""
    del name
    started = Started(world)
    await Intake(
        started.desk(),
        cast("Any", started.ledger),
        NOWHERE,
        TOPICS,
        home=PROJECT,
        sleep=started.sleep,
        monotonic=world.loop.time,
        own={CI_TOPIC.name: CI},
        create_topics=True,
        make_consumer=lambda **how: MemoryConsumer(world.broker, to_bus(world), **how),
        cluster=MemoryCluster(world.broker, to_bus(world)),
        letters=MemoryLetters(world.beside, started.wire),
        evidence=MemoryEvidence(world.beside, started.wire),
    ).run()


async def webhooks(world: World, name: str) -> None:
    """Others are told."""
    del name
    started = Started(world)
    await Webhooks(
        MemoryEndpoints(world.beside, started.wire),
        MemoryMessages(world.beside, started.wire),
        LedgerFeed(started.ledger, started.sleep),
        started.desk(),
        cast("Any", Post(world)),
        office=lambda waiting: sending(world.beside, started.wire, started.sleep, waiting),
        sleep=started.sleep,
        chance=world.chance,
        pause=lambda tries, chance: 5.0 * (tries + chance),
    ).run()


class Post:
    """Endpoints outside, which now and then answer something else, late, or not at all."""

    def __init__(self, world: World) -> None:
        """Out there."""
        self._world = world

    def now(self) -> datetime:
        """This process's clock."""
        return self._world.clock()

    async def __call__(self, _target: Any, headers: Mapping[str, str], body: bytes) -> Said:
        """One request."""
        world = self._world
        struck = world.weather.strikes(outside=True)
        await asyncio.sleep(world.weather.up_to(1.0))
        if struck is not None and world.chance() < 0.5:
            raise NotSent("the connection was cut")
        world.promises.told(headers["webhook-id"], body)
        if struck is not None:
            raise NotSent("the connection was cut")
        return Said(200)


KINDS: Mapping[str, Callable[[World, str], Coroutine[Any, Any, None]]] = MappingProxyType(
    {"server": server, "relay": relay, "projector": projector, "intake": intake, "webhooks": webhooks}
)


def _no_sql() -> Any:
    raise LedgerUnavailable("there is no SQL in memory")


def _nothing(_project: str) -> None:
    pass
