"""A client of Kafka that is given up is gone at once: no socket, no task, and nothing for the collector to find."""

from __future__ import annotations

import asyncio
import gc
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from inspect import signature
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.client import ConnectionGroup

from interlock.bus import JOIN_SECONDS, Graveyard, KafkaAway
from interlock.bus.connection import REQUEST_MS
from interlock.bus.cut import _being_made, cut
from tests.feed.published import Published, published
from tests.fixtures.kafka import Kafka

ROUNDS = 10
# Against hangs only.
HANGS_SECONDS = 30.0
LARGE_BYTES = 50_000_000


@pytest_asyncio.fixture
async def topic(kafka: Kafka) -> AsyncIterator[Published]:
    async with published(kafka) as opened:
        yield opened


def sockets() -> set[str]:
    found = set()
    for name in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            found.add(str(name.readlink()))
    return {one for one in found if one.startswith("socket:")}


class Leavings:
    """What is there now; `nothing_new` holds where no more than that is left."""

    def __init__(self) -> None:
        gc.collect()
        self.sockets, self.tasks = sockets(), asyncio.all_tasks()

    async def nothing_new(self) -> None:
        for _ in range(ROUNDS):
            await asyncio.sleep(0)
        assert sockets() <= self.sockets
        assert asyncio.all_tasks() <= self.tasks
        # A client that says it was forgotten fails the test.
        gc.collect()


async def producing(topic: Published) -> AIOKafkaProducer:
    producer = AIOKafkaProducer(bootstrap_servers=topic.address.servers, enable_idempotence=True)
    await producer.start()
    await producer.send_and_wait(topic.topic, b"one")
    # On its way.
    await producer.send(topic.topic, b"two")
    await asyncio.sleep(0)
    return producer


async def consuming(topic: Published, group: str | None) -> AIOKafkaConsumer:
    await topic.producer.send_and_wait(topic.topic, b"one")
    consumer = AIOKafkaConsumer(
        topic.topic, bootstrap_servers=topic.address.servers, group_id=group, auto_offset_reset="earliest"
    )
    await consumer.start()
    await consumer.getone()
    return consumer


async def administrating(topic: Published) -> AIOKafkaAdminClient:
    admin = AIOKafkaAdminClient(bootstrap_servers=topic.address.servers)
    await admin.start()
    await admin.describe_topics([topic.topic])
    return admin


KINDS: list[Callable[[Published], Any]] = [
    producing,
    lambda topic: consuming(topic, None),
    lambda topic: consuming(topic, f"{topic.topic}.group"),
    administrating,
]


@pytest.mark.parametrize("kind", KINDS, ids=["producer", "consumer", "group", "administration"])
async def test_a_client_in_the_middle_of_its_work_is_gone_at_once(topic: Published, kind: Any) -> None:
    before = Leavings()
    client = await kind(topic)
    assert sockets() - before.sockets
    cut(client)
    del client
    await before.nothing_new()


async def test_what_cannot_be_written_any_more_keeps_no_socket(topic: Published) -> None:
    before = Leavings()
    client = await administrating(topic)
    for connection in client._client._conns.values():
        connection._writer.write(struct.pack(">i", LARGE_BYTES) + bytes(LARGE_BYTES))
    cut(client)
    await before.nothing_new()


@pytest.mark.parametrize("answered", [False, True], ids=["connecting", "asking"])
async def test_a_start_that_waits_for_the_broker_is_gone_at_once(kafka: Kafka, answered: bool) -> None:
    before = Leavings()
    client = AIOKafkaConsumer(bootstrap_servers=kafka.address)
    starting = asyncio.create_task(client.start())
    await asyncio.sleep(0)
    while answered and not any(connection._versions for connection in _being_made(starting.get_coro())):  # noqa: ASYNC110 - no bell rings there
        await asyncio.sleep(0)
    cut(client, starting)
    await before.nothing_new()
    assert starting.cancelled()


async def test_a_connection_that_is_made_only_then_is_closed(topic: Published) -> None:
    client = await administrating(topic)
    [node] = [broker.nodeId for broker in client._client.cluster.brokers()]
    before = Leavings()
    late = asyncio.create_task(client._client._get_conn(node, group=ConnectionGroup.COORDINATION))
    await asyncio.sleep(0)
    cut(client)
    assert not (await late).connected()
    del late
    await before.nothing_new()


async def test_whoever_closes_the_graveyard_leaves_nobody_there(topic: Published) -> None:
    before = Leavings()
    client = await consuming(topic, f"{topic.topic}.group")
    graveyard = Graveyard()
    graveyard.bury(client)
    await graveyard.close(0)
    assert sockets() <= before.sockets
    await before.nothing_new()


async def test_who_does_not_stop_in_its_time_is_cut(topic: Published) -> None:
    async def never() -> None:
        await asyncio.Event().wait()

    before = Leavings()
    client = await administrating(topic)
    client.close = never
    graveyard = Graveyard(0.01)
    graveyard.bury(client)
    await asyncio.wait(graveyard._buried.values())
    del client
    await before.nothing_new()


def test_there_is_time_to_join_a_group_whose_last_member_said_no_goodbye() -> None:
    missed_after_ms = signature(AIOKafkaConsumer).parameters["session_timeout_ms"].default
    assert 2 * missed_after_ms + REQUEST_MS <= JOIN_SECONDS * 1000


async def test_a_start_is_not_waited_for_once_its_part_is_closing(kafka: Kafka) -> None:
    graveyard, closing = Graveyard(), asyncio.Event()
    before = Leavings()
    closing.set()
    with pytest.raises(KafkaAway, match="not waited for"):
        await graveyard.start(60, AIOKafkaConsumer(bootstrap_servers=kafka.address), closing=closing)
    await graveyard.close(10)
    await before.nothing_new()


async def test_a_start_that_is_given_up_is_ended_before_its_client_says_goodbye() -> None:
    said: list[str] = []

    class Client:
        async def start(self) -> None:
            await asyncio.Event().wait()

        async def stop(self) -> None:
            said.append("goodbye")

    graveyard = Graveyard(HANGS_SECONDS)
    with pytest.raises(KafkaAway, match="no answer"):
        await graveyard.start(0.01, Client())
    await asyncio.wait(graveyard._buried.values(), timeout=HANGS_SECONDS / 2)
    assert said == ["goodbye"]
    await graveyard.close(0)


async def test_who_is_buried_twice_is_stopped_once_and_not_cut_in_the_middle_of_it() -> None:
    said: list[str] = []

    class Client:
        async def stop(self) -> None:
            said.append("goodbye")
            await asyncio.sleep(0.01)
            said.append("cut" if hasattr(self, "_closed") else "gone")

    graveyard, client = Graveyard(), Client()
    graveyard.bury(client)
    graveyard.bury(client)
    await graveyard.close(10)
    assert said == ["goodbye", "gone"]
