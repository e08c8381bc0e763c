"""One Kafka cluster as the parts ask it now and then: its name, its topics, where partitions end; and a producer."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from typing import Final, Protocol

from aiokafka import AIOKafkaConsumer, TopicPartition

from interlock.bus.bounded import Graveyard, within
from interlock.bus.connection import KafkaAddress
from interlock.bus.producer import Producer
from interlock.bus.topics import Administration, Topic, ensure
from interlock.events.seams import Sleep

OFFSETS_SECONDS: Final = 10.0
LEAVE_SECONDS: Final = 3.0
FETCH_SECONDS: Final = 10.0
FETCH_RECORDS_MAX: Final = 500


class Kept(Protocol):
    """A record that a topic keeps."""

    @property
    def key(self) -> bytes | None:
        """What chose its partition."""

    @property
    def value(self) -> bytes | None:
        """Its bytes."""

    @property
    def headers(self) -> Sequence[tuple[str, bytes]]:
        """What stands beside them."""


class Cluster:
    """The cluster at one address; every wait is bounded, and nothing is connected between two questions."""

    def __init__(self, address: KafkaAddress, client: str, *, sleep: Sleep) -> None:
        """Ask as `client`."""
        self._address = address
        self._client = client
        self._sleep = sleep

    async def ensure(self, wanted: Iterable[Topic], *, create: bool) -> list[str]:
        """Create what is missing (if `create`), compare everything, and return what was created. Raises BusError."""
        return await ensure(self._address, wanted, sleep=self._sleep, create=create)

    async def name(self) -> str:
        """Return the cluster's id. Raises BusError."""
        async with Administration(self._address) as administration:
            return await administration.cluster()

    async def ends(self, topic: str, partitions: Iterable[int]) -> dict[int, int]:
        """Return the offset after the last record of each partition. Raises BusError."""
        graveyard = Graveyard()
        consumer = AIOKafkaConsumer(**self._address.options(f"{self._client}-offsets"), group_id=None)
        try:
            await graveyard.start(OFFSETS_SECONDS, consumer)
            asked = [TopicPartition(topic, partition) for partition in partitions]
            found = await within(OFFSETS_SECONDS, consumer.end_offsets(asked))
        finally:
            graveyard.bury(consumer)
            await graveyard.close(LEAVE_SECONDS)
        return {where.partition: end for where, end in found.items()}

    async def kept(self, topic: str, offsets: Mapping[int, int]) -> AsyncGenerator[Sequence[Kept]]:
        """Yield what each partition keeps from its offset on, up to where it ends now. Raises BusError."""
        graveyard = Graveyard()
        options = self._address.options(f"{self._client}-looks-back")
        consumer = AIOKafkaConsumer(**options, group_id=None, enable_auto_commit=False)
        try:
            await graveyard.start(FETCH_SECONDS, consumer)
            places = [TopicPartition(topic, partition) for partition in offsets]
            consumer.assign(places)
            ends = await within(FETCH_SECONDS, consumer.end_offsets(places))
            left = {place: end for place, end in ends.items() if offsets[place.partition] < end}
            consumer.pause(*(place for place in places if place not in left))
            for place in left:
                consumer.seek(place, offsets[place.partition])
            while left:
                batches = await within(
                    2 * FETCH_SECONDS,
                    consumer.getmany(timeout_ms=int(1_000 * FETCH_SECONDS), max_records=FETCH_RECORDS_MAX),
                )
                for records in batches.values():
                    yield records
                for place in tuple(left):
                    if await within(FETCH_SECONDS, consumer.position(place)) >= left[place]:
                        del left[place]
        finally:
            graveyard.bury(consumer)
            await graveyard.close(LEAVE_SECONDS)

    def producer(self) -> Producer:
        """Return a producer; nothing is connected before its first use."""
        return Producer(self._address, self._client)
