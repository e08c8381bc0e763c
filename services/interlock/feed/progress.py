"""Whether a consumer gets on: it may be alive, assigned and asked, and never give a record again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from aiokafka import AIOKafkaConsumer, TopicPartition

from interlock.bus import BusError, TopicMissing, within
from interlock.feed.partitions import CALL_SECONDS, Partitions

# A consumer that stands still for so long while there is more to read is thrown away.
STUCK_SECONDS: Final = 30.0


class StandsStill(BusError):
    """a consumer makes no progress though there is more to read, so it is thrown away"""


class Progress:
    """Where one consumer stood when it was last looked at."""

    def __init__(self, topic: str, alarm: Callable[[str], None], stuck_seconds: float) -> None:
        """Tell `alarm` where one stands still for `stuck_seconds`."""
        self._topic = topic
        self._alarm = alarm
        self._stuck_seconds = stuck_seconds
        self._seen_moving: dict[int, tuple[int, float]] = {}

    async def look(self, consumer: AIOKafkaConsumer, held: Partitions, now: float) -> None:
        """Raise StandsStill where a partition has more, is not paused, and stood still for too long; TopicMissing."""
        if not consumer.partitions_for_topic(self._topic):
            # One of a group is given no partitions then, and would wait in silence.
            raise TopicMissing(self._topic)
        places = [TopicPartition(self._topic, partition) for partition in held.assigned]
        if not places:
            return
        ends = await within(CALL_SECONDS, consumer.end_offsets(places))
        for where in places:
            if where.partition not in held.assigned:
                continue
            position = held.next[where.partition]
            before, since = self._seen_moving.get(where.partition, (-1, now))
            idle = position >= ends[where] or where in consumer.paused()
            if position != before or idle:
                self._seen_moving[where.partition] = (position, now)
            elif now - since >= self._stuck_seconds:
                self._alarm(f"{self._topic} {where.partition} stands still at {position} of {ends[where]}: begun anew")
                raise StandsStill(f"{self._topic} {where.partition}, for {self._stuck_seconds:g} s")
