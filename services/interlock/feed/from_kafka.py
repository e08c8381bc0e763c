"""Events from Kafka: a consumer group spreads the partitions over processes, the position tells what is new.

The broker keeps records, not promises: what comes twice is dropped by its position, what is missing shows as a gap,
and a consumer that makes no progress is thrown away and built anew, whatever it says of itself.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any, Final, Protocol, Self

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
from interlock.events.cloudevents import from_relay
from interlock.events.codec import BrokenEvent, UnknownEventType, UnknownSchema
from interlock.events.envelope import Recorded
from interlock.events.seams import MonotonicClock, Sleep
from interlock.events.topics import EVENTS
from interlock.feed.feed import Page, Reassigned, Unreadable
from interlock.feed.shelves import Follower, Shelf

POLL_SECONDS: Final = 0.2
POLL_RECORDS_MAX: Final = 2_000
RETRY_SECONDS: Final = 0.5
# Records of one partition that somebody has still to take; beyond them it is not read on.
SHELF_RECORDS_MAX: Final = 10_000
BOOKMARK_SECONDS: Final = 1.0
# A consumer that stands still for so long while there is more to read is thrown away.
STUCK_SECONDS: Final = 30.0
LOOK_SECONDS: Final = 5.0
CALL_SECONDS: Final = 10.0
STOP_SECONDS: Final = 5.0
CLIENT: Final = "interlock-projector"
POSITION_HEADER: Final = "ce_position"

_log = logging.getLogger(__name__)
_ANY: Final = ""


class StandsStill(BusError):
    """a consumer makes no progress though there is more to read, so it is thrown away"""


class Bookmarks(Protocol):
    """Where reading goes on after a restart. Losing them costs a longer reading, and nothing else."""

    async def load(self, topic: str, partition: int) -> tuple[int, Mapping[str, tuple[int, int]]]:
        """Return the offset to begin at, and for each project its position there and the offset of that."""

    async def store(self, topic: str, partition: int, offset: int, projects: Mapping[str, tuple[int, int]]) -> None:
        """Keep the same; `projects` are those that moved."""


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
        self._bookmarks = bookmarks
        self._alarm = alarm
        self._stuck_seconds = stuck_seconds
        self._make_consumer = make_consumer
        self._shelves: dict[str, Shelf] = {}
        self._in_partition: defaultdict[int, dict[str, Shelf]] = defaultdict(dict)
        # Partition -> the epoch of its assignment, and the offset after what was put on the shelves.
        self._assigned: dict[int, int] = {}
        self._next: dict[int, int] = {}
        self._epochs = 0
        self._marked: dict[int, tuple[int, dict[str, int]]] = {}
        self._rewinds: dict[int, int | None] = {}
        self._waiting: defaultdict[str, set[asyncio.Event]] = defaultdict(set)
        self._seen_moving: dict[int, tuple[int, float]] = {}
        self._reading: asyncio.Task[None] | None = None
        self._closing = asyncio.Event()
        self._graveyard = Graveyard()
        self._consumer: AIOKafkaConsumer | None = None
        self._stumbled: BaseException | None = None
        self._careful = 0
        self.rebuilt = 0
        self.foreign = 0
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
        shelf = self._shelves.get(project)
        return shelf is not None and shelf.epoch is not None

    async def pages(self, project: str, *, after: int) -> AsyncIterator[Page]:
        """Yield pages after a position, as `Feed.pages`."""
        follower = Follower(after, self._epoch_of(project))
        self._waiting[project].add(follower.bell)
        shelf: Shelf | None = None
        try:
            while True:
                follower.bell.clear()
                shelf = self._shelves.get(project)
                if shelf is None or shelf.epoch is None:
                    follower.epoch = None
                    await follower.bell.wait()
                    continue
                if shelf.epoch != follower.epoch and follower.after < shelf.floor:
                    raise Reassigned(project)
                follower.epoch = shelf.epoch
                shelf.followers.add(follower)
                if follower.after < shelf.floor:
                    self._read_again(shelf, follower.after)
                page = shelf.page(follower.after)
                if not page:
                    await follower.bell.wait()
                    continue
                yield page
                # Only now is it taken: whoever asks for the next page has done with this one.
                follower.after = page[-1].position
                shelf.drop()
        finally:
            self._waiting[project].discard(follower.bell)
            if shelf is not None:
                shelf.followers.discard(follower)

    async def projects(self) -> AsyncIterator[str]:
        """Yield every project once, as `Feed.projects`."""
        told: set[str] = set()
        bell = asyncio.Event()
        self._waiting[_ANY].add(bell)
        try:
            while True:
                bell.clear()
                for name in sorted(self._shelves.keys() - told):
                    told.add(name)
                    yield name
                if not self._shelves.keys() - told:
                    await bell.wait()
        finally:
            self._waiting[_ANY].discard(bell)

    def _epoch_of(self, project: str) -> int | None:
        shelf = self._shelves.get(project)
        return shelf.epoch if shelf is not None else None

    def _read_again(self, shelf: Shelf, after: int) -> None:
        """Let the partition be read again from where `after` was; others drop what they know by its position."""
        offset = shelf.begin_again(after)
        if shelf.partition in self._rewinds:
            earlier = self._rewinds[shelf.partition]
            offset = None if offset is None or earlier is None else min(offset, earlier)
        self._rewinds[shelf.partition] = offset

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
            self._lose(list(self._assigned))
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
                await self._mark(consumer)
            except Exception as unmarked:
                _log.warning("%s: where reading came to was not kept: %s", self._topic, unmarked)
            if self._consumer is consumer:
                self._lose(partitions)

        return _Listener(gain, lose)

    async def _read_with(self, consumer: AIOKafkaConsumer) -> None:
        """Read until closed. Raises BusError."""
        self._seen_moving.clear()
        await self._graveyard.start(JOIN_SECONDS, consumer, closing=self._closing)
        if self._group is None:
            # Without a group nobody assigns; the partitions are all there are.
            partitions = [each.partition for each in consumer.assignment()]
            if not partitions:
                raise TopicMissing(self._topic)
            await self._gain(consumer, partitions)
        marked = looked = self._monotonic()
        while not self._closing.is_set():
            await self._rewind(consumer)
            self._make_room(consumer)
            before = dict(self._assigned)
            self._take(await self._read(consumer), before)
            if self._stumbled is not None:
                raise self._stumbled
            now = self._monotonic()
            if now - marked >= BOOKMARK_SECONDS:
                await self._mark(consumer)
                marked = now
            if now - looked >= min(LOOK_SECONDS, self._stuck_seconds):
                await self._look_for_progress(consumer, now)
                looked = now
        await self._mark(consumer)

    async def _read(self, consumer: AIOKafkaConsumer) -> Mapping[TopicPartition, Sequence[Any]]:
        """Return what is there; step over what the client cannot take apart: if it stands for an event, a gap tells."""
        most = 1 if self._careful else POLL_RECORDS_MAX
        try:
            found: Mapping[TopicPartition, Sequence[Any]] = await within(
                CALL_SECONDS, consumer.getmany(timeout_ms=int(POLL_SECONDS * 1000), max_records=most)
            )
        except UNREADABLE:
            careful, self._careful = self._careful, CAREFUL_RECORDS
            places = [TopicPartition(self._topic, partition) for partition in self._assigned]
            skipped = await step_over(consumer, places, CALL_SECONDS) if careful else []
            if not skipped:
                raise
            for one in skipped:
                self.foreign += 1
                self._next[one.place.partition] = one.following
                self._alarm(f"{self._topic} {one.place.partition} @{one.first}: a record cannot be read: {one.why}")
            return {}
        self._careful = max(0, self._careful - sum(len(records) for records in found.values()))
        return found

    async def _rewind(self, consumer: AIOKafkaConsumer) -> None:
        for partition, offset in list(self._rewinds.items()):
            del self._rewinds[partition]
            where = TopicPartition(self._topic, partition)
            if partition not in self._assigned:
                continue
            begins = offset if offset is not None else (await self._beginnings(consumer, [where]))[where]
            consumer.seek(where, begins)
            self._next[partition] = begins

    async def _beginnings(self, consumer: AIOKafkaConsumer, places: Sequence[TopicPartition]) -> Mapping[Any, int]:
        """Return the first offset that there is in each; all are asked for at once, as a start waits for it."""
        return dict(await within(CALL_SECONDS, consumer.beginning_offsets(places))) if places else {}

    def _make_room(self, consumer: AIOKafkaConsumer) -> None:
        """Read no partition on whose records wait to be taken; what nobody follows waits for nobody."""
        for partition in self._assigned:
            shelves = self._in_partition[partition].values()
            full = sum(len(shelf.kept) for shelf in shelves) >= SHELF_RECORDS_MAX
            if full:
                for shelf in shelves:
                    if not shelf.followers:
                        shelf.drop_all()
            where = TopicPartition(self._topic, partition)
            if full and sum(len(shelf.kept) for shelf in shelves) >= SHELF_RECORDS_MAX:
                consumer.pause(where)
            elif where in consumer.paused():
                consumer.resume(where)

    def _take(self, found: Mapping[TopicPartition, Sequence[Any]], before: Mapping[int, int]) -> None:
        """Put what was found on the shelves; `before` are the assignments at which it was asked for."""
        moved: set[str] = set()
        for where, records in found.items():
            epoch = self._assigned.get(where.partition)
            # What was still fetched for another assignment, or before a rewind, comes again in its place.
            if epoch is None or where.partition in self._rewinds:
                continue
            if before.get(where.partition) != epoch:
                # The partition came meanwhile: these may follow others that were fetched, and left, before it was
                # known where it begins. Taken now, they would hide those for ever; so all is read from there.
                self._rewinds[where.partition] = self._next[where.partition]
                continue
            for record in records:
                project = self._put(where.partition, record)
                if project is not None:
                    moved.add(project)
                self._next[where.partition] = record.offset + 1
            self._said(None)
        for project in moved:
            self._ring(project)

    def _put(self, partition: int, record: Any) -> str | None:
        """Put one record on its shelf; return its project where that has news."""
        project, position = _label(record)
        if project is None or position is None:
            self._stranger(partition, record, "it has no project or no position")
            return None
        shelf = self._shelves.get(project)
        if shelf is None or shelf.epoch is None:
            shelf = self._shelve(project, partition, 0)
        return project if shelf.put(position, record.offset, lambda: self._event(partition, record, position)) else None

    def _event(self, partition: int, record: Any, position: int) -> Recorded[Any] | Unreadable | None:
        try:
            return from_relay(record.headers, record.value or b"")
        except (UnknownEventType, UnknownSchema) as unknown:
            return Unreadable(record.key.decode(), position, f"{type(unknown).__name__}: {unknown}")
        except (BrokenEvent, ValueError) as broken:
            self._stranger(partition, record, str(broken))
            return None

    def _stranger(self, partition: int, record: Any, why: str) -> None:
        """A record that is no event was written by somebody else; if it stands for one, the gap will tell."""
        self.foreign += 1
        self._alarm(f"{self._topic} {partition} @{record.offset}: a record is no event of ours: {why}")

    def _shelve(self, project: str, partition: int, floor: int) -> Shelf:
        known = self._shelves.get(project)
        shelf = Shelf(project, partition, floor, self._assigned[partition])
        self._shelves[project] = self._in_partition[partition][project] = shelf
        if known is not None:
            shelf.duplicates, shelf.gaps = known.duplicates, known.gaps
        self._ring(project)
        return shelf

    def _ring(self, project: str) -> None:
        for bell in (*self._waiting[project], *self._waiting[_ANY]):
            bell.set()

    async def _gain(self, consumer: AIOKafkaConsumer, partitions: Iterable[int]) -> None:
        """Begin to read partitions where whoever read them before had come to."""
        known: dict[TopicPartition, tuple[int, Mapping[str, tuple[int, int]]]] = {}
        for partition in partitions:
            where = TopicPartition(self._topic, partition)
            known[where] = (0, {}) if self._bookmarks is None else await self._bookmarks.load(self._topic, partition)
        begins = await self._beginnings(consumer, [where for where, (offset, _) in known.items() if not offset])
        if self._consumer is not consumer:
            # Thrown away while it asked: its partitions are what the next one gets.
            return
        for where, (offset, projects) in known.items():
            self._next[where.partition] = offset or begins[where]
            consumer.seek(where, self._next[where.partition])
            self._epochs += 1
            self._assigned[where.partition] = self._epochs
            self._marked[where.partition] = (offset, {name: position for name, (position, _) in projects.items()})
            for name, (position, at) in projects.items():
                self._shelve(name, where.partition, position if offset else 0).trail.append((position, at))

    def _lose(self, partitions: Iterable[int]) -> None:
        """Partitions are another process's now: who follows their projects waits, or begins anew there."""
        for partition in partitions:
            self._assigned.pop(partition, None)
            self._rewinds.pop(partition, None)
            for shelf in self._in_partition[partition].values():
                if shelf.epoch is not None:
                    shelf.epoch = None
                    shelf.kept.clear()
                    self._ring(shelf.project)

    async def _mark(self, consumer: AIOKafkaConsumer) -> None:
        """Keep where reading would go on. A crash before it, or between the two, reads a little again."""
        committed = {}
        for partition in list(self._assigned):
            where = TopicPartition(self._topic, partition)
            if partition in self._rewinds:
                continue
            shelves = [each for each in self._in_partition[partition].values() if each.epoch is not None]
            waiting = [first for each in shelves if (first := each.first_offset()) is not None]
            offset = min(waiting, default=self._next[partition])
            before, known = self._marked.get(partition, (0, {}))
            moved = {each.project: _mark_of(each) for each in shelves if each.floor > known.get(each.project, 0)}
            if offset <= before and not moved:
                continue
            if self._bookmarks is not None:
                await self._bookmarks.store(self._topic, partition, offset, moved)
            self._marked[partition] = (offset, {**known, **{name: at[0] for name, at in moved.items()}})
            committed[where] = offset
        if committed and self._group is not None:
            # For Kafka's own tools, which show the lag; nothing here reads it.
            await within(CALL_SECONDS, consumer.commit(committed))

    async def _look_for_progress(self, consumer: AIOKafkaConsumer, now: float) -> None:
        """Raise StandsStill where a partition has more, is not paused, and stood still for too long; TopicMissing."""
        if not consumer.partitions_for_topic(self._topic):
            # One of a group is given no partitions then, and would wait in silence.
            raise TopicMissing(self._topic)
        places = [TopicPartition(self._topic, partition) for partition in self._assigned]
        if not places:
            return
        ends = await within(CALL_SECONDS, consumer.end_offsets(places))
        for where in places:
            if where.partition not in self._assigned:
                continue
            position = self._next[where.partition]
            before, since = self._seen_moving.get(where.partition, (-1, now))
            idle = position >= ends[where] or where in consumer.paused()
            if position != before or idle:
                self._seen_moving[where.partition] = (position, now)
            elif now - since >= self._stuck_seconds:
                self._alarm(f"{self._topic} {where.partition} stands still at {position} of {ends[where]}: begun anew")
                raise StandsStill(f"{self._topic} {where.partition}, for {self._stuck_seconds:g} s")


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


def _mark_of(shelf: Shelf) -> tuple[int, int]:
    """A position that everybody has taken, and an offset at or before which it stands."""
    taken = [offset for position, offset in shelf.trail if position <= shelf.floor]
    return shelf.floor, taken[-1] if taken else 0


def _label(record: Any) -> tuple[str | None, int | None]:
    """What a record says of itself outside its value: project and position."""
    position = next((text for name, text in record.headers if name == POSITION_HEADER), b"")
    try:
        project = record.key.decode() if record.key else None
        return project, int(position) if position.isdigit() and len(position) <= 19 else None
    except UnicodeDecodeError:
        return None, None
