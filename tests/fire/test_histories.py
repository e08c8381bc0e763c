"""Clients at work while processes are killed: what they heard is what one log, in one order, would have told them."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from pathlib import Path
from time import monotonic

import pytest

from interlock.ledger.embedded import Dsns, EmbeddedPostgres
from tests.fire.battle import Battle, battle
from tests.fire.worker import Orders

pytestmark = pytest.mark.timeout(300)

# Eight writers in three processes.
PROCESSES = (3, 3, 2)
KILLS = 10
BETWEEN_BYTES = 20_000
ONE = ["shop"]
TEN = [f"shop-{number}" for number in range(10)]


async def kill_somebody(fight: Battle, number: int) -> None:
    """By turns the whole database, one of its sessions' processes, and one process of clients."""
    match number % 3:
        case 0:
            await fight.kill_postgres()
        case 1:
            await fight.kill_backend()
        case _:
            await fight.kill_worker(3)


async def under_fire(fight: Battle, kills: int, bytes_between: int = BETWEEN_BYTES) -> None:
    """Kill so often, each time somebody else, at moments that nobody chose."""
    await fight.progress(bytes_between)
    for kill in range(kills):
        await asyncio.sleep(fight.chance.uniform(0.0, 0.05))
        await kill_somebody(fight, kill)
        await fight.progress(bytes_between)


async def fought(
    server: EmbeddedPostgres, dsns: Dsns, way: str, projects: Sequence[str], home: Path, kills: int
) -> None:
    began, seed = monotonic(), random.randrange(2**32)
    orders = Orders(way, dsns.app, "", "", 0, list(projects), 0)
    async with battle(orders, home, PROCESSES, seed=seed, embedded=server) as fight:
        await under_fire(fight, kills)
    told = await fight.judged(dsns.app)
    seconds = monotonic() - began
    print(f"{told.operations} operations, {told.commands} commands, {dict(fight.kills)} kills, {seconds:.1f} s")
    assert not told.findings, "\n".join(told.findings)
    assert told.commands >= kills
    assert sum(fight.kills.values()) >= kills


async def test_eight_writers_at_one_project_through_ten_kills(
    mortal: EmbeddedPostgres, mortal_dsns: Dsns, tmp_path: Path
) -> None:
    await fought(mortal, mortal_dsns, "desk", ONE, tmp_path, KILLS)


async def test_eight_writers_at_ten_projects_through_kills(
    mortal: EmbeddedPostgres, mortal_dsns: Dsns, tmp_path: Path
) -> None:
    await fought(mortal, mortal_dsns, "desk", TEN, tmp_path, 3)


async def test_eight_writers_who_decide_for_themselves_through_kills(
    mortal: EmbeddedPostgres, mortal_dsns: Dsns, tmp_path: Path
) -> None:
    await fought(mortal, mortal_dsns, "ledger", ONE, tmp_path, 3)
