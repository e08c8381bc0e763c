"""Everything recorded is published, in order, with the ledger's own bytes; where it is not, the relay says so."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest_asyncio
from aiokafka.admin import AIOKafkaAdminClient

from infra.kafka.broker import free_port
from interlock.bus import KafkaAddress, Topic, ensure, topics
from interlock.events.canonical import EVENT_BYTES_MAX
from interlock.events.cloudevents import from_kafka, kafka_message
from interlock.events.codec import decode
from interlock.ledger import Ledger
from interlock.ledger.embedded import Dsns
from interlock.relay import Lag, Standing, state_of
from tests.feed.feeds import record_in, sleep
from tests.fixtures.kafka import Kafka, started_broker
from tests.ledger.rows import append_one
from tests.relay.relays import HASTY_SECONDS, bodies, kept, published, relay_on, running, seen, until


@pytest_asyncio.fixture
async def topic(kafka: Kafka) -> AsyncIterator[Topic]:
    yield topics(kafka.name("relay"), partitions=3).events


async def test_every_event_is_published_in_order_with_the_ledgers_own_bytes(
    kafka: Kafka, ledger: Ledger, ledger_dsn: str, topic: Topic
) -> None:
    await record_in(ledger, "shop", 700)
    async with running(relay_on(ledger, ledger_dsn, kafka.address, topic)) as relay:
        await published(relay)
        await record_in(ledger, "shop", 3)
        await published(relay)
        standing = relay.standing()
    records = await seen(kafka.address, topic.name)
    assert [record.position for record in records] == list(range(1, 704))
    assert [record.value for record in records] == await bodies(ledger, "shop")
    assert {record.key for record in records} == {"shop"}
    assert (standing.active, standing.generation, standing.published) == (True, 1, 703)
    assert standing.trouble is None


async def test_a_record_is_a_cloudevent_with_position_version_and_generation_beside_it(
    kafka: Kafka, ledger: Ledger, ledger_dsn: str, topic: Topic
) -> None:
    await record_in(ledger, "shop", 2)
    async with running(relay_on(ledger, ledger_dsn, kafka.address, topic)) as relay:
        await published(relay)
    [first, second] = await seen(kafka.address, topic.name)
    event = decode(second.value)
    assert from_kafka(second.headers.items(), second.value) == event
    own = {"position": b"2", "version": b"%d" % event.version, "generation": b"1"}
    assert second.headers == {**kafka_message(event).headers, **own}
    assert second.at_ms == int(event.recorded_at.timestamp() * 1000)
    assert first.position == 1


async def test_each_project_has_its_order_in_its_own_partition(
    kafka: Kafka, ledger: Ledger, ledger_dsn: str, topic: Topic
) -> None:
    projects = [f"shop-{number}" for number in range(60)]
    for project in projects:
        await record_in(ledger, project, 4)
    async with running(relay_on(ledger, ledger_dsn, kafka.address, topic)) as relay:
        await published(relay)
        await record_in(ledger, "late", 1)
        await record_in(ledger, projects[7], 600)
        await published(relay)
    records = await seen(kafka.address, topic.name)
    assert kept(records) == {project: await bodies(ledger, project) for project in [*projects, "late"]}
    assert len(records) == 60 * 4 + 601
    assert len({record.partition for record in records}) == 3
    for project in projects:
        assert len({record.partition for record in records if record.key == project}) == 1


async def test_events_of_the_largest_size_are_published(
    kafka: Kafka, ledger: Ledger, ledger_dsn: str, topic: Topic
) -> None:
    for number in range(40):
        await append_one(ledger, number, id="i", actor={"id": "a"}, padding="x" * (EVENT_BYTES_MAX - 400))
    async with running(relay_on(ledger, ledger_dsn, kafka.address, topic)) as relay:
        await published(relay)
    records = await seen(kafka.address, topic.name)
    assert [record.value for record in records] == await bodies(ledger, "shop")
    assert min(len(record.value) for record in records) > EVENT_BYTES_MAX - 400


async def test_a_relay_that_comes_back_goes_on_where_it_was_with_the_next_generation(
    kafka: Kafka, ledger: Ledger, ledger_dsn: str, topic: Topic
) -> None:
    for generation in (1, 2, 3):
        await record_in(ledger, "shop", 5)
        async with running(relay_on(ledger, ledger_dsn, kafka.address, topic)) as relay:
            await published(relay)
            assert relay.standing().generation == generation
    records = await seen(kafka.address, topic.name)
    assert [(record.position, record.generation) for record in records] == [
        (number, (number + 4) // 5) for number in range(1, 16)
    ]


async def test_of_two_relays_one_publishes_and_the_other_takes_over(
    kafka: Kafka, ledger: Ledger, ledger_dsn: str, topic: Topic
) -> None:
    await record_in(ledger, "shop", 5)
    async with running(relay_on(ledger, ledger_dsn, kafka.address, topic)) as second:
        await published(second)
        async with running(relay_on(ledger, ledger_dsn, kafka.address, topic)) as first:
            await asyncio.sleep(2)
            assert (second.standing().active, first.standing().active) == (True, False)
            assert state_of(await first.lag(), first.standing()) == "ok"
        await record_in(ledger, "shop", 5)
        await published(second)
    third = relay_on(ledger, ledger_dsn, kafka.address, topic)
    async with running(third):
        await until(lambda: third.standing().active)
    assert [r.position for r in await seen(kafka.address, topic.name)] == list(range(1, 11))


async def test_another_cluster_gets_everything_from_the_beginning(
    kafka: Kafka, ledger: Ledger, ledger_dsn: str, topic: Topic
) -> None:
    await record_in(ledger, "shop", 5)
    async with running(relay_on(ledger, ledger_dsn, kafka.address, topic)) as relay:
        await published(relay)
    with started_broker() as other:
        async with running(relay_on(ledger, ledger_dsn, other.address, topic)) as relay:
            await until(lambda: relay.standing().published == 5)
            await published(relay)
        assert [r.position for r in await seen(other.address, topic.name)] == [1, 2, 3, 4, 5]


async def test_a_topic_deleted_under_it_is_named_and_the_next_start_publishes_everything_again(
    kafka: Kafka, ledger: Ledger, ledger_dsn: str, topic: Topic
) -> None:
    await record_in(ledger, "shop", 5)
    made = relay_on(ledger, ledger_dsn, kafka.address, topic, send_seconds=HASTY_SECONDS)
    async with running(made) as relay:
        await published(relay)
        admin = AIOKafkaAdminClient(bootstrap_servers=kafka.address)
        await admin.start()
        await admin.delete_topics([topic.name])
        await admin.close()
        await record_in(ledger, "shop", 1)

        async def named() -> bool:
            state = state_of(await relay.lag(), relay.standing())
            return (
                "behind: 1 events" in state
                and f"a topic is not there, and is not made by being used: {topic.name}" in state
            )

        await until(named, "the missing topic named")
    async with running(relay_on(ledger, ledger_dsn, kafka.address, topic)) as relay:
        await until(lambda: relay.standing().published == 6)
    assert kept(await seen(kafka.address, topic.name)) == {"shop": await bodies(ledger, "shop")}


async def test_a_topic_with_other_settings_is_refused_and_nothing_is_published(
    kafka: Kafka, ledger: Ledger, ledger_dsn: str, topic: Topic
) -> None:
    address = KafkaAddress(kafka.address)
    short = replace(topic, settings={**topic.settings, "retention.ms": "60000"})
    await ensure(address, [short], sleep=sleep)
    await record_in(ledger, "shop", 1)
    async with running(relay_on(ledger, ledger_dsn, kafka.address, topic)) as relay:
        await until(lambda: "retention.ms is 60000 and must be -1" in (relay.standing().trouble or ""))
        assert relay.standing().published == 0
        assert state_of(await relay.lag(), relay.standing()).startswith("behind: 1 events")
    assert await seen(kafka.address, topic.name) == []


async def test_while_kafka_was_never_there_it_is_behind_and_stops_soon(
    ledger: Ledger, dsns: Dsns, topic: Topic
) -> None:
    relay = relay_on(ledger, dsns.app, f"127.0.0.1:{free_port()}", topic)
    async with running(relay):
        await record_in(ledger, "shop", 4)
        await until(lambda: relay.standing().trouble is not None)
        lag = await relay.lag()
        assert lag.events == 4
        assert state_of(lag, relay.standing()).startswith("behind: 4 events")


def test_the_state_is_behind_whenever_it_is_and_ok_only_without_trouble() -> None:
    fine = Standing(active=True, generation=1, published=0, rebuilt=0, trouble=None, last_error="long ago")
    stuck = replace(fine, trouble="no answer")
    assert state_of(Lag(0, 0.0, 0), fine) == "ok"
    assert state_of(Lag(3, 0.2, 1), fine) == "ok"
    assert state_of(Lag(3, 61.0, 1), fine) == "behind: 3 events, 61 s"
    assert state_of(Lag(3, 0.2, 1), stuck) == "behind: 3 events, 0 s; no answer"
    assert state_of(Lag(0, 0.0, 0), stuck) == "no answer"
