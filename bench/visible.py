"""How long after its acknowledgement a command is in `environment_state`: embedded, and by Kafka with parts apart.

Commands come at an even rate, whether the ones before are answered or not, as from people and pipelines who know
nothing of each other. Embedded, desk and projector are one process, as `make up` has them; by Kafka the relay and the
projector are processes of their own, as `make up-kafka` has them, and this one is the API. What is waited for is the
position in `environment_state`, which any question about it then answers from. Before that, the same commands go to
another project for WARM_SECONDS: the first after a start wait for what starts, and are told apart.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import tempfile
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic, perf_counter
from uuid import uuid4

from bench.ledger import server_of_its_own
from bench.project import Desks, command_of, event_id, open_project
from bench.story import STEPS
from bench.timing import Timing
from infra.kafka.broker import Broker
from interlock.desk import Desk
from interlock.feed import LedgerFeed
from interlock.ledger import Ledger
from interlock.ledger.embedded import Dsns
from interlock.projections import PROJECTIONS
from interlock.projector import Projector
from interlock.serve.__main__ import GC_THRESHOLDS
from tests.fixtures.server import Served, config_text, serving

RATE = 500
SECONDS = 10.0
CALLERS = 60
LOOK_SECONDS = 0.001
SETTLE_SECONDS = 60.0
WARM_SECONDS = 5.0
SHOWN = "environment_state"
POSITION = "select max(position) from cursor.projection where name = $1 and project = $2"
PARTS = ("relay", "projector")

Reached = Callable[[], Awaitable[int]]


async def sleep(seconds: float) -> None:
    """Wait, as the parts are given it."""
    await asyncio.sleep(seconds)


@dataclass
class Waiting:
    """Acknowledged commands that are not visible yet, by position."""

    acknowledged: deque[tuple[int, float]] = field(default_factory=deque)
    visible: Timing = field(default_factory=Timing)
    last: int = 0

    def acknowledge(self, position: int) -> None:
        """Begin to wait for it."""
        self.acknowledged.append((position, perf_counter()))
        self.last = max(self.last, position)

    def reached(self, position: int) -> None:
        """Everything up to there is visible now. Answers of one batch come in no order, so all are looked at."""
        now = perf_counter()
        still: deque[tuple[int, float]] = deque()
        for each, since in self.acknowledged:
            if each <= position:
                self.visible.taken.append(now - since)
            else:
                still.append((each, since))
        self.acknowledged = still


async def look(waiting: Waiting, reached: Reached) -> None:
    """Look again and again."""
    while True:
        waiting.reached(await reached())
        await asyncio.sleep(LOOK_SECONDS)


async def call(desks: Desks, waiting: Waiting, slots: asyncio.Queue[None], name: str) -> None:
    """Tell the story, a command for each slot."""
    told = 0
    while True:
        for step in STEPS:
            await slots.get()
            answer = await desks.say(command_of(step, f"{name}.{told}"))
            assert answer.status == "accepted", answer
            waiting.acknowledge(answer.position)
        told += 1


async def drive(desk: Desk, project: str, reached: Reached, *, rate: float, seconds: float) -> Timing:
    """Give commands at that rate; return how long each was acknowledged and not visible."""
    desks, waiting = Desks(desk, project), Waiting()
    await open_project(desks)
    slots: asyncio.Queue[None] = asyncio.Queue()
    looking = asyncio.create_task(look(waiting, reached))
    calls = [asyncio.create_task(call(desks, waiting, slots, f"release-{number}")) for number in range(CALLERS)]
    began, given = perf_counter(), 0
    while (passed := perf_counter() - began) < seconds:
        for _ in range(int(passed * rate) - given):
            slots.put_nowait(None)
            given += 1
        await asyncio.sleep(1 / rate)
    async with asyncio.timeout(SETTLE_SECONDS):
        while not slots.empty() or waiting.acknowledged:  # noqa: ASYNC110 - it is looked at, as everywhere here
            await asyncio.sleep(LOOK_SECONDS)
    waiting.visible.seconds = perf_counter() - began
    for task in (looking, *calls):
        task.cancel()
    await asyncio.wait([looking, *calls])
    for task in calls:
        if not task.cancelled():
            task.result()
    return waiting.visible


async def warm(
    desk: Desk, name: str, reached_in: Callable[[str], Reached], *, rate: float, seconds: float
) -> tuple[Timing, Timing]:
    """Drive another project for WARM_SECONDS, then a new one; return the timing of each.

    The first commands after a start wait for connections, for the consumer's partitions and for compilers. What is
    asked about is what comes after.
    """
    first, then = (f"{name}-{uuid4().hex[:6]}" for _ in range(2))
    starting = await drive(desk, first, reached_in(first), rate=rate, seconds=WARM_SECONDS)
    return starting, await drive(desk, then, reached_in(then), rate=rate, seconds=seconds)


async def embedded(dsns: Dsns, *, rate: float, seconds: float) -> tuple[Timing, Timing]:
    """Desk and projector in this process."""
    async with _desk(dsns) as (ledger, desk), LedgerFeed(ledger, sleep) as feed:
        projector = Projector(ledger.connection, feed, PROJECTIONS, sleep=sleep, ledger=feed)
        await projector.prepare()
        running = asyncio.create_task(projector.run())

        def reached_in(project: str) -> Reached:
            async def reached() -> int:
                return projector.position(project, SHOWN)

            return reached

        try:
            return await warm(desk, "embedded", reached_in, rate=rate, seconds=seconds)
        finally:
            running.cancel()
            await asyncio.wait([running])


async def by_kafka(dsns: Dsns, *, rate: float, seconds: float) -> tuple[Timing, Timing]:
    """The desk in this process; relay and projector run already."""
    async with _desk(dsns) as (ledger, desk), ledger.connection() as connection:

        def reached_in(project: str) -> Reached:
            async def reached() -> int:
                return int(await connection.fetchval(POSITION, SHOWN, project) or 0)

            return reached

        return await warm(desk, "kafka", reached_in, rate=rate, seconds=seconds)


@asynccontextmanager
async def _desk(dsns: Dsns) -> AsyncIterator[tuple[Ledger, Desk]]:
    ledger = await Ledger.open(dsns.app)
    desk = Desk(ledger, monotonic=monotonic, event_ids=event_id)
    try:
        yield ledger, desk
    finally:
        await desk.close()
        await ledger.close()


def start_parts(
    stack: ExitStack, home: Path, dsns: Dsns, broker: Broker, parts: tuple[str, ...] = PARTS, prefix: str = "interlock"
) -> list[Served]:
    """Start processes of these parts, over topics of that prefix; each has its directory for its log."""
    served = []
    kafka = f'[kafka]\nservers = "{broker.address}"\ntopics = "{prefix}"'
    for number, part in enumerate(parts):
        place = home / f"{part}-{number}"
        place.mkdir()
        config = place / "interlock.toml"
        config.write_text(config_text(dsns=dsns, more=kafka), encoding="utf-8")
        served.append(stack.enter_context(serving(config, "--part", part)))
    return served


def measure(stack: ExitStack, rate: float, seconds: float) -> None:
    """Print a line for each way."""
    home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="interlock-bench-")))
    server = stack.enter_context(server_of_its_own())
    dsns = asyncio.run(server.prepare())
    # As every process of Interlock does once it is built.
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
    print(f"acknowledged → visible in {SHOWN}, {rate:g} commands/s for {seconds:g} s; load {load()}")
    told("embedded", *asyncio.run(embedded(dsns, rate=rate, seconds=seconds)))
    # Of its own: embedded read models would be written from both feeds.
    theirs = asyncio.run(server.prepare("by_kafka"))
    start_parts(stack, home, theirs, stack.enter_context(Broker(home / "kafka")))
    told("by Kafka", *asyncio.run(by_kafka(theirs, rate=rate, seconds=seconds)))


def told(way: str, starting: Timing, timing: Timing) -> None:
    """Print one line."""
    within = f"p50 {timing.within(0.5):7.1f} ms   p99 {timing.within(0.99):7.1f} ms"
    rate = f"{timing.rate:.0f} commands/s were visible"
    print(f"  {way:9}: {within}   ({rate}; p99 of the start {starting.within(0.99):.0f} ms; load {load()})", flush=True)


def load() -> str:
    """Return how many processes wanted a processor in the last minute."""
    return f"{os.getloadavg()[0]:.1f}"


def main(given: list[str] | None = None) -> None:
    """Run it with these options; without any, with those of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=float, default=RATE)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    asked = parser.parse_args(given)
    with ExitStack() as stack:
        measure(stack, asked.rate, asked.seconds)


if __name__ == "__main__":
    main()
