"""What the relay publishes a second, beside a bare aiokafka producer and Kafka's own producer-perf-test.

All three send records of one size to one broker here, with acks=all and idempotence, in the same run and in turns, so
that a machine's mood falls on all alike. Their ratio says more than a rate, which is your machine's.

What is unequal, and for whom: the relay also reads each event from PostgreSQL, gives it its headers, and stores how
far it is after each round; the bare producer sends the same bytes with the same headers out of memory, one record at a
time, as most programs do; the perf test sends random bytes without key and headers, from Java, on another process's
memory and processor time.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from aiokafka import AIOKafkaProducer

from bench.ledger import server_of_its_own
from infra.kafka.broker import Broker, java
from interlock.bus import BATCH_BYTES_MAX, KafkaAddress, Topic, ensure, topics
from interlock.ledger import Ledger, Stored
from interlock.relay import Relay
from interlock.relay.relay import headers_of
from tests.ledger.rows import command, rows_of, stamp

EVENTS = 30_000
PROJECTS = 4
ROUNDS = 3
BATCH = 500
PADDING = "x" * 1_100
IN_FLIGHT = 2_000
WAYS = ("relay", "bare aiokafka", "producer-perf-test")


async def sleep(seconds: float) -> None:
    """Wait, as the relay is given it."""
    await asyncio.sleep(seconds)


async def until(holds: Callable[[], bool]) -> None:
    """Wait until it holds; looking costs next to nothing."""
    while not holds():  # noqa: ASYNC110 - the relay has no event for it
        await asyncio.sleep(0.002)


async def record(ledger: Ledger, events: int) -> None:
    """Fill the ledger with projects of so many events together."""
    for number in range(PROJECTS):
        project, clock, position = f"shop-{number}", stamp(await ledger.head(f"shop-{number}")), 0
        while position < events // PROJECTS:
            rows = []
            for _ in range(BATCH):
                position += 1
                name = f"{project} {position}"
                rows += rows_of(
                    *(command(name), clock), first=position, streams=[(name, 1)], project=project,
                    id=str(command(name)), actor={"id": "ci-1", "kind": "service"}, text=PADDING,
                )  # fmt: skip
            clock = max(clock, await ledger.append(project, rows))


async def bodies(ledger: Ledger) -> list[Stored]:
    """Everything in the ledger."""
    found: list[Stored] = []
    for number in range(PROJECTS):
        after = 0
        while page := await ledger.read(f"shop-{number}", after=after, limit=1_000):
            found += page
            after = page[-1].position
    return found


async def relayed(ledger: Ledger, dsn: str, broker: Broker, topic: Topic, events: int) -> float:
    """Return the seconds in which the relay publishes everything, from its taking office on."""
    relay = Relay(
        ledger, dsn, KafkaAddress(broker.address), topic, sleep=sleep, monotonic=time.monotonic, create_topic=False
    )
    running = asyncio.create_task(relay.run())
    await until(lambda: relay.standing().active)
    begun = time.perf_counter()
    await until(lambda: relay.standing().published >= events)
    taken = time.perf_counter() - begun
    running.cancel()
    await asyncio.wait([running])
    return taken


async def bare(broker: Broker, topic: Topic, stored: list[Stored]) -> float:
    """Return the seconds in which a bare producer sends the same, with as much in flight as helps it."""
    records = [(one.project.encode(), one.body, headers_of(one, 1)) for one in stored]
    producer = AIOKafkaProducer(
        bootstrap_servers=broker.address, acks="all", enable_idempotence=True,
        max_batch_size=BATCH_BYTES_MAX, max_request_size=BATCH_BYTES_MAX,
    )  # fmt: skip
    async with producer:
        begun = time.perf_counter()
        for start in range(0, len(records), IN_FLIGHT):
            sent = [
                await producer.send(topic.name, key=key, value=value, headers=headers)
                for key, value, headers in records[start : start + IN_FLIGHT]
            ]
            await asyncio.gather(*sent)
        return time.perf_counter() - begun


def perf_test(broker: Broker, topic: Topic, events: int, size: int) -> float:
    """Return the seconds that Kafka's own producer says it took."""
    test = java(
        "org.apache.kafka.tools.ProducerPerformance", "--topic", topic.name, "--num-records", str(events),
        "--record-size", str(size), "--throughput", "-1", "--bootstrap-server", broker.address,
        "--command-property", "acks=all", "enable.idempotence=true", f"batch.size={BATCH_BYTES_MAX}",
    )  # fmt: skip
    told = subprocess.run(test, capture_output=True, text=True, check=True).stdout
    return events / float(re.findall(r"([\d.]+) records/sec", told)[-1])


async def measure(stack: ExitStack, events: int, rounds: int) -> None:
    """Print a line for each way, and the ratios."""
    home = Path(tempfile.mkdtemp(prefix="interlock-bench-kafka-"))
    stack.callback(shutil.rmtree, home, ignore_errors=True)
    broker = stack.enter_context(Broker(home))
    dsns = await stack.enter_context(server_of_its_own()).prepare()
    ledger = await Ledger.open(dsns.app)
    await record(ledger, events)
    stored = await bodies(ledger)
    size = round(statistics.mean(len(one.body) for one in stored))
    rates: dict[str, list[float]] = {way: [] for way in WAYS}
    for round_ in range(rounds + 1):
        for way in WAYS:
            topic = topics(f"bench-{round_}-{WAYS.index(way)}").events
            await ensure(KafkaAddress(broker.address), [topic], sleep=sleep)
            if way == "relay":
                taken = await relayed(ledger, dsns.app, broker, topic, len(stored))
            elif way == "bare aiokafka":
                taken = await bare(broker, topic, stored)
            else:
                taken = perf_test(broker, topic, len(stored), size)
            if round_:  # the first one warms the broker
                rates[way].append(len(stored) / taken)
    await ledger.close()
    middle = {way: statistics.median(found) for way, found in rates.items()}
    print(f"{len(stored)} events of {size} bytes, {PROJECTS} projects, one broker, acks=all, {rounds} rounds")
    for way, rate in middle.items():
        print(f"  {way:18}: {rate:8.0f} records/s, of which the relay is {middle['relay'] / rate:5.0%}")


def main(given: list[str] | None = None) -> None:
    """Run it with these options; without any, with those of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=EVENTS)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    asked = parser.parse_args(given)
    with ExitStack() as stack:
        asyncio.run(measure(stack, asked.events, asked.rounds))


if __name__ == "__main__":
    main()
