"""What only the feed from Kafka has: what comes twice, what is missing, what is no event, and who reads what."""
# Long: one suite over one broker: what only this feed has, case by case.

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import aclosing
from functools import partial
from typing import Any, cast

import pytest
import pytest_asyncio
from aiokafka import AIOKafkaConsumer

from interlock.bus import KafkaAddress
from interlock.events.cloudevents import kafka_message
from interlock.feed import Feed, Reassigned, Unreadable
from interlock.feed.from_kafka import KafkaFeed
from interlock.feed.shelves import SHELF_TRAIL_RECORDS, Follower, Shelf
from interlock.ledger import Ledger
from interlock.projector.bookmarks import KeptBookmarks
from tests.feed.broken import send_broken
from tests.feed.feeds import holds, sleep
from tests.feed.published import PARTITIONS, Published, create_topic, published
from tests.feed.test_feed import DEADLINE_SECONDS, positions
from tests.fixtures.kafka import Kafka, started_broker

EVENTS = holds("shop", 1, 60)


@pytest_asyncio.fixture
async def topic(kafka: Kafka) -> AsyncIterator[Published]:
    async with published(kafka) as opened:
        yield opened


async def bookmarks_in(ledger: Ledger) -> KeptBookmarks:
    kept = KeptBookmarks(ledger.connection)
    await kept.prepare()
    return kept


async def until(found: Any) -> None:
    """Wait until `found()` holds; the deadline is only against hangs."""
    async with asyncio.timeout(DEADLINE_SECONDS):
        while not found():
            await sleep(0.02)


def flat(pages: list[list[int]]) -> list[int]:
    return [position for page in pages for position in page]


async def test_what_comes_twice_is_handed_on_once(topic: Published) -> None:
    await topic.put([*EVENTS[:5], *EVENTS[2:7], EVENTS[6], *EVENTS[:9]])
    async with topic.feed() as feed:
        assert flat(await positions(feed, "shop", 0, 9)) == list(range(1, 10))
        await until(lambda: feed._held.shelves["shop"].duplicates == 11)


async def test_what_is_missing_shows_as_a_gap(topic: Published) -> None:
    await topic.put([*EVENTS[:3], *EVENTS[5:8]])
    async with topic.feed() as feed:
        assert flat(await positions(feed, "shop", 0, 8)) == [1, 2, 3, 6, 7, 8]
        assert feed._held.shelves["shop"].gaps == 1


async def test_a_record_that_is_no_event_is_told_and_stops_nobody(topic: Published) -> None:
    alarms: list[str] = []
    await topic.put(EVENTS[:2])
    message = kafka_message(EVENTS[2])
    await topic.raw("shop", b"{}", list(message.headers.items()))
    await topic.raw(None, b"\xff\x00", [])
    await topic.raw(b"\xff", b"", [("ce_position", b"3")])
    await topic.raw("shop", message.value, [("ce_position", b"3")])
    await topic.put(EVENTS[2:4])
    async with topic.feed(alarm=alarms.append) as feed:
        assert flat(await positions(feed, "shop", 0, 4)) == [1, 2, 3, 4]
        await until(lambda: feed.foreign == 4)
    assert len(alarms) == 4


async def test_what_kafkas_own_client_cannot_read_stops_nobody(topic: Published) -> None:
    alarms: list[str] = []
    await topic.put(EVENTS[:3])
    partition = (await topic.producer.send_and_wait(topic.topic, key=b"shop", value=b"")).partition
    await send_broken(topic.producer, topic.topic, partition=partition)
    await topic.put(EVENTS[3:5])
    async with topic.feed(alarm=alarms.append) as feed:
        assert flat(await positions(feed, "shop", 0, 5)) == [1, 2, 3, 4, 5]
    assert any("cannot be read" in alarm for alarm in alarms)


async def test_an_event_of_a_newer_version_ends_the_feed_after_everything_before_it(topic: Published) -> None:
    await topic.put(EVENTS[:3])
    message = kafka_message(EVENTS[3])
    value = message.value.replace(b'"type":"ReleaseHeld"', b'"type":"FromTheFuture"')
    await topic.raw("shop", value, [("ce_position", b"4")])
    await topic.put(EVENTS[4:6])
    async with topic.feed() as feed, asyncio.timeout(DEADLINE_SECONDS):
        found: list[int] = []

        async def read_on() -> None:
            async with aclosing(cast("Any", feed.pages("shop", after=0))) as pages:
                async for page in pages:
                    found.extend(event.position for event in page)

        with pytest.raises(Unreadable) as unreadable:
            await read_on()
    assert found == [1, 2, 3]
    assert unreadable.value.position == 4


