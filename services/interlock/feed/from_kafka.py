"""Events from Kafka: a consumer group spreads the partitions over processes, the position tells what is new.

The broker keeps records, not promises: what comes twice is dropped by its position, what is missing shows as a gap,
and a consumer that makes no progress is thrown away and built anew, whatever it says of itself.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any, Final, Self

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition

from interlock.bus import (
    CAREFUL_RECORDS,
    JOIN_SECONDS,
    UNREADABLE,
    BusError,
    Graveyard,
    KafkaAddress,
    TopicMissing,
    refused_by_name,
    step_over,
    within,
)
from interlock.events.seams import MonotonicClock, Sleep
from interlock.events.topics import EVENTS
from interlock.feed.feed import Page, Reassigned
from interlock.feed.partitions import ANY, CALL_SECONDS, Bookmarks, Partitions
from interlock.feed.progress import STUCK_SECONDS, Progress
from interlock.feed.shelves import Follower, Shelf

POLL_SECONDS: Final = 0.2
POLL_RECORDS_MAX: Final = 2_000
RETRY_SECONDS: Final = 0.5
BOOKMARK_SECONDS: Final = 1.0
LOOK_SECONDS: Final = 5.0
STOP_SECONDS: Final = 5.0
CLIENT: Final = "interlock-projector"

_log = logging.getLogger(__name__)


class KafkaFeed:
    """A `Feed` over a topic, alive inside `async with`.

    With a `group`, partitions are shared with every other process of that group; without one, this feed reads all.
    """

    def __init__(
        self,
        address: KafkaAddress,
        sleep: Sleep,
        monotonic: MonotonicClock,
        *,
        topic: str = EVENTS,
        group: str | None = None,
        bookmarks: Bookmarks | None = None,
        alarm: Callable[[str], None] = _log.error,
        stuck_seconds: float = STUCK_SECONDS,
        make_consumer: Callable[..., AIOKafkaConsumer] = AIOKafkaConsumer,
    ) -> None:
        """Read `topic`; `alarm` is told what somebody should look at."""
        self._address = address
        self._sleep = sleep
        self._monotonic = monotonic
        self._topic = topic
        self._group = group
        self._alarm = alarm
        self._stuck_seconds = stuck_seconds
        self._make_consumer = make_consumer
        self._held = Partitions(topic, bookmarks, alarm, in_group=group is not None)
        self._reading: asyncio.Task[None] | None = None
        self._closing = asyncio.Event()
        self._graveyard = Graveyard()
        self._consumer: AIOKafkaConsumer | None = None
        self._stumbled: BaseException | None = None
        self._careful = 0
        self.rebuilt = 0
        self.trouble: str | None = None

    async def __aenter__(self) -> Self:
        """Begin to read."""
        self._reading = asyncio.create_task(self._for_ever(), name="Kafka feed")
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        """Stop, in STOP_SECONDS at most: whatever the client still waits for is left to its fate."""
        self._closing.set()
        assert self._reading is not None
        await self._reading
        await self._graveyard.close(STOP_SECONDS)

    def holds(self, project: str) -> bool:
        """Tell whether the project's partition is read by this process now."""
        return self._held.epoch_of(project) is not None

    @property
    def foreign(self) -> int:
        """How many records were read that are no events of ours."""
        return self._held.foreign

    async def pages(self, project: str, *, after: int) -> AsyncIterator[Page]:
        """Yield pages after a position, as `Feed.pages`."""
        follower = Follower(after, self._held.epoch_of(project))
        self._held.waiting[project][follower.bell] = None
        shelf: Shelf | None = None
        try:
            while True:
                follower.bell.clear()
                shelf = self._held.shelves.get(project)
                if shelf is None or shelf.epoch is None:
                    follower.epoch = None
                    await follower.bell.wait()
                    continue
                if shelf.epoch != follower.epoch and follower.after < shelf.floor:
                    raise Reassigned(project)
                follower.epoch = shelf.epoch
                shelf.followers.add(follower)
                if follower.after < shelf.floor:
                    self._held.read_again(shelf, follower.after)
                page = shelf.page(follower.after)
                if not page:
                    await follower.bell.wait()
                    continue
                yield page
                # Only now is it taken: whoever asks for the next page has done with this one.
                follower.after = page[-1].position
                shelf.drop()
        finally:
            self._held.waiting[project].pop(follower.bell, None)
            if shelf is not None:
                shelf.followers.discard(follower)

    async def projects(self) -> AsyncIterator[str]:
        """Yield every project once, as `Feed.projects`."""
        told: set[str] = set()
        bell = asyncio.Event()
        self._held.waiting[ANY][bell] = None
        try:
            while True:
                bell.clear()
                for name in sorted(self._held.shelves.keys() - told):
                    told.add(name)
                    yield name
                if not self._held.shelves.keys() - told:
                    await bell.wait()
        finally:
            self._held.waiting[ANY].pop(bell, None)

    async def _for_ever(self) -> None:
        """Read with one consumer after another until closed."""
        while not self._closing.is_set():
            consumer = self._consumer = self._new_consumer()
            self._stumbled = None
            try:
                with refused_by_name():
                    await self._read_with(consumer)
                self._said(None)
            except BusError as away:
                self._said(str(away))
            except Exception as trouble:
                # Nobody thought of it; reading again from the bookmarks is all there is to do.
                _log.exception("the Kafka feed stumbled")
                self._said(f"{type(trouble).__name__}: {trouble}")
            self._held.lose(list(self._held.assigned))
            # One that hangs is cut: it holds nothing that anybody needs.
            self._graveyard.bury(consumer)
            if not self._closing.is_set():
                self.rebuilt += 1
                await self._sleep(RETRY_SECONDS)

    def _said(self, trouble: str | None) -> None:
        if trouble is not None and trouble != self.trouble:
            _log.warning("%s cannot be read now: %s", self._topic, trouble)
        self.trouble = trouble

    def _new_consumer(self) -> AIOKafkaConsumer:
        consumer = self._make_consumer(
            **{
                "group_id": self._group,
                "enable_auto_commit": False,
                "auto_offset_reset": "earliest",
                "fetch_max_wait_ms": int(POLL_SECONDS * 1000),
                **self._address.options(CLIENT),
            }
        )
        consumer.subscribe([self._topic], listener=self._listener(consumer))
        return consumer

    def _listener(self, consumer: AIOKafkaConsumer) -> _Listener:
        """A listener that hears no more once its consumer was thrown away."""

        async def gain(partitions: list[int]) -> None:
            try:
                if self._consumer is consumer:
                    await self._gain(consumer, partitions)
            except Exception as stumbled:
                self._stumbled = stumbled

        async def lose(partitions: list[int]) -> None:
            if self._consumer is not consumer:
                return
            try:
                await self._held.mark(consumer)
            except Exception as unmarked:
                _log.warning("%s: where reading came to was not kept: %s", self._topic, unmarked)
            if self._consumer is consumer:
                self._held.lose(partitions)

        return _Listener(gain, lose)

    async def _gain(self, consumer: AIOKafkaConsumer, partitions: Iterable[int]) -> None:
        """Begin to read partitions where whoever read them before had come to."""
        beginnings = await self._held.begin(consumer, partitions)
        # Thrown away while it asked: its partitions are what the next one gets.
        if self._consumer is consumer:
            self._held.gain(consumer, beginnings)

    async def _read_with(self, consumer: AIOKafkaConsumer) -> None:
        """Read until closed. Raises BusError."""
        progress = Progress(self._topic, self._alarm, self._stuck_seconds)
        await self._graveyard.start(JOIN_SECONDS, consumer, closing=self._closing)
        if self._group is None:
            # Without a group nobody assigns; the partitions are all there are.
            partitions = [each.partition for each in consumer.assignment()]
            if not partitions:
                raise TopicMissing(self._topic)
            await self._gain(consumer, partitions)
        marked = looked = self._monotonic()
        while not self._closing.is_set():
            await self._held.rewind(consumer)
            self._held.make_room(consumer)
            before = dict(self._held.assigned)
            if self._held.take(await self._read(consumer), before):
                self._said(None)
            if self._stumbled is not None:
                raise self._stumbled
            now = self._monotonic()
            if now - marked >= BOOKMARK_SECONDS:
                await self._held.mark(consumer)
                marked = now
            if now - looked >= min(LOOK_SECONDS, self._stuck_seconds):
                await progress.look(consumer, self._held, now)
                looked = now
        await self._held.mark(consumer)

    async def _read(self, consumer: AIOKafkaConsumer) -> Mapping[TopicPartition, Sequence[Any]]:
        """Return what is there; step over what the client cannot take apart: if it stands for an event, a gap tells."""
        most = 1 if self._careful else POLL_RECORDS_MAX
        try:
            found: Mapping[TopicPartition, Sequence[Any]] = await within(
                CALL_SECONDS, consumer.getmany(timeout_ms=int(POLL_SECONDS * 1000), max_records=most)
            )
        except UNREADABLE:
            careful, self._careful = self._careful, CAREFUL_RECORDS
            places = [TopicPartition(self._topic, partition) for partition in self._held.assigned]
            skipped = await step_over(consumer, places, CALL_SECONDS) if careful else []
            if not skipped:
                raise
            for one in skipped:
                self._held.foreign += 1
                self._held.next[one.place.partition] = one.following
                self._alarm(f"{self._topic} {one.place.partition} @{one.first}: a record cannot be read: {one.why}")
            return {}
        self._careful = max(0, self._careful - sum(len(records) for records in found.values()))
        return found


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]
    """Tells the feed which partitions come and go; the client itself would say nothing of an error in here."""

    def __init__(
        self,
        gain: Callable[[list[int]], Coroutine[Any, Any, None]],
        lose: Callable[[list[int]], Coroutine[Any, Any, None]],
    ) -> None:
        self._gain = gain
        self._lose = lose

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        await self._lose([each.partition for each in revoked])

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        await self._gain([each.partition for each in assigned])
