"""Topics are created with their settings, or compared with them; a topic that differs is refused, never changed."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from infra.kafka.broker import free_port
from interlock.bus import (
    Administration,
    KafkaAddress,
    KafkaAway,
    Producer,
    Sent,
    TopicDiffers,
    TopicMissing,
    ensure,
    topics,
)
from tests.feed.feeds import sleep
from tests.fixtures.kafka import Kafka

SETTINGS = {"retention.ms": "-1", "cleanup.policy": "delete", "min.insync.replicas": "1"}
# What Kafka writes beside a timestamp that it took when a record came in.
BY_THE_BROKER = 1


def test_the_names_are_the_products() -> None:
    assert [topic.name for topic in topics().all] == [
        "interlock.events",
        "interlock.intake",
        "interlock.outcomes",
        "interlock.dead-letter",
    ]


def test_what_happened_is_kept_for_ever_and_with_three_replicas_two_must_have_it() -> None:
    events = topics(replicas=3).events
    assert (events.settings["retention.ms"], events.settings["retention.bytes"]) == ("-1", "-1")
    assert events.settings["min.insync.replicas"] == "2"
    assert events.replicas == 3
    assert topics().events.settings["min.insync.replicas"] == "1"
    assert topics(partitions=3).events.partitions == 3
    assert topics(partitions=3).dead_letter.partitions == 1


async def test_topics_are_created_with_their_settings_once(kafka: Kafka) -> None:
    address, wanted = KafkaAddress(kafka.address), topics(kafka.name(), partitions=3)
    assert sorted(await ensure(address, wanted.all, sleep=sleep)) == sorted(t.name for t in wanted.all)
    assert await ensure(address, wanted.all, sleep=sleep) == []
    async with Administration(address) as administration:
        await administration.check(wanted.all)
        actual = await administration._settings([wanted.events.name])
    assert {name: actual[wanted.events.name][name] for name in SETTINGS} == SETTINGS


async def test_a_week_is_counted_by_the_brokers_clock_whatever_the_senders_says(kafka: Kafka) -> None:
    address, wanted = KafkaAddress(kafka.address), topics(kafka.name(), partitions=1)
    for_a_while = [each for each in wanted.all if each.settings["retention.ms"] != "-1"]
    assert for_a_while == [wanted.intake, wanted.outcomes]
    await ensure(address, for_a_while, sleep=sleep)
    for topic in for_a_while:
        async with Producer(address, "test") as producer:
            batch = await producer.batch()
            assert batch.add(None, b"of 1970", [], 0)
            (sent,) = await producer.send_batches(topic.name, [(0, batch)])
            assert isinstance(sent, Sent)
        consumer = AIOKafkaConsumer(topic.name, bootstrap_servers=kafka.address, auto_offset_reset="earliest")
        async with asyncio.timeout(60), consumer:
            record = await consumer.getone()
        assert (record.value, record.timestamp_type) == (b"of 1970", BY_THE_BROKER)
        assert record.timestamp > 0


async def test_without_the_right_to_create_a_missing_topic_is_named(kafka: Kafka) -> None:
    wanted = topics(kafka.name())
    with pytest.raises(TopicMissing, match=r"\.events"):
        await ensure(KafkaAddress(kafka.address), [wanted.events], sleep=sleep, create=False)


async def test_a_topic_that_differs_is_refused_with_each_difference_and_left_as_it_is(kafka: Kafka) -> None:
    address, wanted = KafkaAddress(kafka.address), topics(kafka.name(), partitions=2)
    await ensure(address, [wanted.events], sleep=sleep)
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.address)
    await admin.start()
    await admin.alter_configs(
        [
            ConfigResource(
                ConfigResourceType.TOPIC, wanted.events.name, {"retention.ms": "1000", "cleanup.policy": "compact"}
            )
        ]
    )
    await admin.close()
    asked = replace(wanted.events, partitions=5)

    async def refused() -> str:
        with pytest.raises(TopicDiffers) as refusal:
            await ensure(address, [asked], sleep=sleep)
        return str(refusal.value)

    async with asyncio.timeout(60):
        # A broker tells of new settings a while after it took them.
        while "cleanup.policy" not in await refused():
            pass
    for _ in range(2):
        told = await refused()
        assert "partitions is 2 and must be 5" in told
        assert "retention.ms is 1000 and must be -1" in told
        assert "cleanup.policy is compact and must be delete" in told


async def test_a_kafka_that_is_not_there_is_away() -> None:
    with pytest.raises(KafkaAway):
        await ensure(KafkaAddress(f"127.0.0.1:{free_port()}"), topics().all, sleep=sleep)


async def test_a_producer_makes_no_topic(kafka: Kafka) -> None:
    async with Producer(KafkaAddress(kafka.address), "test", send_seconds=3) as producer:
        with pytest.raises((TopicMissing, KafkaAway)):
            await producer.send(kafka.name(), key=None, value=b"")
