"""A whole topic, read once from its beginning to where it ends now, and believed only where it is whole."""

from __future__ import annotations

import hashlib
from array import array
from collections import defaultdict
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition

from interlock.bus import Graveyard, KafkaAddress, TopicMissing, refused_by_name, within
from interlock.events.cloudevents import from_kafka
from interlock.events.codec import CODEC, BrokenEvent, UnknownEventType, UnknownSchema
from interlock.events.envelope import Recorded
from interlock.events.foreign import FOREIGN_CODEC, is_foreign

CLIENT: Final = "interlock-replay"
CALL_SECONDS: Final = 30.0
POLL_MS: Final = 500
STOP_SECONDS: Final = 5.0


class TopicBroken(Exception):
    """the topic does not hold a whole history, so nothing is made of it"""


@dataclass(slots=True)
class Seen:
    """What was read of each project: the beginning of each event's digest, and so how far it goes."""

    known: defaultdict[str, array[int]] = field(default_factory=lambda: defaultdict(lambda: array("Q")))
    duplicates: int = 0

    def is_new(self, recorded: Recorded[Any]) -> bool:
        """Tell whether it is the next event. Raises TopicBroken on a gap, and on other bytes for a known position."""
        known, position = self.known[recorded.project], recorded.position
        digest = int.from_bytes(hashlib.sha256(recorded.raw).digest()[:8])
        if position <= len(known):
            if known[position - 1] != digest:
                raise TopicBroken(f"{recorded.project} @{position} is there twice, with different bytes")
            self.duplicates += 1
            return False
        if position != len(known) + 1:
            raise TopicBroken(f"{recorded.project}: {len(known) + 1} to {position - 1} are missing")
        known.append(digest)
        return True

    def heads(self) -> dict[str, int]:
        """Return how far each project goes."""
        return {project: len(known) for project, known in sorted(self.known.items())}


async def replay(address: KafkaAddress, topic: str, seen: Seen) -> AsyncIterator[list[Recorded[Any]]]:
    """Yield every event once, each project's in order from its first. Raises TopicBroken, BusError."""
    consumer = AIOKafkaConsumer(topic, group_id=None, auto_offset_reset="earliest", **address.options(CLIENT))
    graveyard = Graveyard()
    try:
        with refused_by_name():
            await graveyard.start(CALL_SECONDS, consumer)
            async for page in _pages(consumer, topic, seen):
                yield page
    finally:
        graveyard.bury(consumer)
        await graveyard.close(STOP_SECONDS)


async def _pages(consumer: AIOKafkaConsumer, topic: str, seen: Seen) -> AsyncIterator[list[Recorded[Any]]]:
    places = list(consumer.assignment())
    if not places:
        raise TopicMissing(topic)
    begins = await within(CALL_SECONDS, consumer.beginning_offsets(places))
    for place, offset in begins.items():
        consumer.seek(place, offset)
    ends = await within(CALL_SECONDS, consumer.end_offsets(places))
    left: set[TopicPartition] = {place for place in places if begins[place] < ends[place]}
    while left:
        found = await within(CALL_SECONDS, consumer.getmany(*left, timeout_ms=POLL_MS))
        for place, records in found.items():
            page = [one for record in records if (one := _event(record)) is not None and seen.is_new(one)]
            if page:
                yield page
            if records and records[-1].offset + 1 >= ends[place]:
                left.discard(place)


def _event(record: Any) -> Recorded[Any] | None:
    """Return its event, None for a record of somebody else's. Raises TopicBroken where this version cannot read it."""
    try:
        foreign = is_foreign((record.key or b"").decode())
        return from_kafka(record.headers, record.value or b"", codec=FOREIGN_CODEC if foreign else CODEC)
    except (UnknownEventType, UnknownSchema) as unknown:
        raise TopicBroken(
            f"{record.topic} {record.partition} @{record.offset}: {unknown}; use a newer version"
        ) from None
    except (BrokenEvent, ValueError):
        # It is no event; where it stands for one, that one is missing, and the gap is refused.
        return None
