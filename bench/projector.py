"""What projectors write a second from Kafka, all projections together: 1, 100, 1,000 projects and 1, 2, 4 processes.

Real events of a real project, the same history under each project's name, lie on a topic of 12 partitions, on one
broker here. Each round has a topic and a read database of its own, and as many projector processes as it says, one
consumer group, which share the partitions before anything is published; the clock runs from the first page that any of
them wrote to the last. In the same run a bare consumer reads the same records and does nothing with them.

What is unequal, and for whom: the bare consumer decodes nothing and writes nothing; the projectors decode every event,
and write it, and how far they are, into all read models in PostgreSQL, which has the same processors as they have.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import asyncpg
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from cloudevents.core.bindings.kafka import KafkaMessage

from bench.desk import run_desk
from bench.ledger import server_of_its_own
from bench.usage import family, processor_seconds
from bench.visible import sleep, start_parts
from infra.kafka.broker import Broker
from interlock.bus import KafkaAddress, Topic, ensure, topics
from interlock.events.cloudevents import kafka_message
from interlock.events.codec import decode
from interlock.ledger import Ledger, Stored
from interlock.ledger.embedded import Dsns, EmbeddedPostgres
from interlock.projections import PROJECTIONS
from tests.fixtures.server import Served

EVENTS = 24_000
PROJECTS = (1, 100, 1_000)
PROCESSES = (1, 2, 4)
HISTORY_SECONDS = 4.0
CALLERS = 16
LABEL = "history"
LOOK_SECONDS = 0.1
# For all of the group to have their share of the partitions.
REBALANCE_SECONDS = 5.0
HANGS_SECONDS = 600.0
REACHED = "select coalesce(sum(position), 0)::bigint as events, count(*) as cursors from cursor.projection"
IN_FLIGHT = 2_000


async def history(dsns: Dsns, events: int, seconds: float) -> list[Stored]:
    """A real project's first events, as many as are wanted, or as it came to in that time."""
    await run_desk(dsns.app, callers=CALLERS, seconds=seconds, label=LABEL)
    ledger = await Ledger.open(dsns.app)
    found: list[Stored] = []
    while len(found) < events and (
        page := await ledger.read(f"bench-{LABEL}", after=len(found), limit=min(1_000, events - len(found)))
    ):
        found += page
    await ledger.close()
    return found


