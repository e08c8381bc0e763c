"""Read models from a whole topic, into a database that has none: equal to any others, or not built at all."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random

import pytest
import pytest_asyncio

from interlock.feed.replay import Seen, TopicBroken, replay
from interlock.projector.rebuild import NotEmpty, rebuild
from tests.feed.feeds import sleep
from tests.feed.published import Published, published
from tests.fixtures.kafka import Kafka
from tests.fixtures.postgres import PostgresServer
from tests.fixtures.server import config_text
from tests.house.tree import REPOSITORY
from tests.projections.histories import walk
from tests.projector.kafka_ways import fresh_ledgers, from_kafka


@pytest_asyncio.fixture
async def topic(kafka: Kafka) -> AsyncIterator[Published]:
    async with published(kafka) as opened:
        yield opened


async def test_what_is_rebuilt_is_what_was_there(topic: Published, postgres_server: PostgresServer) -> None:
    tapes = {name: walk(Random(number), 30).copy(name) for number, name in enumerate("ab")}
    for events in tapes.values():
        await topic.put([*events, *events[-4:]])
    async with fresh_ledgers(postgres_server) as fresh:
        read = await fresh()
        found = await rebuild(read.connection, replay(topic.address, topic.topic, Seen()), sleep=sleep)
        async with from_kafka(await fresh(), topic, bookmarks=False) as live:
            for name, events in tapes.items():
                assert found[name] == (len(events), await live.at(name, len(events)))
        with pytest.raises(NotEmpty):
            await rebuild(read.connection, replay(topic.address, topic.topic, Seen()), sleep=sleep)


async def test_from_a_topic_with_a_gap_nothing_after_it_is_built(
    topic: Published, postgres_server: PostgresServer
) -> None:
    events = walk(Random(1), 30).events
    await topic.put(event for event in events if event.position != 9)
    async with fresh_ledgers(postgres_server) as fresh:
        read = await fresh()
        with pytest.raises(TopicBroken, match="9 to 9 are missing"):
            await rebuild(read.connection, replay(topic.address, topic.topic, Seen()), sleep=sleep)


async def test_dt_rebuilds_without_a_server(topic: Published, postgres_server: PostgresServer, tmp_path: Path) -> None:
    tape = walk(Random(2), 20)
    await topic.put(tape.events)
    with postgres_server.database() as dsns:
        config = tmp_path / "interlock.toml"
        config.write_text(config_text(dsns=dsns), encoding="utf-8")
        process = await asyncio.create_subprocess_exec(
            *(str(Path(sys.executable).with_name("dt")), "projections", "rebuild", "--from", "kafka"),
            *("--kafka", topic.address.servers, "--topic", topic.topic, "--config", str(config)),
            cwd=REPOSITORY,
            stdout=asyncio.subprocess.PIPE,
        )
        said, _ = await process.communicate()
    assert process.returncode == 0
    assert f"shop: read models at {tape.position}, sha256:" in said.decode()
