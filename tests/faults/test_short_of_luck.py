"""A transaction that stays open beside writers, an event too large for Kafka, a topic deleted under read models."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio
from aiokafka import AIOKafkaProducer

from interlock.bus import Topic, topics
from interlock.feed import LedgerFeed
from interlock.ledger import ClockDisagrees, Ledger, Overtaken
from interlock.ledger.embedded import Dsns
from interlock.ledger.session import Session
from interlock.relay import state_of
from tests.faults.topics_of_others import change_topic, delete_topic
from tests.feed.feeds import record_in, sleep
from tests.feed.published import create_topic
from tests.feed.published import published as opened
from tests.fixtures.kafka import Kafka
from tests.fixtures.postgres import PostgresServer
from tests.ledger.rows import command, rows_of, stamp
from tests.ledger.test_kill import acknowledged, check, wait_for, writers
from tests.ledger.writer import ENVELOPE
from tests.projections.story import story
from tests.projector.kafka_ways import append, fresh_ledgers, from_kafka, from_the_ledger
from tests.relay.relays import HASTY_SECONDS, bodies, kept, published, relay_on, running, seen, until

WRITERS_EACH = 4
COMMANDS_EACH = 30
pytestmark = pytest.mark.timeout(300)


@pytest_asyncio.fixture
async def topic(kafka: Kafka) -> AsyncIterator[Topic]:
    yield topics(kafka.name("luck"), partitions=3).events


@asynccontextmanager
async def left_open(ledger: Ledger, project: str) -> AsyncIterator[None]:
    """A transaction that has written an event, and is committed only at the end; its number is an old one then."""
    head = await ledger.head(project)
    rows = rows_of(
        command("late"), stamp(head), first=head.position + 1, streams=[("late", 1)], project=project, **ENVELOPE
    )
    async with ledger.connection() as connection:
        transaction = connection.transaction()
        await transaction.start()
        await Session(connection).append(project, rows)
        yield
        await transaction.commit()


async def test_beside_a_transaction_that_stays_open_eight_writers_leave_no_gap_and_all_is_published(
    kafka: Kafka, dsns: Dsns, topic: Topic, tmp_path: Path
) -> None:
    ledger = await Ledger.open(dsns.app)
    async with running(relay_on(ledger, dsns.app, kafka.address, topic, send_seconds=HASTY_SECONDS)) as relay:
        async with left_open(ledger, "slow"):
            with writers(dsns.app, tmp_path, each=WRITERS_EACH) as outputs:
                await asyncio.to_thread(wait_for, outputs, COMMANDS_EACH)
                # One that holds the writers' own project makes them wait, and takes the place that it asked for.
                async with held(ledger):
                    await sleep(1)
                await asyncio.to_thread(wait_for, outputs, COMMANDS_EACH)
            await until(lambda: relay.standing().published >= len(acknowledged(outputs)))
        await published(relay)
        await asyncio.to_thread(check, dsns.app, outputs)
        records = await seen(kafka.address, topic.name)
        assert kept(records) == {project: await bodies(ledger, project) for project in ("shop", "slow")}
        assert len(kept(records)["slow"]) == 1
        assert len(kept(records)["shop"]) >= 4 * COMMANDS_EACH
    await ledger.close()


@asynccontextmanager
async def held(ledger: Ledger) -> AsyncIterator[None]:
    """A transaction that holds the next position of the writers' project, and gives it back in the end."""
    async with ledger.connection() as connection:
        while True:
            transaction = connection.transaction()
            await transaction.start()
            head = await Session(connection).head("shop")
            rows = rows_of(
                command("held"), stamp(head), first=head.position + 1, streams=[("held", 1)], project="shop", **ENVELOPE
            )
            try:
                await Session(connection).append("shop", rows)
            except (Overtaken, ClockDisagrees):
                await transaction.rollback()
                continue
            break
        yield
        await transaction.rollback()


async def test_an_event_that_kafka_takes_for_too_large_is_told_and_published_once_the_topic_is_as_it_must_be(
    kafka: Kafka, ledger: Ledger, ledger_dsn: str, topic: Topic
) -> None:
    await record_in(ledger, "shop", 2)
    must = topic.settings["max.message.bytes"]
    async with running(relay_on(ledger, ledger_dsn, kafka.address, topic, send_seconds=HASTY_SECONDS)) as relay:
        await published(relay)
        await change_topic(kafka.address, topic.name, max_message_bytes="100")
        await record_in(ledger, "shop", 3)
        said = f"max.message.bytes is 100 and must be {must}"
        await until(lambda: said in (relay.standing().trouble or ""), "the setting named")
        assert state_of(await relay.lag(), relay.standing()).startswith("behind: 3 events")
        await change_topic(kafka.address, topic.name, **{**_settings(topic), "max_message_bytes": must})
        await published(relay)
        assert state_of(await relay.lag(), relay.standing()) == "ok"
    assert kept(await seen(kafka.address, topic.name)) == {"shop": await bodies(ledger, "shop")}


def _settings(topic: Topic) -> dict[str, str]:
    return {name.replace(".", "_"): value for name, value in topic.settings.items()}


async def test_read_models_whose_topic_was_deleted_and_made_anew_are_those_of_the_ledger(
    kafka: Kafka, postgres_server: PostgresServer
) -> None:
    tape = story()
    half = len(tape.events) // 2
    async with fresh_ledgers(postgres_server) as fresh, opened(kafka) as topic:
        source, read = await fresh(test=True), await fresh()
        await append(source, "shop", tape.events)
        async with LedgerFeed(source, sleep) as repairing:
            group = kafka.name("group")
            async with from_kafka(read, topic, group=group, source=repairing) as built:
                # Every event twice: what is built anew ends before the place where reading had come to.
                await topic.put(event for event in tape.events[:half] for _ in range(2))
                await built.at("shop", half)
                await delete_topic(kafka.address, topic.topic)
                await until(lambda: built.feed.trouble is not None, "trouble")
                await create_topic(topic.address, topic.topic)
                # As the relay does it: with another producer, from the first event.
                async with AIOKafkaProducer(bootstrap_servers=kafka.address, acks="all") as producer:
                    await replace(topic, producer=producer).put(tape.events)
                lived = await built.at("shop", tape.position)
        async with from_the_ledger(await fresh(), source) as direct:
            assert lived == await direct.at("shop", tape.position)
