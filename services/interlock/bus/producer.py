"""A producer that never makes anybody wait: each send ends, and a producer that failed is never used again.

With a silent broker a producer of aiokafka neither sends nor stops, and what it reported as failed may arrive when the
broker is back; one that met an unknown sequence stays broken. So whatever goes wrong, it is given up and a new one is
made; "failed" means unknown, and who consumes drops what it has.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

from aiokafka import AIOKafkaProducer
from aiokafka.partitioner import murmur2

from interlock.bus.bounded import Graveyard, refused_by_name, within
from interlock.bus.connection import KafkaAddress
from interlock.bus.cut import cut, leave
from interlock.bus.errors import BusError, KafkaAway

START_SECONDS: Final = 10.0
SEND_SECONDS: Final = 10.0
LEAVE_SECONDS: Final = 3.0
# Below message.max.bytes (1,048,588), which is of the batch as it is written.
BATCH_BYTES_MAX: Final = 1_000_000

Headers = Sequence[tuple[str, bytes]]


@dataclass(frozen=True, slots=True)
class Sent:
    """Where a batch stands: its partition, and the offset of its last record."""

    partition: int
    offset: int


class Batch:
    """Records for one partition, which arrive together or not at all."""

    def __init__(self, builder: Any) -> None:
        """Fill aiokafka's `builder`."""
        self._builder = builder
        self.records = 0

    def add(self, key: bytes | None, value: bytes, headers: Headers, at_ms: int) -> bool:
        """Add a record with its timestamp; False where it does not fit any more."""
        if self._builder.append(key=key, value=value, timestamp=at_ms, headers=headers) is None:
            return False
        self.records += 1
        return True

    @property
    def builder(self) -> Any:
        """What aiokafka sends."""
        return self._builder


class Producer:
    """Sends with acks=all and idempotence; made anew by itself after anything went wrong."""

    def __init__(self, address: KafkaAddress, client: str, *, send_seconds: float = SEND_SECONDS) -> None:
        """Send to `address` as `client`; nothing is connected before the first use."""
        self._address = address
        self._client = client
        self._send_seconds = send_seconds
        self._producer: AIOKafkaProducer | None = None
        self._graveyard = Graveyard()
        self.rebuilt = 0

    async def __aenter__(self) -> Self:
        """Nothing yet: Kafka may be away."""
        return self

    async def __aexit__(self, *exception: object) -> None:
        """Stop; whoever does not answer is cut."""
        self.abandon()
        self.rebuilt -= 1
        await self._graveyard.close(LEAVE_SECONDS)

    async def _ready(self) -> AIOKafkaProducer:
        """Return a producer that is connected. Raises KafkaAway, KafkaRefuses."""
        if self._producer is None:
            producer = AIOKafkaProducer(
                **self._address.options(self._client),
                acks="all",
                enable_idempotence=True,
                max_batch_size=BATCH_BYTES_MAX,
                max_request_size=BATCH_BYTES_MAX,
            )
            await self._graveyard.start(START_SECONDS, producer)
            self._producer = producer
        return self._producer

    def abandon(self) -> None:
        """Give the producer up without waiting for it: what it still holds may arrive, or not."""
        producer, self._producer = self._producer, None
        self.rebuilt += 1
        if producer is not None:
            # Its sender would try again for ever, and `stop` waits for the sender.
            cut(producer)

    async def partitions(self, topic: str) -> int:
        """Return how many partitions the topic has. Raises BusError."""
        producer = await self._ready()
        try:
            return len(await within(self._send_seconds, producer.partitions_for(topic)))
        except BusError:
            self.abandon()
            raise

    async def batch(self) -> Batch:
        """Return an empty batch. Raises KafkaAway, KafkaRefuses."""
        producer = await self._ready()
        return Batch(producer.create_batch())

    async def send_batches(self, topic: str, batches: Sequence[tuple[int, Batch]]) -> list[Sent | BusError]:
        """Send each to its partition, and return for each what became of it, after at most `send_seconds`.

        Where one failed, this producer is given up: what became of that one is unknown.
        """
        producer = await self._ready()
        tasks = [asyncio.ensure_future(_sent(producer, topic, partition, batch)) for partition, batch in batches]
        try:
            await asyncio.wait(tasks, timeout=self._send_seconds)
        except asyncio.CancelledError:
            for task in tasks:
                leave(task)
            raise
        outcomes = [_outcome(task, self._send_seconds) for task in tasks]
        if any(isinstance(outcome, BusError) for outcome in outcomes):
            self.abandon()
        return outcomes

    async def send(self, topic: str, *, key: bytes | None, value: bytes, headers: Headers = ()) -> Sent:
        """Send one record, wherever its key belongs. Raises BusError, after which it may arrive all the same."""
        producer = await self._ready()
        try:
            sent = await within(
                self._send_seconds, producer.send_and_wait(topic, key=key, value=value, headers=list(headers))
            )
        except BaseException:
            self.abandon()
            raise
        return Sent(sent.partition, sent.offset)


async def _sent(producer: AIOKafkaProducer, topic: str, partition: int, batch: Batch) -> Sent:
    # Two waits: until it is taken, and until the brokers that must have it have it.
    taken = await producer.send_batch(batch.builder, topic, partition=partition)
    acknowledged = await taken
    return Sent(partition, acknowledged.offset + batch.records - 1)


def _outcome(task: asyncio.Task[Sent], seconds: float) -> Sent | BusError:
    if not task.done():
        leave(task)
        return KafkaAway(f"no answer within {seconds:g} s")
    try:
        with refused_by_name():
            return task.result()
    except BusError as refused:
        return refused


def partition_of(key: bytes, partitions: int) -> int:
    """Return where Kafka's own clients send `key`."""
    hashed: int = murmur2(key)
    return (hashed & 0x7FFFFFFF) % partitions
