"""What every bus does: Kafka through our clients here, the one in memory in tests/simulation."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition

from interlock.bus import (
    BATCH_BYTES_MAX,
    BusError,
    Cluster,
    KafkaAddress,
    Sent,
    Topic,
    TopicMissing,
    partition_of,
    topics,
)
from tests.bus.buses import DEADLINE_SECONDS, Bus, taken
from tests.feed.feeds import sleep
from tests.fixtures.kafka import Kafka


@pytest_asyncio.fixture
async def bus(kafka: Kafka) -> AsyncIterator[Bus]:
    address = KafkaAddress(kafka.address)
    options = {**address.options("test"), "enable_auto_commit": False, "auto_offset_reset": "earliest"}
    yield Bus(Cluster(address, "test", sleep=sleep), lambda **how: AIOKafkaConsumer(**{**options, **how}), kafka.name)


async def put(bus: Bus, topic: str, partition: int, *values: bytes, key: bytes | None = None) -> Sent:
    async with bus.cluster.producer() as producer:
        batch = await producer.batch()
        for value in values:
            assert batch.add(key, value, [("name", value)], 1)
        [sent] = await producer.send_batches(topic, [(partition, batch)])
    assert isinstance(sent, Sent), sent
    return sent


async def test_what_was_acknowledged_stands_in_its_partition_in_order(bus: Bus) -> None:
    topic = await bus.topic()
    assert await put(bus, topic, 1, b"a", b"b") == Sent(1, 1)
    assert await put(bus, topic, 1, b"c") == Sent(1, 2)
    assert await put(bus, topic, 2, b"d") == Sent(2, 0)
    assert await bus.cluster.ends(topic, [0, 1, 2]) == {0: 0, 1: 3, 2: 1}
    async with bus.reading(topic) as consumer:
        found = await taken(consumer, 4)
        assert sorted(found) == [(1, 0, b"a"), (1, 1, b"b"), (1, 2, b"c"), (2, 0, b"d")]
        assert [each for each in found if each[0] == 1] == sorted(each for each in found if each[0] == 1)


async def test_a_record_comes_with_its_key_headers_and_place(bus: Bus) -> None:
    topic = await bus.topic()
    async with bus.cluster.producer() as producer:
        sent = await producer.send(topic, key=b"shop", value=b"x", headers=[("a", b"1"), ("a", b"2")])
        assert sent == Sent(partition_of(b"shop", 3), 0)
    async with bus.reading(topic) as consumer, asyncio.timeout(DEADLINE_SECONDS):
        while not (found := await consumer.getmany(timeout_ms=200)):
            pass
    [(place, [record])] = found.items()
    assert (place, record.offset) == (TopicPartition(topic, sent.partition), 0)
    assert (record.key, record.value, tuple(record.headers)) == (b"shop", b"x", (("a", b"1"), ("a", b"2")))


async def test_what_a_topic_keeps_is_read_from_given_offsets_to_its_present_end(bus: Bus) -> None:
    topic = await bus.topic()
    await put(bus, topic, 1, b"a", b"b", b"c", key=b"shop")
    await put(bus, topic, 2, b"d")
    pages = [list(page) async for page in bus.cluster.kept(topic, {0: 0, 1: 1, 2: 1})]
    found = [(record.key, record.value, tuple(record.headers)) for page in pages for record in page]
    assert found == [(b"shop", b"b", (("name", b"b"),)), (b"shop", b"c", (("name", b"c"),))]


async def test_a_batch_takes_no_more_than_it_may(bus: Bus) -> None:
    await bus.topic()
    async with bus.cluster.producer() as producer:
        batch = await producer.batch()
        while batch.add(b"key", b"x" * 60_000, [], 1):
            assert batch.records * 60_000 <= BATCH_BYTES_MAX
        assert batch.records == 16


async def test_a_topic_is_made_once_and_one_that_is_missing_is_named(bus: Bus) -> None:
    wanted = Topic(bus.name("wanted"), "a test's", 2, 1, topics().events.settings)
    with pytest.raises(TopicMissing, match=wanted.name):
        await bus.cluster.ensure([wanted], create=False)
    assert await bus.cluster.ensure([wanted], create=True) == [wanted.name]
    assert await bus.cluster.ensure([wanted], create=True) == []
    assert await bus.cluster.ensure([wanted], create=False) == []
    async with bus.cluster.producer() as producer:
        assert await producer.partitions(wanted.name) == 2
    assert await bus.cluster.name() == await bus.cluster.name()


async def test_a_reader_goes_where_it_is_sent(bus: Bus) -> None:
    topic = await bus.topic(1)
    await put(bus, topic, 0, b"a", b"b", b"c")
    place = TopicPartition(topic, 0)
    async with bus.reading(topic) as consumer:
        assert list(await consumer.beginning_offsets([place])) == [place]
        assert await consumer.end_offsets([place]) == {place: 3}
        consumer.seek(place, 1)
        assert [value for *_, value in await taken(consumer, 2)] == [b"b", b"c"]
        assert await consumer.position(place) == 3
        consumer.seek(place, 0)
        assert len(await taken(consumer, 1, max_records=1)) == 1
        assert await consumer.position(place) == 1


async def test_what_is_paused_is_not_read(bus: Bus) -> None:
    topic = await bus.topic(1)
    place = TopicPartition(topic, 0)
    async with bus.reading(topic) as consumer:
        consumer.pause(place)
        await put(bus, topic, 0, b"a")
        assert place in consumer.paused()
        assert not await consumer.getmany(timeout_ms=300)
        consumer.resume(place)
        assert place not in consumer.paused()
        assert [value for *_, value in await taken(consumer, 1)] == [b"a"]


async def test_a_group_goes_on_where_it_committed(bus: Bus) -> None:
    topic, group = await bus.topic(1), bus.name("group")
    place = TopicPartition(topic, 0)
    await put(bus, topic, 0, b"a", b"b", b"c")
    async with bus.reading(topic, group_id=group) as consumer:
        await taken(consumer, 3)
        await consumer.commit({place: 2})
    async with bus.reading(topic, group_id=group) as consumer:
        assert set(consumer.assignment()) == {place}
        assert consumer.partitions_for_topic(topic) == {0}
        assert [value for *_, value in await taken(consumer, 1)] == [b"c"]
    async with bus.reading(topic, group_id=bus.name("other")) as consumer:
        assert [value for *_, value in await taken(consumer, 3)] == [b"a", b"b", b"c"]


class Heard(ConsumerRebalanceListener):  # type: ignore[misc]
    """What one member has, as it is told."""

    def __init__(self) -> None:
        self.has: set[int] = set()

    async def on_partitions_revoked(self, revoked: Any) -> None:
        self.has -= {each.partition for each in revoked}

    async def on_partitions_assigned(self, assigned: Any) -> None:
        self.has |= {each.partition for each in assigned}


async def test_a_group_shares_its_partitions_and_takes_over_those_of_who_leaves(bus: Bus) -> None:
    topic, group = await bus.topic(3), bus.name("group")
    one, other = Heard(), Heard()

    async def until(has: Any) -> None:
        async with asyncio.timeout(DEADLINE_SECONDS):
            while not has():
                assert not one.has & other.has
                await asyncio.sleep(0.02)

    async with bus.reading(topic, one, group_id=group) as first:
        assert one.has == {0, 1, 2}
        async with bus.reading(topic, other, group_id=group):
            await until(lambda: one.has and other.has and one.has | other.has == {0, 1, 2})
        other.has.clear()
        await until(lambda: one.has == {0, 1, 2})
        await put(bus, topic, 0, b"a")
        await put(bus, topic, 2, b"b")
        assert {value for *_, value in await taken(first, 2)} == {b"a", b"b"}


async def test_what_cannot_be_sent_is_said_in_its_place(bus: Bus) -> None:
    topic = await bus.topic(1)
    async with bus.cluster.producer() as producer:
        with pytest.raises(BusError):
            await producer.partitions(bus.name("missing"))
        batch = await producer.batch()
        assert batch.add(None, b"x", [], 1)
        [sent] = await producer.send_batches(topic, [(0, batch)])
    assert sent == Sent(0, 0)
