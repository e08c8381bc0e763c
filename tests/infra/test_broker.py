"""The broker that `make kafka` and the tests start is Apache Kafka, with a log one can read and an end in order."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import UnknownTopicOrPartitionError

from infra.kafka.broker import JARS, PORTS, Broker, free_port, properties
from interlock.bus import topics
from interlock.events import topics as names
from tests.fixtures.kafka import Kafka, started_broker
from tests.house.tree import REPOSITORY

STOP_SECONDS = 60


async def created(address: str, *names: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=address)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(name, num_partitions=1, replication_factor=1) for name in names])
    finally:
        await admin.close()


async def sent(address: str, topic: str, value: bytes) -> None:
    async with AIOKafkaProducer(bootstrap_servers=address, acks="all", enable_idempotence=True) as producer:
        await producer.send_and_wait(topic, value)


async def received(address: str, topic: str, count: int) -> list[bytes]:
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=address, group_id=None, auto_offset_reset="earliest")
    async with consumer:
        return [(await consumer.getone()).value or b"" for _ in range(count)]


async def test_what_is_sent_is_received(kafka: Kafka) -> None:
    topic = kafka.name()
    await created(kafka.address, topic)
    await sent(kafka.address, topic, b"one")
    await sent(kafka.address, topic, b"two")
    assert await received(kafka.address, topic, 2) == [b"one", b"two"]


async def test_no_topic_comes_into_being_by_being_used(kafka: Kafka) -> None:
    async with AIOKafkaProducer(bootstrap_servers=kafka.address, request_timeout_ms=2_000) as producer:
        with pytest.raises(UnknownTopicOrPartitionError):
            await producer.partitions_for(kafka.name())


def test_a_killed_broker_comes_back_with_what_it_had() -> None:
    with started_broker() as broker:
        asyncio.run(created(broker.address, "kept"))
        asyncio.run(sent(broker.address, "kept", b"one"))
        broker.kill()
        assert not broker.is_running()
        broker.start()
        assert asyncio.run(received(broker.address, "kept", 1)) == [b"one"]


async def test_a_frozen_broker_answers_nobody_until_it_is_thawed() -> None:
    with started_broker() as broker:
        await created(broker.address, "frozen")
        broker.freeze()
        sending = asyncio.create_task(sent(broker.address, "frozen", b"one"))
        done, _ = await asyncio.wait([sending], timeout=2)
        assert not done
        broker.thaw()
        await asyncio.wait_for(sending, 60)
        assert await received(broker.address, "frozen", 1) == [b"one"]


def test_make_kafka_tells_where_it_listens_and_ends_in_order(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "infra.kafka", "--data", str(tmp_path)]
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        told = process.stdout.readline()
        port = int(re.findall(r"Kafka listens at 127\.0\.0\.1:(\d+);", told)[0])
        assert port in PORTS
        process.send_signal(signal.SIGINT)
        assert process.wait(STOP_SECONDS) == 0
    log = (tmp_path / "broker.log").read_text(encoding="utf-8")
    assert re.search(
        r"^\S+ INFO  KafkaRaftServer: \[KafkaRaftServer nodeId=1\] Kafka Server started$", log, re.MULTILINE
    )
    assert "Terminating process due to signal SIGTERM" in log
    assert " ERROR " not in log


def test_a_command_beside_the_broker_gets_its_address_and_ends_with_its_code(tmp_path: Path) -> None:
    ask = "import sys; print('asked', sys.argv[1]); sys.exit(7)"
    command = [sys.executable, "-m", "infra.kafka", "--data", str(tmp_path), "--", sys.executable, "-c", ask, "{kafka}"]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False, timeout=STOP_SECONDS)
    assert done.returncode == 7
    assert re.search(r"^asked 127\.0\.0\.1:\d+$", done.stdout, re.MULTILINE)


def test_a_broker_that_cannot_start_says_why(tmp_path: Path) -> None:
    broker = Broker(tmp_path, port=free_port(), settings={"process.roles": "conductor"})
    with pytest.raises(Exception, match="conductor"):
        broker.start()


def test_every_jar_that_is_run_has_its_digest_in_the_repository() -> None:
    text = (REPOSITORY / "infra" / "kafka" / "jars.sha256").read_text(encoding="utf-8")
    assert {line.split()[1] for line in text.splitlines()} == {path.name for path in JARS.iterdir()}


def test_a_jar_that_was_tampered_with_is_not_run(tmp_path: Path) -> None:
    here = tmp_path / "checkout"
    shutil.copytree(REPOSITORY / "infra", here / "infra")
    # A registry that serves something else is played by a Maven that alters one of the real jars.
    maven = tmp_path / "bin" / "mvn"
    maven.parent.mkdir()
    maven.write_text(
        f'#!/bin/sh\nfor last; do :; done\ncp -r {JARS} "${{last#-DoutputDirectory=}}"\n'
        'echo x >> "${last#-DoutputDirectory=}/kafka-clients-4.4.0.jar"\n',
        encoding="utf-8",
    )
    maven.chmod(0o755)
    command = ["sh", "infra/kafka/setup.sh"]
    path = f"{maven.parent}:{os.environ['PATH']}"
    done = subprocess.run(
        command, cwd=here, env={**os.environ, "PATH": path}, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 1
    assert "kafka-clients-4.4.0.jar: FAILED" in done.stdout + done.stderr
    assert not (here / ".kafka" / "jars").exists()


def test_the_settings_of_every_broker_forbid_topics_that_nobody_asked_for() -> None:
    assert properties(REPOSITORY / "infra" / "kafka" / "broker.properties")["auto.create.topics.enable"] == "false"


def test_the_topics_are_named_in_one_place() -> None:
    assert [topic.name for topic in topics().all] == [names.EVENTS, names.INTAKE, names.OUTCOMES, names.DEAD_LETTER]
