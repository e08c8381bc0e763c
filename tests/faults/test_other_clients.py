"""Clients that others wrote see of our topics what ours see, byte for byte, and ours see what they sent."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator
from typing import Any

import confluent_kafka
import pytest_asyncio

from infra.kafka.broker import java
from interlock.bus import KafkaAddress, Topic, partition_of, topics
from interlock.ledger import Ledger
from tests.feed.feeds import record_in
from tests.feed.published import create_topic
from tests.fixtures.kafka import Kafka
from tests.relay.relays import HASTY_SECONDS, Seen, published, relay_on, running, seen

TOOL_SECONDS = 100
EVENTS = {"shop": 30, "mill": 7, "pâtisserie": 3}
QUICK = ("-XX:TieredStopAtLevel=1",)
RECORDS = 20
# Neither stands in JSON, nor in a header of ours.
BETWEEN, HEADERS_BETWEEN = "\x01", "\x02"


async def said_by(command: list[str], given: bytes | None = None) -> str:
    done = await asyncio.to_thread(
        subprocess.run, command, input=given, capture_output=True, check=False, timeout=TOOL_SECONDS
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


def told_by(said: str) -> list[dict[str, Any]]:
    """The lines of JSON among those of the log, which Kafka's tools write to the same place."""
    return [json.loads(line) for line in said.splitlines() if line.startswith("{")]


@pytest_asyncio.fixture
async def topic(kafka: Kafka, ledger: Ledger, ledger_dsn: str) -> AsyncIterator[Topic]:
    """A topic that the relay has filled."""
    filled = topics(kafka.name("clients"), partitions=3).events
    for project, count in EVENTS.items():
        await record_in(ledger, project, count)
    async with running(relay_on(ledger, ledger_dsn, kafka.address, filled, send_seconds=HASTY_SECONDS)) as relay:
        await published(relay)
    yield filled


def in_order(found: list[Seen]) -> list[Seen]:
    assert len(found) == sum(EVENTS.values())
    return sorted(found, key=lambda record: (record.partition, record.offset))


async def test_kcat_sees_the_same_keys_headers_and_bytes(kafka: Kafka, topic: Topic) -> None:
    said = await said_by(["kcat", "-C", "-b", kafka.address, "-t", topic.name, "-e", "-q", "-J", "-o", "beginning"])
    found = []
    for line in said.splitlines():
        told = json.loads(line)
        names, values = told["headers"][::2], told["headers"][1::2]
        headers = {name: value.encode() for name, value in zip(names, values, strict=True)}
        value = told["payload"].encode()
        found.append(Seen(told["partition"], told["offset"], told["key"], value, headers, told["ts"]))
    assert in_order(found) == await seen(kafka.address, topic.name)


def read_by_confluent(address: str, topic: str, group: str) -> list[Seen]:
    consumer = confluent_kafka.Consumer(
        {
            "bootstrap.servers": address,
            "group.id": group,
            "auto.offset.reset": "earliest",
            "enable.partition.eof": True,
        }
    )
    consumer.subscribe([topic])
    found: list[Seen] = []
    try:
        while len(found) < sum(EVENTS.values()):
            message = consumer.poll(TOOL_SECONDS)
            assert message is not None, "nothing comes any more"
            error = message.error()
            if error is not None:
                assert error.code() == confluent_kafka.KafkaError._PARTITION_EOF, error
                continue
            headers: Any = dict(message.headers() or [])
            key, value = message.key() or b"", message.value() or b""
            partition, offset = message.partition(), message.offset()
            assert partition is not None
            assert offset is not None
            found.append(Seen(partition, offset, key.decode(), value, headers, message.timestamp()[1]))
    finally:
        consumer.close()
    return found


async def test_confluents_client_sees_the_same(kafka: Kafka, topic: Topic) -> None:
    found = await asyncio.to_thread(read_by_confluent, kafka.address, topic.name, kafka.name("group"))
    assert in_order(found) == await seen(kafka.address, topic.name)


