"""A process of clients that write down their history: `python -m tests.fire.worker`, with its orders on one line.

The orders are JSON, see `Orders`. It works until its input ends, and then settles what it has begun.
"""

from __future__ import annotations

import asyncio
import random
import sys
import time
from contextlib import closing, suppress
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path
from uuid import uuid4

import orjson

from interlock.ledger import Ledger, LedgerUnavailable
from tests.fire.bugs import planted
from tests.fire.history import Recorder
from tests.fire.ways import HOT, ByDesk, ByHttp, ByLedger, Deed, Lost, NothingDone, Way

RETRY_SECONDS = 0.02
PAGE_EVENTS = 8
# Whoever asks for the same name within this time competes for it.
NAME_SECONDS = 0.2
NAMES_SHARE, HOT_SHARE = 0.1, 0.4
SETTLE_SECONDS = 60.0
KNOWN_LAST = 50


@dataclass
class Orders:
    """`way` is ledger, desk or http; `address` a DSN, or URLs; `lanes` clients of each of `writers` work at once."""

    way: str
    address: str
    output: str
    name: str
    writers: int
    projects: list[str]
    seed: int
    lanes: int = 1
    token: str = ""
    bug: str | None = None
    timeout: float = 5.0

    def line(self) -> str:
        return orjson.dumps(asdict(self)).decode()


class Client:
    """One client, which has one operation under way at a time."""

    def __init__(self, way: Way, recorder: Recorder, orders: Orders, name: str, until: asyncio.Event) -> None:
        self.way = way
        self.recorder = recorder
        self.orders = orders
        self.name = name
        self.until = until
        self.chance = random.Random(f"{orders.seed} {name}")
        self.seen = dict.fromkeys(orders.projects, 0)
        self.hot: dict[str, int] = dict.fromkeys(orders.projects, 0)
        self.known: list[tuple[str, Deed]] = []

    async def work(self) -> None:
        for number in count():
            if self.until.is_set():
                return
            project = self.chance.choice(self.orders.projects)
            match self.chance.random():
                case drawn if drawn < 0.5:
                    await self.do(project, self.deed(project, number))
                case drawn if drawn < 0.8:
                    await self.read(project)
                case drawn if drawn < 0.85:
                    await self.head(project)
                case drawn if drawn < 0.9 and self.known:
                    await self.lookup(*self.chance.choice(self.known[-KNOWN_LAST:]))
                case _ if self.known:
                    # The same command once more: by somebody who did not hear the answer, or does not believe it.
                    await self.do(*self.chance.choice(self.known[-KNOWN_LAST:]))

    def deed(self, project: str, number: int) -> Deed:
        intent = f"{self.name} {number}"
        drawn = self.chance.random()
        if self.orders.way != "ledger" and drawn < NAMES_SHARE:
            name = f"{project}.{int(time.monotonic() / NAME_SECONDS)}"
            return Deed(intent, name=name)
        if self.orders.way == "desk" and drawn < HOT_SHARE:
            return Deed(intent, stream=HOT, if_version=self.hot[project])
        stream = f"annotations/{self.name.rpartition('/')[0] if self.chance.random() < 0.5 else 'all'}"
        return Deed(intent, stream=stream, events=self.chance.choice([1, 1, 2]))

    async def do(self, project: str, deed: Deed) -> None:
        """Try until it is answered, under one id; what an `open` try may have done, the history keeps."""
        began = time.monotonic()
        while not (self.until.is_set() and time.monotonic() - began > SETTLE_SECONDS):
            key = self.recorder.asked(
                project, "attempt", intent=deed.intent, command=str(deed.command),
                name=deed.name, stream=deed.stream, if_version=deed.if_version,
            )  # fmt: skip
            try:
                answer = await self.way.attempt(project, deed)
            except Lost:
                if self.orders.bug == "a fresh id on retry":
                    deed = Deed(deed.intent, uuid4(), deed.name, deed.stream, deed.if_version, deed.events)
            except NothingDone:
                self.recorder.answered(key, outcome="nothing")
            else:
                self.recorder.answered(key, **answer)
                self.known.append((project, deed))
                return
            await asyncio.sleep(RETRY_SECONDS)

    async def read(self, project: str) -> None:
        after = self.seen[project]
        limit = self.chance.choice([PAGE_EVENTS, 4 * PAGE_EVENTS])
        key = self.recorder.asked(project, "read", after=after, limit=limit)
        try:
            page = await self.way.read(project, after, limit)
        except (Lost, NothingDone):
            await asyncio.sleep(RETRY_SECONDS)
            return
        self.recorder.answered(key, marks=page.marks)
        self.seen[project] = after + len(page.marks)
        self.hot[project] = page.hot or self.hot[project]

    async def head(self, project: str) -> None:
        key = self.recorder.asked(project, "head")
        try:
            position = await self.way.head(project)
        except (Lost, NothingDone):
            await asyncio.sleep(RETRY_SECONDS)
            return
        self.recorder.answered(key, position=position)
        # Whoever lags behind goes where the log ends: there a page can be stale.
        self.seen[project] = max(self.seen[project], position - PAGE_EVENTS)

    async def lookup(self, project: str, deed: Deed) -> None:
        key = self.recorder.asked(project, "lookup", command=str(deed.command))
        try:
            positions = await self.way.lookup(project, deed.command)
        except (Lost, NothingDone):
            await asyncio.sleep(RETRY_SECONDS)
            return
        if positions is not None:
            self.recorder.answered(key, positions=positions)


async def way_of(orders: Orders) -> tuple[Way, Ledger | None]:
    """Build the way, however long its database is away."""
    if orders.way == "http":
        return ByHttp(orders.address.split(), orders.token), None
    while True:
        try:
            ledger = await Ledger.open(orders.address, command_timeout=orders.timeout, acquire_timeout=orders.timeout)
        except LedgerUnavailable:
            await asyncio.sleep(RETRY_SECONDS)
            continue
        return (ByDesk if orders.way == "desk" else ByLedger)(ledger), ledger


async def work(orders: Orders, until: asyncio.Event) -> None:
    """Let all clients work until they are told to stop."""
    way, ledger = await way_of(orders)
    with closing(Recorder(Path(orders.output), orders.name)) as recorder:
        async with asyncio.TaskGroup() as group:
            for number in range(orders.writers * orders.lanes):
                client = Client(way, recorder, orders, f"{orders.name}/{number}", until)
                group.create_task(client.work())
    if isinstance(way, ByDesk):
        await way.desk.close()
    if ledger is not None:
        with suppress(LedgerUnavailable):
            await ledger.close()
    if isinstance(way, ByHttp):
        await way.http.aclose()


async def main(orders: Orders) -> None:
    """Work until standard input ends."""
    until = asyncio.Event()

    async def watch_input() -> None:
        await asyncio.to_thread(sys.stdin.read)
        until.set()

    with planted(orders.bug):
        await asyncio.gather(watch_input(), work(orders, until))


if __name__ == "__main__":
    asyncio.run(main(Orders(**orjson.loads(sys.argv[1]))))
