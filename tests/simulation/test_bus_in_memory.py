"""The bus in memory, and feeds over what is in memory, pass the suites of the real ones."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from functools import partial
from itertools import count as counting
from typing import Any, cast

import pytest
import pytest_asyncio

from interlock.bus import KafkaAddress, Topic, partition_of, topics
from interlock.events.cloudevents import kafka_message
from interlock.feed import Feed, LedgerFeed
from interlock.feed.from_kafka import KafkaFeed
from tests.bus import test_behaviour
from tests.bus.buses import Bus
from tests.feed import test_feed
from tests.feed.feeds import Tried, holds, record_in, sleep
from tests.simulation.broker import Broker
from tests.simulation.bus import MemoryCluster
from tests.simulation.consumer import MemoryConsumer
from tests.simulation.database import Database
from tests.simulation.ledger import MemoryLedger

FEEDS = ("ledger in memory", "bus in memory")
PARTITIONS = 3


def _tests_in(suite: Any) -> Iterator[tuple[str, Any]]:
    for name, test in vars(suite).items():
        if name.startswith("test_") and inspect.iscoroutinefunction(test):
            yield name, test


SHARED = dict(_tests_in(test_behaviour)) | dict(_tests_in(test_feed))
globals().update(SHARED)


@pytest.fixture
def bus() -> Bus:
    broker, numbers = Broker(), counting(1)
    return Bus(
        MemoryCluster(broker),
        lambda **how: MemoryConsumer(broker, **how),
        lambda what: f"{what}-{next(numbers)}",
    )


class OnABroker:
    """Events in a topic, as the relay puts them there."""

    def __init__(self) -> None:
        self.broker = Broker()
        self.broker.create("events", PARTITIONS)
        self.heads: dict[str, int] = {}

    async def record(self, project: str, count: int) -> list[int]:
        first = self.heads.get(project, 0) + 1
        self.heads[project] = first + count - 1
        partition = partition_of(project.encode(), PARTITIONS)
        for event in holds(project, first, count):
            message = kafka_message(event)
            record = (project.encode(), message.value, list(message.headers.items()), 0)
            self.broker.append("events", partition, [record])
        await asyncio.sleep(0)
        return list(range(first, first + count))

    def feed(self) -> AbstractAsyncContextManager[Feed]:
        return KafkaFeed(
            KafkaAddress("nowhere"),
            sleep,
            time.monotonic,
            topic="events",
            make_consumer=lambda **how: MemoryConsumer(self.broker, **how),
        )


@pytest_asyncio.fixture(params=FEEDS)
async def tried(request: Any) -> AsyncIterator[Tried]:
    if request.param == FEEDS[0]:
        ledger = cast("Any", MemoryLedger(Database(lambda: datetime.now(UTC))))
        yield Tried(partial(record_in, ledger), lambda: LedgerFeed(ledger, sleep))
        return
    topic = OnABroker()
    yield Tried(topic.record, topic.feed)


async def test_a_broker_that_is_down_gives_nothing_and_loses_nothing() -> None:
    broker = Broker()
    cluster = MemoryCluster(broker)
    await cluster.ensure([Topic("t", "a test's", 1, 1, topics().events.settings)], create=True)
    consumer = MemoryConsumer(broker)
    consumer.subscribe(["t"])
    await consumer.start()
    broker.append("t", 0, [(None, b"a", [], 0)])
    broker.down = True
    assert await consumer.getmany(timeout_ms=10) == {}
    broker.down = False
    [[record]] = (await consumer.getmany(timeout_ms=10)).values()
    assert record.value == b"a"
    await consumer.stop()


def test_the_suites_are_the_real_ones() -> None:
    assert len(SHARED) >= 15
