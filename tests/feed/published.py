"""Events on a real topic, as the relay puts them there."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiokafka import AIOKafkaProducer

from interlock.bus import Administration, KafkaAddress, Topic, topics
from interlock.events.cloudevents import kafka_message
from interlock.events.envelope import Recorded
from interlock.feed.from_kafka import KafkaFeed
from tests.feed.feeds import holds, sleep
from tests.fixtures.kafka import Kafka

PARTITIONS = 3


@dataclass
class Published:
    """A topic of a test's own, and whatever is put there."""

    address: KafkaAddress
    topic: str
    producer: AIOKafkaProducer
    heads: dict[str, int] = field(default_factory=dict)

    async def put(self, events: Iterable[Recorded[Any]]) -> None:
        """Publish events, each under its project."""
        for event in events:
            message = kafka_message(event)
            await self.raw(message.key, message.value, list(message.headers.items()))

    async def raw(self, key: Any, value: bytes, headers: list[tuple[str, bytes]]) -> None:
        key = key.encode() if isinstance(key, str) else key
        await self.producer.send_and_wait(self.topic, key=key, value=value, headers=headers)

    async def record(self, project: str, count: int) -> list[int]:
        """Publish so many new events of a project; return their positions."""
        first = self.heads.get(project, 0) + 1
        self.heads[project] = first + count - 1
        events = holds(project, first, count)
        batch = [kafka_message(event) for event in events]
        waiting = [
            await self.producer.send(
                self.topic, key=project.encode(), value=one.value, headers=list(one.headers.items())
            )
            for one in batch
        ]
        await asyncio.gather(*waiting)
        return [event.position for event in events]

    def feed(self, **how: Any) -> KafkaFeed:
        return KafkaFeed(self.address, sleep, time.monotonic, topic=self.topic, **how)


async def create_topic(address: KafkaAddress, name: str, partitions: int = PARTITIONS) -> None:
    wanted = Topic(name, "a test's", partitions, 1, topics().events.settings)
    async with Administration(address) as administration:
        await administration.create([wanted])


@asynccontextmanager
async def published(kafka: Kafka, *, partitions: int = PARTITIONS) -> AsyncIterator[Published]:
    address = KafkaAddress(kafka.address)
    topic = kafka.name("events")
    await create_topic(address, topic, partitions)
    producer = AIOKafkaProducer(bootstrap_servers=kafka.address, acks="all", enable_idempotence=True)
    await producer.start()
    try:
        yield Published(address, topic, producer)
    finally:
        await producer.stop()
