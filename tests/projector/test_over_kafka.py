"""Read models over Kafka are those over the ledger, byte for byte, whatever happened on the way."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from random import Random

import pytest
import pytest_asyncio

from interlock.feed import LedgerFeed
from tests.feed.feeds import sleep
from tests.feed.published import Published, published
from tests.fixtures.kafka import Kafka
from tests.fixtures.postgres import PostgresServer
from tests.house.tree import REPOSITORY
from tests.projections.histories import chaos, walk
from tests.projections.story import story
from tests.projector.kafka_ways import append, fresh_ledgers, from_kafka, from_the_ledger, in_pieces

SEEDS = (1, 2, 3)
STATEMENTS_MIN = 20


@pytest_asyncio.fixture
async def topic(kafka: Kafka) -> AsyncIterator[Published]:
    async with published(kafka) as opened:
        yield opened


@pytest.mark.parametrize("seed", SEEDS)
async def test_from_the_ledger_from_kafka_live_and_from_its_beginning_read_models_are_equal(
    seed: int, topic: Published, postgres_server: PostgresServer
) -> None:
    random = Random(seed)
    tape = walk(random, 60) if seed % 2 else chaos(random, 120)
    async with fresh_ledgers(postgres_server) as fresh:
        source = await fresh(test=True)
        async with from_kafka(await fresh(), topic) as live:
            for piece in in_pieces(tape.events, 7):
                # As a relay does it: at least once, and after a crash again from its cursor.
                await topic.put(piece)
                if random.random() < 0.3:
                    await topic.put(tape.events[: piece[-1].position][-9:])
            lived = await live.at("shop", tape.position)
            assert live.alarms == []
        await append(source, "shop", tape.events)
        async with from_the_ledger(await fresh(), source) as direct:
            ledgers = await direct.at("shop", tape.position)
        async with from_kafka(await fresh(), topic, bookmarks=False) as again:
            rebuilt = await again.at("shop", tape.position)
    assert lived == ledgers == rebuilt


async def test_what_kafka_lost_is_alarmed_and_read_from_the_ledger(
    topic: Published, postgres_server: PostgresServer
) -> None:
    tape = story()
    async with fresh_ledgers(postgres_server) as fresh:
        source = await fresh(test=True)
        await append(source, "shop", tape.events)
        async with LedgerFeed(source, sleep) as repairing:
            async with from_kafka(await fresh(), topic, source=repairing) as built:
                await topic.put(event for event in tape.events if not 20 <= event.position < 30)
                lived = await built.at("shop", tape.position)
                assert {alarm.rpartition("left out ")[2] for alarm in built.alarms} == {"20 to 29"}
        async with from_the_ledger(await fresh(), source) as direct:
            assert lived == await direct.at("shop", tape.position)


async def test_in_the_middle_of_a_batch_partitions_go_to_another_process_and_come_back(
    topic: Published, postgres_server: PostgresServer, kafka: Kafka
) -> None:
    tapes = {name: walk(Random(number), 40).copy(name) for number, name in enumerate("abcdef")}
    group = kafka.name("group")
    async with fresh_ledgers(postgres_server) as fresh:
        read = await fresh()

        async def publish() -> None:
            pieces = {name: list(in_pieces(list(events), 3)) for name, events in tapes.items()}
            for number in range(max(len(found) for found in pieces.values())):
                for found in pieces.values():
                    if number < len(found):
                        await topic.put(found[number])

        async with from_kafka(read, topic, group=group) as first:
            publishing = asyncio.create_task(publish())
            while not publishing.done():
                # Each coming and going is a rebalance, while pages are being written.
                async with from_kafka(read, topic, group=group) as second:
                    await sleep(1.0)
                    assert second.alarms == []
                await sleep(0.5)
            await publishing
            found = {name: await first.at(name, len(events)) for name, events in tapes.items()}
            assert first.alarms == []
            assert all(status.stopped_because is None for status in first.projector.status())
        async with from_kafka(await fresh(), topic, bookmarks=False) as again:
            assert found == {name: await again.at(name, len(events)) for name, events in tapes.items()}


async def test_killed_between_any_two_statements_a_projector_goes_on_where_it_was(
    topic: Published, postgres_server: PostgresServer
) -> None:
    tape = walk(Random(5), 6)
    await topic.put(tape.events)
    async with fresh_ledgers(postgres_server) as fresh:
        read = await fresh()
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "tests.projector.killed", read._dsn, topic.address.servers, topic.topic),
            *("shop", str(tape.position)),
            cwd=REPOSITORY,
            stdout=asyncio.subprocess.PIPE,
        )
        said, _ = await process.communicate()
        killed, ended = said.split()
        assert int(ended) == 0
        # Every statement of the start and of each page was the last one of some process.
        assert int(killed) > STATEMENTS_MIN
        async with from_kafka(read, topic) as after, from_kafka(await fresh(), topic, bookmarks=False) as again:
            assert await after.at("shop", tape.position) == await again.at("shop", tape.position)
