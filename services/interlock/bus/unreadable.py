"""Records that Kafka's client itself cannot take apart, such as one whose header's name is no UTF-8.

The client raises each time it comes to them, and would for ever; the broker looks at none of it. They stand in one
batch, which one producer sent; all of that batch is stepped over.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from aiokafka import TopicPartition

from interlock.bus.bounded import within

# What the client raises then is whatever its decoding came to.
UNREADABLE: Final = (UnicodeError, ValueError, TypeError, IndexError)
# So many records are read one by one after such trouble: then each one that is good is handed on before the bad one.
CAREFUL_RECORDS: Final = 1_000

# A batch has at most so many records: 1 MB, and none is smaller than this allows.
BATCH_RECORDS_MAX: Final = 100_000
PROBE_MS: Final = 1_000


@dataclass(frozen=True, slots=True)
class Skipped:
    """What was stepped over: from `first` up to `following`, which can be read again or is not there yet."""

    place: TopicPartition
    first: int
    following: int
    why: str


async def step_over(consumer: Any, places: Iterable[TopicPartition], seconds: float) -> list[Skipped]:
    """Look at each partition, where it stands, for what cannot be taken apart, and seek behind that. Raises KafkaAway.

    The caller reads one by one by then: a page that holds both loses what is good of it. Partitions that can be read
    stand where they stood.
    """
    skipped = []
    for place in places:
        first = await within(seconds, consumer.position(place))
        end = (await within(seconds, consumer.end_offsets([place])))[place]
        why = await _trouble_at(consumer, place, first, seconds) if first < end else None
        if why is None:
            consumer.seek(place, first)
            continue
        following = first + 1
        # Distances double while it is still the same batch, then the nearest offset behind it is found by halving.
        low, step = first, 1
        while following < end and await _trouble_at(consumer, place, following, seconds) is not None:
            low, step = following, min(step * 2, BATCH_RECORDS_MAX)
            following = min(following + step, end)
        while following - low > 1:
            middle = (low + following) // 2
            if await _trouble_at(consumer, place, middle, seconds) is not None:
                low = middle
            else:
                following = middle
        consumer.seek(place, following)
        skipped.append(Skipped(place, first, following, why))
    return skipped


async def _trouble_at(consumer: Any, place: TopicPartition, offset: int, seconds: float) -> str | None:
    """Return why the record at `offset` cannot be taken apart; None where it can."""
    consumer.seek(place, offset)
    try:
        await within(seconds, consumer.getmany(place, timeout_ms=PROBE_MS, max_records=1))
    except UNREADABLE as trouble:
        return f"{type(trouble).__name__}: {trouble}"
    return None
