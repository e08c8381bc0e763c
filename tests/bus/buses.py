"""What every bus has to be tested with: a topic of a test's own, and clients for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from interlock.bus import Cluster, Topic, topics

DEADLINE_SECONDS = 60


@dataclass
class Bus:
    """One implementation under test; `consumer` takes what aiokafka's does of a group."""

    cluster: Cluster
    consumer: Callable[..., Any]
    name: Callable[[str], str]

    async def topic(self, partitions: int = 3) -> str:
        """A topic that nobody else uses."""
        wanted = Topic(self.name("topic"), "a test's", partitions, 1, topics().events.settings)
        assert await self.cluster.ensure([wanted], create=True) == [wanted.name]
        return wanted.name

    @asynccontextmanager
    async def reading(self, topic: str, listener: Any = None, **how: Any) -> AsyncIterator[Any]:
        """A consumer that was started."""
        consumer = self.consumer(**{"group_id": None, **how})
        consumer.subscribe([topic], listener=listener)
        async with asyncio.timeout(DEADLINE_SECONDS):
            await consumer.start()
        try:
            yield consumer
        finally:
            await consumer.stop()


async def taken(consumer: Any, count: int, **how: Any) -> list[tuple[int, int, bytes]]:
    """So many records, as (partition, offset, value), in the order in which they came."""
    found: list[tuple[int, int, bytes]] = []
    async with asyncio.timeout(DEADLINE_SECONDS):
        while len(found) < count:
            for records in (await consumer.getmany(timeout_ms=200, **how)).values():
                found += [(record.partition, record.offset, record.value) for record in records]
    return found
