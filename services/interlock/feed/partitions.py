"""What one process reads of a topic: its partitions, where each is read on, and the events that wait to be taken.

The partitions come and go as the group has it. What is known of them goes with them, but for the bookmarks.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple, Protocol

from aiokafka import AIOKafkaConsumer, TopicPartition

from interlock.bus import within
from interlock.events.cloudevents import from_relay
from interlock.events.codec import BrokenEvent, UnknownEventType, UnknownSchema
from interlock.events.envelope import Recorded
from interlock.events.foreign import is_foreign
from interlock.feed.feed import Unreadable
from interlock.feed.shelves import Shelf

# Records of one partition that somebody has still to take; beyond them it is not read on.
SHELF_RECORDS_MAX: Final = 10_000
CALL_SECONDS: Final = 10.0
POSITION_HEADER: Final = "ce_position"
# Whoever waits for any project.
ANY: Final = ""


class Bookmarks(Protocol):
    """Where reading goes on after a restart. Losing them costs a longer reading, and nothing else."""

    async def load(self, topic: str, partition: int) -> tuple[int, Mapping[str, tuple[int, int]]]:
        """Return the offset to begin at, and for each project its position there and the offset of that."""

    async def store(self, topic: str, partition: int, offset: int, projects: Mapping[str, tuple[int, int]]) -> None:
        """Keep the same; `projects` are those that moved."""


class Beginning(NamedTuple):
    """Where a partition is read on: at `begins`; `marked` is the offset in its bookmark, 0 without one."""

    where: TopicPartition
    begins: int
    marked: int
    projects: Mapping[str, tuple[int, int]]


class Partitions:
    """A topic's partitions that this process reads now, and a shelf for each project in them."""

    def __init__(
        self, topic: str, bookmarks: Bookmarks | None, alarm: Callable[[str], None], *, in_group: bool
    ) -> None:
        """Keep in `bookmarks` how far reading came; `alarm` is told what somebody should look at."""
        self._topic = topic
        self._bookmarks = bookmarks
        self._alarm = alarm
        self._in_group = in_group
        self.shelves: dict[str, Shelf] = {}
        self._in_partition: defaultdict[int, dict[str, Shelf]] = defaultdict(dict)
        # Partition -> the epoch of its assignment, and the offset after what was put on the shelves.
        self.assigned: dict[int, int] = {}
        self.next: dict[int, int] = {}
        self._epochs = 0
        self._marked: dict[int, tuple[int, dict[str, int]]] = {}
        self.rewinds: dict[int, int | None] = {}
        # Rung in the order in which they were hung up, as in a LedgerFeed.
        self.waiting: defaultdict[str, dict[asyncio.Event, None]] = defaultdict(dict)
        self.foreign = 0

    def epoch_of(self, project: str) -> int | None:
        """Return the assignment in which the project's partition is read; None where it is another process's."""
        shelf = self.shelves.get(project)
        return shelf.epoch if shelf is not None else None

    def read_again(self, shelf: Shelf, after: int) -> None:
        """Let the partition be read again from where `after` was; others drop what they know by its position."""
        offset = shelf.begin_again(after)
        if shelf.partition in self.rewinds:
            earlier = self.rewinds[shelf.partition]
            offset = None if offset is None or earlier is None else min(offset, earlier)
        self.rewinds[shelf.partition] = offset

    async def begin(self, consumer: AIOKafkaConsumer, partitions: Iterable[int]) -> list[Beginning]:
        """Return where whoever read these partitions before had come to. Raises KafkaAway."""
        known: dict[TopicPartition, tuple[int, Mapping[str, tuple[int, int]]]] = {}
        for partition in partitions:
            where = TopicPartition(self._topic, partition)
            known[where] = (0, {}) if self._bookmarks is None else await self._bookmarks.load(self._topic, partition)
        begins = await self._beginnings(consumer, [where for where, (offset, _) in known.items() if not offset])
        return [
            Beginning(where, begins.get(where, offset), offset, projects) for where, (offset, projects) in known.items()
        ]

    def gain(self, consumer: AIOKafkaConsumer, beginnings: Iterable[Beginning]) -> None:
        """Read partitions from there."""
        for where, begins, offset, projects in beginnings:
            partition = where.partition
            consumer.seek(where, begins)
            self.next[partition] = begins
            self._epochs += 1
            self.assigned[partition] = self._epochs
            self._marked[partition] = (offset, {name: position for name, (position, _) in projects.items()})
            for name, (position, at) in projects.items():
                self._shelve(name, partition, position if offset else 0).trail.append((position, at))

    def lose(self, partitions: Iterable[int]) -> None:
        """Partitions are another process's now: who follows their projects waits, or begins anew there."""
        for partition in partitions:
            self.assigned.pop(partition, None)
            self.rewinds.pop(partition, None)
            for shelf in self._in_partition[partition].values():
                if shelf.epoch is not None:
                    shelf.epoch = None
                    shelf.kept.clear()
                    self._ring(shelf.project)

    async def rewind(self, consumer: AIOKafkaConsumer) -> None:
        """Go back where something has to be read again."""
        for partition, offset in list(self.rewinds.items()):
            del self.rewinds[partition]
            where = TopicPartition(self._topic, partition)
            if partition not in self.assigned:
                continue
            begins = offset if offset is not None else (await self._beginnings(consumer, [where]))[where]
            consumer.seek(where, begins)
            self.next[partition] = begins

    async def _beginnings(self, consumer: AIOKafkaConsumer, places: Sequence[TopicPartition]) -> Mapping[Any, int]:
        """Return the first offset that there is in each; all are asked for at once, as a start waits for it."""
        return dict(await within(CALL_SECONDS, consumer.beginning_offsets(places))) if places else {}

    def make_room(self, consumer: AIOKafkaConsumer) -> None:
        """Read no partition on whose records wait to be taken; what nobody follows waits for nobody."""
        for partition in self.assigned:
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

    def take(self, found: Mapping[TopicPartition, Sequence[Any]], before: Mapping[int, int]) -> bool:
        """Put what was found on the shelves; `before` are the assignments at which it was asked for.

        Tell whether any of it was read in its place.
        """
        taken = False
        moved: dict[str, None] = {}
        for where, records in found.items():
            epoch = self.assigned.get(where.partition)
            # What was still fetched for another assignment, or before a rewind, comes again in its place.
            if epoch is None or where.partition in self.rewinds:
                continue
            if before.get(where.partition) != epoch:
                # The partition came meanwhile: these may follow others that were fetched, and left, before it was
                # known where it begins. Taken now, they would hide those for ever; so all is read from there.
                self.rewinds[where.partition] = self.next[where.partition]
                continue
            for record in records:
                project = self._put(where.partition, record)
                if project is not None:
                    moved[project] = None
                self.next[where.partition] = record.offset + 1
            taken = True
        for project in moved:
            self._ring(project)
        return taken

    def _put(self, partition: int, record: Any) -> str | None:
        """Put one record on its shelf; return its project where that has news."""
        project, position = _label(record)
        if project is None or position is None:
            self._stranger(partition, record, "it has no project or no position")
            return None
        if is_foreign(project):
            # Another application's event: read by whoever knows what it means, and no shelf is filled with it here.
            return None
        shelf = self.shelves.get(project)
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
        known = self.shelves.get(project)
        shelf = Shelf(project, partition, floor, self.assigned[partition])
        self.shelves[project] = self._in_partition[partition][project] = shelf
        if known is not None:
            shelf.duplicates, shelf.gaps = known.duplicates, known.gaps
        self._ring(project)
        return shelf

    def _ring(self, project: str) -> None:
        for bell in (*self.waiting[project], *self.waiting[ANY]):
            bell.set()

    async def mark(self, consumer: AIOKafkaConsumer) -> None:
        """Keep where reading would go on. A crash before it, or between the two, reads a little again."""
        committed = {}
        for partition in list(self.assigned):
            where = TopicPartition(self._topic, partition)
            if partition in self.rewinds:
                continue
            shelves = [each for each in self._in_partition[partition].values() if each.epoch is not None]
            waiting = [first for each in shelves if (first := each.first_offset()) is not None]
            offset = min(waiting, default=self.next[partition])
            before, known = self._marked.get(partition, (0, {}))
            moved = {each.project: _mark_of(each) for each in shelves if each.floor > known.get(each.project, 0)}
            if offset <= before and not moved:
                continue
            if self._bookmarks is not None:
                await self._bookmarks.store(self._topic, partition, offset, moved)
            self._marked[partition] = (offset, {**known, **{name: at[0] for name, at in moved.items()}})
            committed[where] = offset
        if committed and self._in_group:
            # For Kafka's own tools, which show the lag; nothing here reads it.
            await within(CALL_SECONDS, consumer.commit(committed))


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
