"""Clients at work in processes, what is killed meanwhile, and the judgement on what they heard."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from time import monotonic

import asyncpg

from interlock.ledger import Ledger
from interlock.ledger.embedded import EmbeddedPostgres
from tests.fire.checker import Told, check
from tests.fire.history import entries, histories
from tests.fire.worker import Orders
from tests.house.tree import REPOSITORY

# Against hangs only.
PROGRESS_SECONDS = 300
SETTLE_SECONDS = 180
PAGE_EVENTS = 5_000
_BACKENDS = "select pid from pg_stat_activity where application_name = 'interlock' and pid <> pg_backend_pid()"


class StandsStill(AssertionError):
    """the clients get no answers any more"""


@dataclass
class Battle:
    """Processes of clients, each killed and followed by another one as it comes."""

    orders: Orders
    home: Path
    chance: random.Random
    embedded: EmbeddedPostgres | None = None
    workers: list[subprocess.Popen[str]] = field(default_factory=list)
    kills: Counter[str] = field(default_factory=Counter)
    _names: count[int] = field(default_factory=lambda: count(1))

    def start_worker(self, writers: int) -> None:
        name = f"w{next(self._names)}"
        own = replace(
            self.orders, name=name, output=str(self.home / f"{name}.history"), writers=writers,
            seed=self.chance.randrange(2**32),
        )  # fmt: skip
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.fire.worker", own.line()], stdin=subprocess.PIPE, cwd=REPOSITORY, text=True
        )
        self.workers.append(process)

    @property
    def outputs(self) -> list[Path]:
        return sorted(self.home.glob("*.history"))

    def written(self) -> int:
        return sum(path.stat().st_size for path in self.outputs)

    async def progress(self, bytes_more: int) -> None:
        """Wait until the histories grew by so much."""
        target, until = self.written() + bytes_more, monotonic() + PROGRESS_SECONDS
        while self.written() < target:
            if monotonic() > until or any(worker.poll() is not None for worker in self.workers):
                raise StandsStill(f"{self.kills}, {[worker.poll() for worker in self.workers]}")
            await asyncio.sleep(0.005)

    async def kill_postgres(self) -> None:
        """Kill every process of the database, and start it again."""
        assert self.embedded is not None
        self.kills["database"] += 1
        await asyncio.to_thread(self.embedded.kill)
        await asyncio.to_thread(self.embedded.start)

    async def kill_backend(self) -> None:
        """Kill one session's process: PostgreSQL ends all others, and recovers."""
        assert self.embedded is not None
        try:
            connection = await asyncpg.connect(self.embedded.dsn(), timeout=10)
            pids = [row["pid"] for row in await connection.fetch(_BACKENDS)]
            await connection.close()
        except (OSError, asyncpg.PostgresError):
            return
        if pids:
            self.kills["backend"] += 1
            os.kill(self.chance.choice(pids), signal.SIGKILL)

    async def kill_worker(self, writers: int) -> None:
        """Kill one process of clients; another one begins, and knows nothing of what it had asked."""
        self.kills["process"] += 1
        victim = self.workers.pop(self.chance.randrange(len(self.workers)))
        victim.kill()
        await asyncio.to_thread(victim.communicate)
        self.start_worker(writers)

    async def settle(self) -> None:
        """Let everybody settle what was begun, and stop."""
        for worker in self.workers:
            assert worker.stdin is not None
            worker.stdin.close()
            worker.stdin = None
        for worker in self.workers:
            assert await asyncio.to_thread(worker.wait, SETTLE_SECONDS) == 0

    async def judged(self, dsn: str) -> Told:
        """Read the whole log, as somebody who comes later, and judge every project's history."""
        ledger = await Ledger.open(dsn)
        try:
            return await judged(ledger, self.outputs)
        finally:
            await ledger.close()


async def judged(ledger: Ledger, outputs: Sequence[Path]) -> Told:
    """Judge what these histories say of the projects of `ledger`."""
    all_told = Told()
    for project, operations in histories(outputs).items():
        bodies: list[bytes] = []
        while page := await ledger.read(project, after=bodies_end(bodies), limit=PAGE_EVENTS):
            bodies += [event.body for event in page]
        told = check(operations, entries(bodies))
        all_told.operations += told.operations
        all_told.commands += told.commands
        all_told.findings += [f"{project}: {finding}" for finding in told.findings]
    return all_told


def bodies_end(bodies: list[bytes]) -> int:
    """Where the next page begins: after the last event's own position."""
    return entries(bodies[-1:])[0].position if bodies else 0


@asynccontextmanager
async def battle(
    orders: Orders, home: Path, processes: Sequence[int], *, seed: int, embedded: EmbeddedPostgres | None = None
) -> AsyncIterator[Battle]:
    """Clients at work: so many writers in each of the processes. At the end everything that was begun is settled."""
    print(f"seed {seed}")
    fight = Battle(orders, home, random.Random(seed), embedded)
    try:
        for writers in processes:
            fight.start_worker(writers)
        yield fight
        await fight.settle()
    finally:
        for worker in fight.workers:
            worker.kill()
            worker.communicate()
