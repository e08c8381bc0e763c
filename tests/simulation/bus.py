"""Clients of the broker in memory: what interlock.bus and aiokafka's consumer are for Kafka."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Self

from aiokafka import TopicPartition

from interlock.bus import (
    BATCH_BYTES_MAX,
    Batch,
    BusError,
    Cluster,
    KafkaAway,
    Producer,
    Sent,
    Topic,
    TopicMissing,
    partition_of,
)
from interlock.bus.producer import Headers
from tests.simulation.broker import Broker, BusRecord
from tests.simulation.loop import PART
from tests.simulation.weather import Direct, Wire

# What a record takes beside its key, value and headers; only its size matters here.
RECORD_BYTES = 32
LOOK_SECONDS_MAX = 120.0


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

    def producer(self) -> Producer:
        """A producer."""
        return MemoryProducer(self._broker, self._wire)


class MemoryConsumer:
    """What aiokafka's AIOKafkaConsumer is, as far as anything here asks it."""

    def __init__(self, broker: Broker, wire: Wire | None = None, **how: Any) -> None:
        """Read from `broker` over `wire`; of `how`, the group counts."""
        self._broker = broker
        self._wire = wire or Direct()
        self._group: str | None = how.get("group_id")
        self._part = PART.get()
        self._listener: Any = None
        self._positions: dict[TopicPartition, int | None] = {}
        self._paused: dict[TopicPartition, None] = {}
        self._bell = asyncio.Event()
        self._again = asyncio.Event()
        self._assigned = asyncio.Event()
        self._joining: asyncio.Task[None] | None = None
        self._closed = False
        self.topics: Sequence[str] = ()

    def subscribe(self, topics: Sequence[str], listener: Any = None) -> None:
        """Read topics; `listener` is told which partitions come and go."""
        self.topics = tuple(topics)
        self._listener = listener

    async def __aenter__(self) -> Self:
        """Start."""
        await self.start()
        return self

    async def __aexit__(self, *_exception: object) -> None:
        """Stop."""
        await self.stop()

    async def start(self) -> None:
        """Join the group, or take all partitions where there is none."""
        self._broker.listeners[self._told] = None
        if self._group is None:
            places = await self._wire.call(self._broker.places, self.topics)
            self._positions = dict.fromkeys(places)
            return
        self._again.set()
        self._joining = asyncio.create_task(self._join(), name=f"member of {self._group}")
        await self._assigned.wait()

    async def stop(self) -> None:
        """Leave."""
        self._closed = True
        self._broker.listeners.pop(self._told, None)
        if self._joining is not None:
            self._joining.cancel()
            await asyncio.gather(self._joining, return_exceptions=True)
        if self._group is not None:
            with suppress(KafkaAway):
                await self._wire.call(self._broker.leave, self._group, self)

    def silent(self) -> bool:
        """Whether its process is killed, frozen, or has given it up."""
        return self._closed or (self._part is not None and (self._part.dead or self._part.frozen))

    def join_again(self) -> None:
        """The group forms anew."""
        asyncio.get_running_loop().call_soon(self._again.set)

    async def _join(self) -> None:
        while True:
            await self._again.wait()
            self._again.clear()
            if self._positions and self._listener is not None:
                await _done(self._listener.on_partitions_revoked(list(self._positions)))
            self._positions = {}
            try:
                answer = await self._wire.call(self._broker.join, self._group, self)
            except KafkaAway:
                self._again.set()
                await asyncio.sleep(1.0)
                continue
            # Asked to join once more before the answer came: that one is not waited for.
            told = asyncio.ensure_future(self._again.wait())
            try:
                await asyncio.wait([answer, told], return_when=asyncio.FIRST_COMPLETED)
            finally:
                told.cancel()
            if not answer.done() or answer.cancelled():
                continue
            self._positions = dict.fromkeys(answer.result())
            if self._listener is not None:
                await _done(self._listener.on_partitions_assigned(list(self._positions)))
            self._assigned.set()
            self._bell.set()

    def _told(self) -> None:
        # Not a hint as the ledger's: who asks for records is answered as soon as there are some.
        asyncio.get_running_loop().call_soon(self._bell.set)

    # -- reading -----------------------------------------------------------------------------------------

    async def getmany(
        self, *partitions: TopicPartition, timeout_ms: float = 0, max_records: int | None = None
    ) -> dict[TopicPartition, list[BusRecord]]:
        """What is there; where nothing is, what comes within the time."""
        deadline = min(self._wire.late(timeout_ms / 1000), LOOK_SECONDS_MAX)
        self._bell.clear()
        found = await self._taken(partitions, max_records)
        if not found and deadline:
            with suppress(TimeoutError):
                async with asyncio.timeout(deadline):
                    await self._bell.wait()
            found = await self._taken(partitions, max_records)
        return found

    async def _taken(
        self, partitions: Sequence[TopicPartition], max_records: int | None
    ) -> dict[TopicPartition, list[BusRecord]]:
        places = [
            each for each in partitions or self._positions if each in self._positions and each not in self._paused
        ]
        for place in places:
            if self._positions.get(place) is None:
                await self.position(place)
        left = 500 if max_records is None else max_records
        found: dict[TopicPartition, list[BusRecord]] = {}
        if self._broker.down:
            return found
        for place in places:
            position = self._positions.get(place)
            if position is None or not left:
                continue
            records = self._broker.fetch(place, position, left)
            if records:
                left -= len(records)
                self._positions[place] = records[-1].offset + 1
                found[place] = records
        return found

    async def position(self, place: TopicPartition) -> int:
        """Where it is read on: where somebody sought, where the group is, or at the first record."""
        known = self._positions.get(place)
        if known is None:
            known = 0
            if self._group is not None:
                known = await self._wire.call(self._broker.committed, self._group, place) or 0
            if place in self._positions and self._positions[place] is None:
                self._positions[place] = known
        return known

    def seek(self, place: TopicPartition, offset: int) -> None:
        """Read on from there."""
        if place in self._positions:
            self._positions[place] = offset
            self._bell.set()

    async def beginning_offsets(self, places: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        """The first offset of each: nothing is ever deleted."""
        return await self._wire.call(lambda: dict.fromkeys(places, 0))

    async def end_offsets(self, places: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        """The offset after the last record of each."""
        return await self._wire.call(self._broker.ends, list(places))

    async def commit(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Keep how far the group is."""
        await self._wire.call(self._broker.commit, self._group, self, dict(offsets), sent=True)

    def assignment(self) -> Sequence[TopicPartition]:
        """What it reads, in order."""
        return sorted(self._positions)

    def partitions_for_topic(self, topic: str) -> set[int] | None:
        """Which partitions the topic has; None for one that is not there."""
        return set(range(len(self._broker.topics[topic]))) if topic in self._broker.topics else None

    def pause(self, place: TopicPartition) -> None:
        """Read it no more for now."""
        self._paused[place] = None

    def resume(self, place: TopicPartition) -> None:
        """Read it again."""
        self._paused.pop(place, None)

    def paused(self) -> Sequence[TopicPartition]:
        """What is not read for now."""
        return list(self._paused)


async def _done(said: Any) -> None:
    """A listener may be a coroutine or not."""
    if asyncio.iscoroutine(said):
        await said