def messages(stored: list[Stored], projects: int, events: int) -> list[KafkaMessage]:
    """The history's beginning under each project's name, all projects side by side."""
    each = min(len(stored), max(1, events // projects))
    made = []
    for one in stored[:each]:
        for number in range(projects):
            # Of the same length or not, the bytes stay canonical: nothing else depends on the name.
            body = one.body.replace(f'"project":"{one.project}"'.encode(), f'"project":"p-{number:04}"'.encode(), 1)
            made.append(kafka_message(decode(body)))
    return made


async def publish(broker: Broker, topic: Topic, made: list[KafkaMessage]) -> None:
    """Put them on the topic."""
    producer = AIOKafkaProducer(bootstrap_servers=broker.address, acks="all", linger_ms=5)
    async with producer:
        for start in range(0, len(made), IN_FLIGHT):
            sent = [
                await producer.send(
                    topic.name, key=str(one.key).encode(), value=one.value, headers=list(one.headers.items())
                )
                for one in made[start : start + IN_FLIGHT]
            ]
            await asyncio.gather(*sent)


async def bare(broker: Broker, topic: Topic, events: int) -> float:
    """The seconds in which a consumer reads everything."""
    consumer = AIOKafkaConsumer(bootstrap_servers=broker.address, auto_offset_reset="earliest")
    async with consumer:
        consumer.assign([TopicPartition(topic.name, number) for number in range(topic.partitions)])
        read, began = 0, perf_counter()
        while read < events:
            read += sum(len(records) for records in (await consumer.getmany(timeout_ms=500)).values())
        return perf_counter() - began


@dataclass
class Projected:
    """How long it took, and on a processor: the projectors, and PostgreSQL."""

    events: int
    seconds: float
    projectors: float
    database: float

    def told(self, alone: float) -> str:
        """Say it, beside the rate of a consumer that does nothing else."""
        rate = self.events / self.seconds
        of_each = f"{self.projectors / self.events * 1e6:4.0f} + {self.database / self.events * 1e6:4.0f} µs"
        return f"{rate:7.0f}/s, {rate / alone:5.1%} of a bare consumer's {alone:.0f}/s; {of_each} on processors"


async def projected(dsns: Dsns, served: Sequence[Served], projects: int, events: int) -> Projected:
    """Let the projectors go on, and wait until every projection of every project is where the topic ends."""
    connection = await asyncpg.connect(dsns.app)
    wanted = (events * len(PROJECTIONS), projects * len(PROJECTIONS))
    pids = [each.process.pid for each in served]
    server = int(await connection.fetchval("select pg_backend_pid()"))
    before = processor_seconds(pids), processor_seconds(family(server))
    began = perf_counter()
    for pid in pids:
        os.kill(pid, signal.SIGCONT)
    while tuple(row := await connection.fetchrow(REACHED) or ()) != wanted:
        if perf_counter() - began > HANGS_SECONDS:
            raise TimeoutError(f"{tuple(row)} of {wanted}")
        await asyncio.sleep(LOOK_SECONDS)
    taken = perf_counter() - began
    after = processor_seconds(pids), processor_seconds(family(server))
    await connection.close()
    return Projected(events, taken, after[0] - before[0], after[1] - before[1])


def measure(stack: ExitStack, asked: argparse.Namespace) -> None:
    """Print a line for each number of projects and processes."""
    server = stack.enter_context(server_of_its_own())
    stored = asyncio.run(history(asyncio.run(server.prepare()), asked.events, asked.history))
    print(f"events/s through all {len(PROJECTIONS)} projections; load {os.getloadavg()[0]:.1f}")
    for projects in asked.projects:
        made = messages(stored, projects, asked.events)
        with ExitStack() as of_one:
            home = Path(of_one.enter_context(tempfile.TemporaryDirectory(prefix="interlock-bench-")))
            broker = of_one.enter_context(Broker(home / "kafka"))
            print(f"  {projects} project(s), {len(made)} events", flush=True)
            for processes in asked.processes:
                found, alone = one_round(server, broker, home, made, projects, processes)
                told = f"{found.told(alone)}; load {os.getloadavg()[0]:.1f}"
                print(f"    {processes} projector(s): {told}", flush=True)


def one_round(
    server: EmbeddedPostgres, broker: Broker, home: Path, made: list[KafkaMessage], projects: int, processes: int
) -> tuple[Projected, float]:
    """Return what the projectors did, and how many records a second a bare consumer reads from the same topic."""
    name = f"round-{projects}-{processes}"
    topic = topics(name).events
    asyncio.run(ensure(KafkaAddress(broker.address), [topic], sleep=sleep))
    dsns = asyncio.run(server.prepare(name.replace("-", "_")))
    (home / name).mkdir()
    with ExitStack() as running:
        served = start_parts(running, home / name, dsns, broker, ("projector",) * processes, name)
        time.sleep(REBALANCE_SECONDS)
        for each in served:
            os.kill(each.process.pid, signal.SIGSTOP)
            # One that is stopped would not end.
            running.callback(os.kill, each.process.pid, signal.SIGCONT)
        asyncio.run(publish(broker, topic, made))
        found = asyncio.run(projected(dsns, served, projects, len(made)))
    return found, len(made) / asyncio.run(bare(broker, topic, len(made)))


def numbers(text: str) -> tuple[int, ...]:
    """Read `1,100`."""
    return tuple(int(one) for one in text.split(","))


def main(given: list[str] | None = None) -> None:
    """Run it with these options; without any, with those of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=EVENTS)
    parser.add_argument("--history", type=float, default=HISTORY_SECONDS, help="seconds to make a history in")
    parser.add_argument("--projects", type=numbers, default=PROJECTS)
    parser.add_argument("--processes", type=numbers, default=PROCESSES)
    with ExitStack() as stack:
        measure(stack, parser.parse_args(given))


if __name__ == "__main__":
    main()
