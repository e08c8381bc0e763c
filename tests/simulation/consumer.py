"""A consumer of the broker in memory: what aiokafka's is, as far as anything here asks it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Self

from aiokafka import TopicPartition

from interlock.bus import KafkaAway
from tests.simulation.broker import Broker, BusRecord
from tests.simulation.loop import PART
from tests.simulation.weather import Direct, Wire

LOOK_SECONDS_MAX = 120.0


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
            told: asyncio.Future[Any] = asyncio.ensure_future(self._again.wait())
            either: list[asyncio.Future[Any]] = [answer, told]
            try:
                await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
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
