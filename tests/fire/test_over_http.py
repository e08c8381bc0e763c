"""The same over HTTP and the real rules: servers are killed, and answers are lost on their way."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path
from time import monotonic

import pytest

from interlock.ledger.embedded import Dsns, EmbeddedPostgres
from tests.fire.battle import battle
from tests.fire.servers import PROJECT, Servers, servers, token_of
from tests.fire.test_histories import PROCESSES
from tests.fire.worker import Orders

pytestmark = pytest.mark.timeout(300)

SERVERS = 2
ANSWERS_LOST = 10
BETWEEN_BYTES = 8_000


async def lose_answers(running: Servers, chance: random.Random) -> None:
    """Now and then an answer is lost, whole or from some byte on, with its connection."""
    while True:
        await asyncio.sleep(0.03)
        chance.choice(running.proxies).down.cut_after = chance.choice([0, 0, 100])


async def fought(
    server: EmbeddedPostgres,
    dsns: Dsns,
    home: Path,
    rounds: int,
    *,
    processes: int = SERVERS,
    between: int = BETWEEN_BYTES,
) -> None:
    began, seed = monotonic(), random.randrange(2**32)
    async with servers(dsns, home, processes) as running:
        orders = Orders("http", running.urls, "", "", 0, [PROJECT], 0, token=token_of("anton"))
        async with battle(orders, home, PROCESSES, seed=seed, embedded=server) as fight:
            losing = asyncio.create_task(lose_answers(running, fight.chance))
            for kill in range(rounds):
                await fight.progress(between)
                if kill % 2:
                    await fight.kill_postgres()
                else:
                    fight.kills["server"] += 1
                    await running.kill(fight.chance.randrange(processes))
            await fight.progress(between)
            losing.cancel()
            for proxy in running.proxies:
                proxy.down.cut_after = None
        cuts = sum(proxy.down.cuts for proxy in running.proxies)
        told = await fight.judged(dsns.app)
    seconds = monotonic() - began
    print(f"{told.operations} operations, {dict(fight.kills)} kills, {cuts} answers lost, {seconds:.1f} s")
    assert not told.findings, "\n".join(told.findings)
    assert cuts >= ANSWERS_LOST


async def test_servers_are_killed_and_answers_lost_and_every_command_is_there_once(
    mortal: EmbeddedPostgres, mortal_dsns: Dsns, tmp_path: Path
) -> None:
    await fought(mortal, mortal_dsns, tmp_path, 2)
