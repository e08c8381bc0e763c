"""What the relay's tests need: a relay that runs, and what a consumer sees of it."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from interlock.bus import KafkaAddress, Producer, Topic
from interlock.ledger import Ledger
from interlock.relay import Relay
from interlock.relay.office import Office
from tests.feed.feeds import sleep

# Only against hangs.
WAIT_SECONDS = 90
SILENT_SECONDS = 3.0
# For brokers that answer: what was sent and is not heard of by then is sent once more.
SEND_SECONDS = 30.0
# For those that are frozen, killed, or have no such topic any more.
HASTY_SECONDS = 3.0


@dataclass(frozen=True)
class Seen:
    """One record as a consumer gets it."""

    partition: int
    offset: int
    key: str
    value: bytes
    headers: dict[str, bytes]
    at_ms: int

    @property
    def position(self) -> int:
        return int(self.headers["position"])

    @property
    def generation(self) -> int:
        return int(self.headers["generation"])


async def seen(address: str, topic: str) -> list[Seen]:
    """All records of a topic up to its present end, partition by partition in order of offset."""
    partitions = [TopicPartition(topic, number) for number in range(await _partitions(address, topic))]
    records: list[Seen] = []
    consumer = AIOKafkaConsumer(bootstrap_servers=address, group_id=None, auto_offset_reset="earliest")
    async with consumer:
        consumer.assign(partitions)
        ends = await consumer.end_offsets(partitions)
        for partition, end in ends.items():
            while await consumer.position(partition) < end:
                for batch in (await consumer.getmany(timeout_ms=500)).values():
                    records += [
                        Seen(
                            *(r.partition, r.offset, (r.key or b"").decode(), r.value or b""),
                            *(dict(r.headers), r.timestamp),
                        )
                        for r in batch
                    ]
    return sorted(records, key=lambda record: (record.partition, record.offset))


async def _partitions(address: str, topic: str) -> int:
    admin = AIOKafkaAdminClient(bootstrap_servers=address)
    await admin.start()
    try:
        [described] = await admin.describe_topics([topic])
        return len(described["partitions"])
    finally:
        await admin.close()


def kept(records: Iterable[Seen]) -> dict[str, list[bytes]]:
    """What a consumer keeps of them: of each project what follows the last position, everything else is dropped."""
    bodies: dict[str, list[bytes]] = defaultdict(list)
    for record in records:
        if record.position == len(bodies[record.key]) + 1:
            bodies[record.key].append(record.value)
    return dict(bodies)


async def bodies(ledger: Ledger, project: str) -> list[bytes]:
    """All bytes that the ledger holds of a project."""
    found: list[bytes] = []
    while page := await ledger.read(project, after=len(found), limit=1_000):
        found += [stored.body for stored in page]
    return found


async def until(holds: Callable[[], Awaitable[bool]] | Callable[[], bool], what: str = "it") -> None:
    """Wait until it holds."""
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        answer = holds()
        if await answer if isinstance(answer, Awaitable) else answer:
            return
        assert time.monotonic() < deadline, f"{what} did not come about"
        await asyncio.sleep(0.05)


def relay_on(ledger: Ledger, dsn: str, address: str, topic: Topic, **how: Any) -> Relay:
    """A relay, with short waits so that tests of taking over are short; `send_seconds` for a send is one of `how`."""
    seconds = how.pop("send_seconds", SEND_SECONDS)
    kafka = how.pop("kafka", None) or KafkaAddress(address)
    return Relay(
        ledger,
        dsn,
        kafka,
        topic,
        sleep=sleep,
        monotonic=time.monotonic,
        office=Office(dsn, topic.name, sleep=sleep, monotonic=time.monotonic, silent_seconds=SILENT_SECONDS),
        **{"producer": lambda: Producer(kafka, "relay", send_seconds=seconds), **how},
    )


@asynccontextmanager
async def running(relay: Relay) -> AsyncIterator[Relay]:
    """Let it run; at the end it must stop by itself, and soon."""
    task = asyncio.create_task(relay.run())
    try:
        yield relay
    finally:
        task.cancel()
        done, _ = await asyncio.wait([task], timeout=30)
        assert done, "the relay does not stop"


async def published(relay: Relay) -> None:
    """Wait until everything recorded is published."""

    async def nothing_left() -> bool:
        return relay.standing().generation > 0 and (await relay.lag()).events == 0

    await until(nothing_left, "everything published")
