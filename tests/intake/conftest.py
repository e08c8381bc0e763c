"""An intake on a real broker, over a real desk, with a small team whose service has a key."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC
from typing import Any
from uuid import uuid4

import pytest_asyncio
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from interlock.bus import Administration, KafkaAddress, Topic, Topics, topics
from interlock.client.publishing import Publisher
from interlock.client.signing import SigningKey
from interlock.intake import Intake
from interlock.letters import DeadLetters
from tests.api.conftest import UNTIL, Here, here, unbegun
from tests.feed.feeds import sleep
from tests.fixtures.kafka import Kafka
from tests.fixtures.server import BEGINS, PROJECT

__all__ = ["here", "unbegun"]

DEADLINE_SECONDS = 60
SOURCE = "/ci/trading"
KEY = SigningKey.of_seed(bytes(range(32)))
STRANGE_KEY = SigningKey.of_seed(b"\x07" * 32)
OWN = "bot-1"


@dataclass(frozen=True)
class Told:
    """One record that was published by the intake."""

    key: bytes | None
    value: bytes
    headers: dict[str, bytes]

    @property
    def about(self) -> tuple[str, str]:
        return self.headers["ce_requestsource"].decode(), self.headers["ce_requestid"].decode()


@dataclass
class Office:
    """Everything that a test of the intake needs."""

    here: Here
    address: KafkaAddress
    topics: Topics
    producer: AIOKafkaProducer
    group: str

    @property
    def own_topic(self) -> str:
        return f"{self.topics.intake.name}.{OWN}"

    @property
    def letters(self) -> DeadLetters:
        return DeadLetters(self.here.parts.ledger)

    def intake(self, **how: Any) -> Intake:
        return Intake(
            self.here.parts.desk,
            self.here.parts.ledger,
            self.address,
            self.topics,
            home=PROJECT,
            sleep=sleep,
            monotonic=time.monotonic,
            **{"own": {self.own_topic: OWN}, "group": self.group, **how},
        )

    @asynccontextmanager
    async def running(self, **how: Any) -> AsyncIterator[Intake]:
        intake = self.intake(**how)
        task = asyncio.create_task(intake.run())
        try:
            yield intake
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    @asynccontextmanager
    async def publisher(self, **how: Any) -> AsyncIterator[Publisher]:
        made = Publisher(
            self.address,
            PROJECT,
            SOURCE,
            topics=self.topics,
            clock=lambda: BEGINS,
            new_id=uuid4,
            **{"key": KEY, **how},
        )
        async with made:
            yield made

    async def put(
        self,
        value: bytes,
        headers: list[tuple[str, bytes]],
        *,
        key: bytes | None = b"k",
        topic: str | None = None,
        sign: SigningKey | None = KEY,
    ) -> None:
        """Publish a record as it is."""
        headers = sign.headers(headers, value) if sign is not None else headers
        await self.producer.send_and_wait(
            topic or self.topics.intake.name, key=key, value=value, headers=headers, partition=0
        )

    async def all_in(self, topic: str, count: int) -> list[Told]:
        """The first `count` records of a topic, as soon as they are there, and a moment later no more than these."""
        consumer = AIOKafkaConsumer(bootstrap_servers=self.address.servers, auto_offset_reset="earliest")
        found: list[Told] = []
        async with consumer:
            consumer.assign([TopicPartition(topic, 0)])
            async with asyncio.timeout(DEADLINE_SECONDS):
                while len(found) < count:
                    for records in (await consumer.getmany(timeout_ms=500)).values():
                        found += [Told(each.key, each.value, dict(each.headers)) for each in records]
        return found

    async def outcomes(self, count: int) -> list[Told]:
        return await self.all_in(self.topics.outcomes.name, count)

    async def events(self) -> int:
        return (await self.here.parts.ledger.head(PROJECT)).position


def one_partition(prefix: str) -> Topics:
    return topics(prefix, partitions=1)


@pytest_asyncio.fixture
async def office(here: Here, kafka: Kafka) -> AsyncIterator[Office]:
    await here.somebody("anton", "developer")
    await here.by_two("RegisterPrincipal", {"principal": "ci-1", "kind": "service"})
    await here.by_two("GrantRole", {"principal": "ci-1", "role": "runner"})
    await here.by_two("GrantRole", {"principal": "ci-1", "role": "developer"})
    await here.by_two("RegisterPrincipal", {"principal": OWN, "kind": "service"})
    await here.by_two("GrantRole", {"principal": OWN, "role": "developer"})
    signing = {"principal": "ci-1", "secret_digest": KEY.digest, "expires_at": UNTIL, "purpose": "signing"}
    await here.by_two("IssueCredential", signing)
    wanted = one_partition(kafka.name("t"))
    own = Topic(f"{wanted.intake.name}.{OWN}", "its own", 1, 1, wanted.intake.settings)
    address = KafkaAddress(kafka.address)
    async with Administration(address) as administration:
        await administration.create([*wanted.all, own])
    producer = AIOKafkaProducer(bootstrap_servers=kafka.address, acks="all")
    await producer.start()
    try:
        yield Office(here, address, wanted, producer, kafka.name("group"))
    finally:
        await producer.stop()


def instant() -> str:
    return BEGINS.astimezone(UTC).isoformat()
