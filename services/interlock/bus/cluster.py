"""One Kafka cluster as the parts ask it now and then: its name, its topics, where partitions end; and a producer."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from aiokafka import AIOKafkaConsumer, TopicPartition

from interlock.bus.bounded import Graveyard, within
from interlock.bus.connection import KafkaAddress
from interlock.bus.producer import Producer
from interlock.bus.topics import Administration, Topic, ensure
from interlock.events.seams import Sleep

OFFSETS_SECONDS: Final = 10.0
LEAVE_SECONDS: Final = 3.0


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

    def producer(self) -> Producer:
        """Return a producer; nothing is connected before its first use."""
        return Producer(self._address, self._client)