async def test_after_a_restart_it_goes_on_where_everybody_was(topic: Published, ledger: Ledger, kafka: Kafka) -> None:
    kept, group = await bookmarks_in(ledger), kafka.name("group")
    await topic.put(EVENTS[:40])
    async with topic.feed(group=group, bookmarks=kept) as feed:
        await positions(feed, "shop", 0, 40)
        async with aclosing(cast("Any", feed.pages("shop", after=0))) as pages:
            async for page in pages:
                if page[-1].position == 40:
                    break
        shelf = feed._held.shelves["shop"]
        # Whoever follows has taken 40 only when it asks for more.
        follower = asyncio.create_task(positions(feed, "shop", 40, 41))
        await until(lambda: shelf.followers)
        shelf.drop()
        await until(lambda: feed._held._marked.get(shelf.partition, (0, {}))[1].get("shop") == 40)
        follower.cancel()
    await topic.put(EVENTS[40:42])
    async with topic.feed(group=group, bookmarks=kept) as feed:
        assert await positions(feed, "shop", 40, 42) in ([[41, 42]], [[41], [42]])
        assert feed._held.shelves["shop"].duplicates == 0
        # Somebody new needs it all: the partition is read again, and the others drop what they have.
        assert flat(await positions(feed, "shop", 0, 42)) == list(range(1, 43))


async def test_whoever_stands_still_is_thrown_away_and_loses_nothing(topic: Published) -> None:
    stuck: list[AIOKafkaConsumer] = []

    class Stuck(AIOKafkaConsumer):  # type: ignore[misc]
        """Alive, assigned, polled, and it never gives a record: as seen after a rebalance."""

        async def getmany(self, *_: Any, **__: Any) -> dict[Any, Any]:
            await asyncio.sleep(0.05)
            return {}

    def make(**how: Any) -> AIOKafkaConsumer:
        if stuck:
            return AIOKafkaConsumer(**how)
        stuck.append(Stuck(**how))
        return stuck[0]

    alarms: list[str] = []
    await topic.put(EVENTS[:5])
    async with topic.feed(make_consumer=make, stuck_seconds=0.5, alarm=alarms.append) as feed:
        assert flat(await positions(feed, "shop", 0, 5)) == [1, 2, 3, 4, 5]
        # On a busy machine the next one, too, may be found to be slow.
        assert feed.rebuilt >= 1
    assert "stands still" in alarms[0]


async def test_a_topic_that_comes_later_is_read_too(kafka: Kafka) -> None:
    async with published(kafka) as other:
        other.topic = kafka.name("late")
        async with other.feed() as feed:
            waiting = asyncio.create_task(positions(feed, "shop", 0, 2))
            await until(lambda: feed.trouble is not None)
            await create_topic(other.address, other.topic)
            await other.put(EVENTS[:2])
            assert flat(await waiting) == [1, 2]


async def test_partitions_are_spread_over_processes_and_taken_over(topic: Published, kafka: Kafka) -> None:
    group = kafka.name("group")
    names = [f"project-{number}" for number in range(8)]
    for name in names:
        await topic.record(name, 3)
    async with topic.feed(group=group) as first:
        await until(lambda: all(first.holds(name) for name in names))
        async with topic.feed(group=group) as second:
            await until(lambda: any(second.holds(name) for name in names))
            await until(lambda: all(first.holds(name) != second.holds(name) for name in names))
            assert any(first.holds(name) for name in names)
            for name in names:
                await topic.record(name, 2)
            for name in names:
                reading = first if first.holds(name) else second
                assert flat(await positions(reading, name, 3, 5)) == [4, 5]
        await until(lambda: all(first.holds(name) for name in names))
        for name in names:
            await topic.record(name, 1)
            assert flat(await positions(first, name, 5, 6)) == [6]


async def test_whoever_gets_a_project_back_is_told_to_look_how_far_others_went(
    topic: Published, ledger: Ledger, kafka: Kafka
) -> None:
    feed = topic.feed(bookmarks=await bookmarks_in(ledger))
    await topic.put(EVENTS[:3])
    async with feed:
        reading = feed.pages("shop", after=0)
        assert len(await anext(reading)) == 3
        partition = feed._held.shelves["shop"].partition
        feed._held.lose([partition])
        behind = asyncio.create_task(cast("Any", anext(reading)))
        await asyncio.sleep(0)
        # Another process went on to 50 meanwhile, and the partition comes back.
        await feed._held._bookmarks.store(topic.topic, partition, 3, {"shop": (50, 0)})  # type: ignore[union-attr]
        await feed._gain(cast("Any", feed._consumer), [partition])
        with pytest.raises(Reassigned):
            await behind


