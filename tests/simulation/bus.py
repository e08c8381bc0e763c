"""Clients of the broker in memory: what interlock.bus and aiokafka's consumer are for Kafka."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from typing import Any

from aiokafka import TopicPartition

from interlock.bus import (
    BATCH_BYTES_MAX,
    Batch,
    BusError,
    Cluster,
    Kept,
    Producer,
    Sent,
    Topic,
    TopicMissing,
    partition_of,
)
from interlock.bus.producer import Headers
from tests.simulation.broker import Broker
from tests.simulation.weather import Direct, Wire

# What a record takes beside its key, value and headers; only its size matters here.
RECORD_BYTES = 32


class Builder:
    """A batch that is being filled, as aiokafka's builder."""

    def __init__(self) -> None:
        """It is empty."""
        self.records: list[tuple[bytes | None, bytes, Headers, int]] = []
        self._bytes = 0

    def append(self, *, key: bytes | None, value: bytes, timestamp: int, headers: Headers) -> object | None:
        """Add a record; None where it does not fit."""
        size = RECORD_BYTES + len(key or b"") + len(value) + sum(len(name) + len(text) for name, text in headers)
        if self._bytes + size > BATCH_BYTES_MAX:
            return None
        self._bytes += size
        self.records.append((key, value, headers, timestamp))
        return self


class MemoryProducer(Producer):
    """Sends; whatever goes wrong is unknown."""

    def __init__(self, broker: Broker, wire: Wire) -> None:
        """Send to `broker` over `wire`."""
        self._broker = broker
        self._wire = wire
        self.rebuilt = 0

    async def __aexit__(self, *exception: object) -> None:
        """Nothing to stop."""

    async def partitions(self, topic: str) -> int:
        """How many the topic has."""
        return await self._wire.call(lambda: len(self._topic(topic)))

    def _topic(self, topic: str) -> Sequence[Any]:
        if topic not in self._broker.topics:
            raise TopicMissing(topic)
        return self._broker.topics[topic]

    async def batch(self) -> Batch:
        """An empty one."""
        return Batch(Builder())

    async def send_batches(self, topic: str, batches: Sequence[tuple[int, Batch]]) -> list[Sent | BusError]:
        """Send each; what became of it stands in its place."""
        return list(await asyncio.gather(*(self._sent(topic, partition, batch) for partition, batch in batches)))

    async def _sent(self, topic: str, partition: int, batch: Batch) -> Sent | BusError:
        try:
            offset = await self._wire.call(self._append, topic, partition, batch.builder.records, sent=True)
        except BusError as error:
            return error
        return Sent(partition, offset)

    def _append(self, topic: str, partition: int, records: Any) -> int:
        self._topic(topic)
        return self._broker.append(topic, partition, records)

    async def send(self, topic: str, *, key: bytes | None, value: bytes, headers: Headers = ()) -> Sent:
        """Send one record, wherever its key belongs."""
        partition = partition_of(key, await self.partitions(topic)) if key is not None else 0
        record = (key, value, list(headers), 0)
        offset = await self._wire.call(self._append, topic, partition, [record], sent=True)
        return Sent(partition, offset)


class MemoryCluster(Cluster):
    """Looks at topics, and creates them."""

    def __init__(self, broker: Broker, wire: Wire | None = None) -> None:
        """Ask `broker` over `wire`."""
        self._broker = broker
        self._wire = wire or Direct()

    async def ensure(self, wanted: Iterable[Topic], *, create: bool) -> list[str]:
        """Create what is missing."""
        wanted = list(wanted)

        def made() -> list[str]:
            if not create and (missing := [t.name for t in wanted if t.name not in self._broker.topics]):
                raise TopicMissing(missing[0])
            return [topic.name for topic in wanted if self._broker.create(topic.name, topic.partitions)]

        return await self._wire.call(made, sent=True)

    async def name(self) -> str:
        """The cluster's id."""
        return await self._wire.call(lambda: self._broker.name)

    async def ends(self, topic: str, partitions: Iterable[int]) -> dict[int, int]:
        """Where partitions end."""
        places = [TopicPartition(topic, partition) for partition in partitions]
        found = await self._wire.call(self._broker.ends, places)
        return {place.partition: end for place, end in found.items()}

    async def kept(self, topic: str, offsets: Mapping[int, int]) -> AsyncGenerator[Sequence[Kept]]:
        """What is kept from offsets on, up to where partitions end now."""
        ends = await self.ends(topic, offsets)
        for partition, offset in offsets.items():
            place = TopicPartition(topic, partition)
            yield await self._wire.call(self._broker.fetch, place, offset, ends[partition] - offset)

    def producer(self) -> Producer:
        """A producer."""
        return MemoryProducer(self._broker, self._wire)
