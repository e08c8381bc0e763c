"""The same for long: a million checked operations and two hundred kills, on a real disk: `make faults`."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Sequence
from pathlib import Path
from time import monotonic

import pytest

from interlock.ledger.embedded import EmbeddedPostgres
from tests.fire import test_over_http
from tests.fire.battle import Battle, battle
from tests.fire.test_histories import ONE, PROCESSES, TEN, kill_somebody
from tests.fire.worker import Orders
from tests.fixtures.postgres import started_postgres

pytestmark = [pytest.mark.faults, pytest.mark.timeout(4 * 3_600)]

OPERATIONS = int(os.environ.get("INTERLOCK_FIRE_OPERATIONS", "1000000"))
KILLS = int(os.environ.get("INTERLOCK_FIRE_KILLS", "200"))
HTTP_ROUNDS = 24
LANES = 16
BETWEEN_BYTES = 200_000


def asked(fight: Battle) -> int:
    """How many operations were asked so far."""
    return sum(path.read_bytes().count(b'["?"') for path in fight.outputs)


async def fought(projects: Sequence[str], home: Path, operations: int, kills: int) -> None:
    began, seed = monotonic(), random.randrange(2**32)
    with started_postgres() as server:
        dsns = await server.prepare()
        orders = Orders("desk", dsns.app, "", "", 0, list(projects), 0, lanes=LANES)
        async with battle(orders, home, PROCESSES, seed=seed, embedded=server) as fight:
            for kill in range(kills):
                await fight.progress(BETWEEN_BYTES)
                await asyncio.sleep(fight.chance.uniform(0.0, 0.3))
                await kill_somebody(fight, kill)
            while await asyncio.to_thread(asked, fight) < operations:
                await fight.progress(5 * BETWEEN_BYTES)
        told = await fight.judged(dsns.app)
    seconds = monotonic() - began
    print(f"{told.operations} operations, {told.commands} commands, {dict(fight.kills)} kills, {seconds:.0f} s")
    assert not told.findings, "\n".join(told.findings)
    assert told.operations >= operations
    assert sum(fight.kills.values()) >= kills


async def test_a_million_operations_at_one_project_and_two_hundred_kills(tmp_path: Path) -> None:
    await fought(ONE, tmp_path, OPERATIONS, KILLS)


async def test_a_tenth_of_that_at_ten_projects(tmp_path: Path) -> None:
    await fought(TEN, tmp_path, OPERATIONS // 10, KILLS // 10)


async def test_over_http_three_servers_are_killed_again_and_again(mortal: EmbeddedPostgres, tmp_path: Path) -> None:
    dsns = await mortal.prepare("fire_for_long")
    await test_over_http.fought(mortal, dsns, tmp_path, HTTP_ROUNDS, processes=3, between=60_000)