async def test_kafkas_console_consumer_sees_the_same(kafka: Kafka, topic: Topic) -> None:
    shown = ("partition", "offset", "timestamp", "headers", "key")
    properties = [f"print.{name}=true" for name in shown]
    properties += [f"key.separator={BETWEEN}", f"headers.separator={HEADERS_BETWEEN}"]
    command = java(
        "org.apache.kafka.tools.consumer.ConsoleConsumer", "--bootstrap-server", kafka.address,
        "--topic", topic.name, "--from-beginning", "--max-messages", str(sum(EVENTS.values())),
        *(part for one in properties for part in ("--formatter-property", one)),
        options=QUICK,
    )  # fmt: skip
    found = []
    for line in (await said_by(command)).splitlines():
        if BETWEEN not in line:
            continue  # the log's
        at, partition, offset, told, key, value = line.split(BETWEEN)
        headers = dict(one.split(":", 1) for one in told.split(HEADERS_BETWEEN))
        where = (int(partition.removeprefix("Partition:")), int(offset.removeprefix("Offset:")))
        carried = {name: text.encode() for name, text in headers.items()}
        found.append(Seen(*where, key, value.encode(), carried, int(at.removeprefix("CreateTime:"))))
    assert in_order(found) == await seen(kafka.address, topic.name)


async def test_kafkas_verifiable_consumer_sees_each_once_and_in_order(kafka: Kafka, topic: Topic) -> None:
    command = java(
        "org.apache.kafka.tools.VerifiableConsumer", "--bootstrap-server", kafka.address, "--topic", topic.name,
        "--group-id", kafka.name("group"), "--reset-policy", "earliest", "--verbose",
        "--max-messages", str(sum(EVENTS.values())),
        options=QUICK,
    )  # fmt: skip
    told = told_by(await said_by(command))
    found = [
        (one["partition"], one["offset"], one["key"], one["value"].encode())
        for one in told
        if one["name"] == "record_data"
    ]
    ours = [(one.partition, one.offset, one.key, one.value) for one in await seen(kafka.address, topic.name)]
    assert sorted(found) == ours
    for partition in range(3):
        assert [one for one in found if one[0] == partition] == [one for one in ours if one[0] == partition]


async def test_what_kafkas_verifiable_producer_sent_is_what_ours_reads(kafka: Kafka) -> None:
    name = kafka.name("verifiable")
    await create_topic(KafkaAddress(kafka.address), name)
    command = java(
        "org.apache.kafka.tools.VerifiableProducer", "--bootstrap-server", kafka.address, "--topic", name,
        "--max-messages", str(RECORDS), "--repeating-keys", "5",
        options=QUICK,
    )  # fmt: skip
    told = told_by(await said_by(command))
    sent = [one for one in told if one["name"] == "producer_send_success"]
    found = await seen(kafka.address, name)
    assert len(found) == RECORDS
    assert sorted((one["partition"], one["offset"], one["key"], one["value"].encode()) for one in sent) == [
        (one.partition, one.offset, one.key, one.value) for one in found
    ]
    # A key belongs where ours would send it.
    assert all(one.partition == partition_of(one.key.encode(), 3) for one in found)


async def test_what_kcat_and_confluents_client_sent_is_what_ours_reads_where_ours_would_put_it(kafka: Kafka) -> None:
    name = kafka.name("sent")
    await create_topic(KafkaAddress(kafka.address), name)
    keys = [f"project-{number}" for number in range(RECORDS)]
    lines = "".join(f'{key}\t{{"by":"kcat","key":"{key}"}}\n' for key in keys).encode()
    command = ["kcat", "-P", "-b", kafka.address, "-t", name, "-K", "\t", "-H", "ce_id=é 1", "-H", "position=1"]
    await said_by([*command, "-X", "topic.partitioner=murmur2_random"], lines)
    producer = confluent_kafka.Producer({"bootstrap.servers": kafka.address, "partitioner": "murmur2_random"})
    for key in keys:
        headers: Any = [("ce_id", "é 1".encode()), ("position", b"1")]
        producer.produce(name, key=key, value=f'{{"by":"confluent","key":"{key}"}}'.encode(), headers=headers)
    assert await asyncio.to_thread(producer.flush, TOOL_SECONDS) == 0
    found = await seen(kafka.address, name)
    wanted = [(key, f'{{"by":"{who}","key":"{key}"}}'.encode()) for who in ("confluent", "kcat") for key in keys]
    assert sorted((one.key, one.value) for one in found) == sorted(wanted)
    for one in found:
        assert one.headers == {"ce_id": "é 1".encode(), "position": b"1"}
        assert one.partition == partition_of(one.key.encode(), 3)
