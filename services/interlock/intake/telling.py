"""Publishing what became of requests, each partition's in order, and putting aside what was not understood."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Final

from interlock.bus import Batch, BusError, Producer, RecordTooLarge, Topics, partition_of
from interlock.events.canonical import digest_of_bytes
from interlock.intake.handling import Handled
from interlock.intake.outcomes import headers_of, shortened, value_of
from interlock.letters import DeadLetters

ASIDE: Final = "interlock-dead-letter-"
REASON_BYTES_MAX: Final = 2_000


class Telling:
    """Tells by one producer; whatever is not acknowledged is told again."""

    def __init__(self, producer: Producer, topics: Topics, letters: DeadLetters, home: str) -> None:
        """`home` is the project that is shown dead letters which name no project."""
        self._producer = producer
        self._topics = topics
        self._letters = letters
        self._home = home

    async def tell(self, handled: Sequence[Handled]) -> None:
        """Put aside, then publish outcomes. Raises BusError, LedgerError: then all of it is done again."""
        for one in handled:
            if one.aside is not None:
                await self._put_aside(one, one.aside)
        for at_once in await self._batches([one for one in handled if one.outcome is not None]):
            for sent in await self._producer.send_batches(self._topics.outcomes.name, at_once):
                if isinstance(sent, BusError):
                    raise sent

    async def _batches(self, handled: Sequence[Handled]) -> list[list[tuple[int, Batch]]]:
        """Return batches to be sent one after the other, of each partition at most one at once: so order is kept."""
        if not handled:
            return []
        partitions = await self._producer.partitions(self._topics.outcomes.name)
        filled: defaultdict[int, list[Batch]] = defaultdict(list)
        for one in handled:
            mine = filled[partition_of(one.record.key, partitions) if one.record.key is not None else 0]
            if not mine or not _add(mine[-1], one):
                mine.append(await self._producer.batch())
                _add(mine[-1], one)
        rounds = max(len(batches) for batches in filled.values())
        return [[(where, each[turn]) for where, each in filled.items() if turn < len(each)] for turn in range(rounds)]

    async def _put_aside(self, one: Handled, why: str) -> None:
        """Keep it in the database first: the topic may hold it twice, the database holds it once."""
        reference, record = one.reference, one.record
        project = reference.project or self._home
        await self._letters.put(project, record, why, source=reference.source, request=reference.id)
        about = [
            (f"{ASIDE}reason", why.encode()[:REASON_BYTES_MAX]),
            (f"{ASIDE}topic", record.topic.encode()),
            (f"{ASIDE}partition", str(record.partition).encode()),
            (f"{ASIDE}offset", str(record.offset).encode()),
        ]
        name = self._topics.dead_letter.name
        try:
            await self._producer.send(
                name, key=record.key, value=record.value or b"", headers=[*record.headers, *about]
            )
        except RecordTooLarge:
            # With our headers it is larger than it came. Its bytes are in the database; here stands their digest.
            digest = (f"{ASIDE}value-digest", digest_of_bytes(record.value or b"").encode())
            await self._producer.send(name, key=None, value=b"", headers=[*about, digest])


def _add(batch: Batch, one: Handled) -> bool:
    """Add an outcome; False where the batch is full. One that fits no batch is shortened: it stops nobody."""
    assert one.outcome is not None
    headers = headers_of(one.outcome, one.reference, one.record.name, one.at)
    at_ms = int(one.at.timestamp() * 1000)
    if batch.add(one.record.key, value_of(one.outcome), headers, at_ms):
        return True
    return not batch.records and batch.add(one.record.key, value_of(shortened(one.outcome)), headers, at_ms)