async def test_a_start_asks_once_where_all_its_partitions_begin(topic: Published, kafka: Kafka) -> None:
    asked: list[int] = []

    class Asked(AIOKafkaConsumer):  # type: ignore[misc]
        """Tells of how many partitions it was asked at once."""

        async def beginning_offsets(self, places: Any) -> dict[Any, int]:
            asked.append(len(places))
            found: dict[Any, int] = await super().beginning_offsets(places)
            return found

    async with topic.feed(group=kafka.name("group"), make_consumer=Asked) as feed:
        await until(lambda: len(feed._held.assigned) == PARTITIONS)
    assert asked == [PARTITIONS]


class Slow:
    """Bookmarks that say only when they are let where a partition begins."""

    def __init__(self) -> None:
        self.let = asyncio.Event()

    async def load(self, _topic: str, _partition: int) -> tuple[int, dict[str, tuple[int, int]]]:
        await self.let.wait()
        return 0, {}

    async def store(self, *_: Any) -> None:
        """Keep nothing."""


async def test_what_is_fetched_while_a_partition_comes_hides_nothing_before_it(kafka: Kafka) -> None:
    fetched: list[int] = []
    bookmarks = Slow()

    class Late(AIOKafkaConsumer):  # type: ignore[misc]
        """Its second records come out before the partition begins, and are handed over after that, as under load."""

        async def getmany(self, *places: Any, **how: Any) -> dict[Any, Any]:
            found: dict[Any, Any] = await super().getmany(*places, **how)
            fetched.extend(record.offset for records in found.values() for record in records)
            if fetched and fetched[-1] == 6 and not bookmarks.let.is_set():
                bookmarks.let.set()
                await until(lambda: feed._held.assigned)
            return found

    async with published(kafka, partitions=1) as one:
        feed = one.feed(group=kafka.name("group"), bookmarks=bookmarks, make_consumer=Late)
        await one.put(EVENTS[:5])
        async with feed:
            await until(lambda: fetched == [0, 1, 2, 3, 4])
            await one.put(EVENTS[5:7])
            assert flat(await positions(feed, "shop", 0, 7)) == [1, 2, 3, 4, 5, 6, 7]
            assert feed._held.shelves["shop"].gaps == 0


async def test_with_a_frozen_broker_it_stops_all_the_same() -> None:
    with started_broker() as broker:
        address = KafkaAddress(broker.address)
        await create_topic(address, "events")
        async with asyncio.timeout(DEADLINE_SECONDS):
            async with KafkaFeed(address, sleep, time.monotonic, topic="events", group="g") as feed:
                await until(lambda: feed._held.assigned)
                broker.freeze()
                await asyncio.sleep(0.5)
        broker.thaw()
        # Its client was left as it was; its process goes on here, so the test tidies up after it.
        for connection in cast("Any", feed._consumer)._client._conns.values():
            connection.close()


def _as_it_is(event: Any) -> Any:
    return event


def shelf_of(count: int) -> Shelf:
    shelf = Shelf("shop", 0)
    for event in holds("shop", 1, count):
        shelf.put(event.position, event.position * 10, partial(_as_it_is, event))
    return shelf


def test_a_shelf_begins_again_at_or_before_what_is_asked_for() -> None:
    shelf = shelf_of(3 * SHELF_TRAIL_RECORDS)
    for after in (0, 1, SHELF_TRAIL_RECORDS - 1, SHELF_TRAIL_RECORDS, 2 * SHELF_TRAIL_RECORDS + 7):
        fresh = shelf_of(3 * SHELF_TRAIL_RECORDS)
        offset = fresh.begin_again(after)
        assert fresh.floor <= after
        assert offset is not None
        assert offset <= (after + 1) * 10
    shelf.trail.clear()
    assert shelf.begin_again(5) is None
    assert shelf.floor == 0


def test_nothing_is_dropped_that_a_follower_has_not_taken() -> None:
    shelf = shelf_of(20)
    shelf.drop()
    assert shelf.floor == 0
    slow, fast = Follower(3, 1), Follower(15, 1)
    shelf.followers |= {slow, fast}
    shelf.drop()
    assert (shelf.floor, shelf.kept[0].position) == (3, 4)
    slow.after = 15
    shelf.drop()
    assert (shelf.floor, shelf.first_offset()) == (15, 160)


def _is_feed(feed: KafkaFeed) -> Feed:
    """It has the shape (for the type checker)."""
    return feed
