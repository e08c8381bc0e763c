"""Whoever builds a read model anew is killed: the next one goes on where it stood, and readers see no gap."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from uuid import uuid4

import pytest

from interlock.feed import LedgerFeed
from interlock.ledger import Ledger
from interlock.ledger.embedded import Dsns
from interlock.projector import Rebuilder, cursors
from tests.feed.feeds import sleep
from tests.house.tree import REPOSITORY
from tests.projector.growing import PROJECT, Growing, equals_a_fresh_replay, known
from tests.projector.keeping import HANGS_SECONDS, NAMES, happens, keeping, load, over

KILLS = 4
pytestmark = pytest.mark.timeout(600)


@contextmanager
def builder(dsn: str) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.projector.builder", dsn],
        stdin=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=REPOSITORY,
    )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        process.communicate()


async def done_of(rebuilder: Rebuilder) -> int:
    return sum(one.done for one in await rebuilder.told() if one.ended_at is None)


async def test_killed_in_the_middle_a_rebuild_goes_on_where_it_stood_and_readers_see_no_gap(
    ledger: Ledger, dsns: Dsns
) -> None:
    growing = Growing.of(ledger, seed=10, steps=2500)
    await growing.grow(800)
    async with keeping(ledger) as (projector, _):
        head = (await ledger.head(PROJECT)).position
        await projector.wait_for(PROJECT, head, HANGS_SECONDS)
    async with LedgerFeed(ledger, sleep) as feed:
        asking = Rebuilder(ledger.connection, feed, sleep=sleep, ledger=feed)
        for name in NAMES:
            await asking.ask(name, by="admin-1", key=uuid4())
        stood, kills = 0, 0

        async def moved_on() -> bool:
            return await done_of(asking) > stood or all(one.ended_at for one in await asking.told())

        async with load(ledger, growing), asyncio.timeout(HANGS_SECONDS):
            for _ in range(KILLS):
                with builder(dsns.app):
                    # Killed as soon as it moved, wherever that is: in a page, between two, or while it swaps.
                    await happens(moved_on)
                    stood, kills = await done_of(asking), kills + 1
            with builder(dsns.app):
                await over(asking, *NAMES)
        assert kills == KILLS
    async with keeping(ledger) as (projector, _):
        head = (await ledger.head(PROJECT)).position
        assert await projector.wait_for(PROJECT, head, HANGS_SECONDS) == head
        await equals_a_fresh_replay(ledger)


async def test_killed_while_it_waits_to_swap_it_swaps_at_its_next_start(ledger: Ledger, dsns: Dsns) -> None:
    await Growing.of(ledger, seed=11, steps=30).grow_all()
    head = (await ledger.head(PROJECT)).position
    async with keeping(ledger) as (projector, _):
        await projector.wait_for(PROJECT, head, HANGS_SECONDS)
    async with LedgerFeed(ledger, sleep) as feed:
        asking = Rebuilder(ledger.connection, feed, sleep=sleep, ledger=feed)

        async def built() -> bool:
            return (await asking.told())[0].done == head

        async with ledger.connection() as connection, connection.transaction():
            before = await known(connection)
            await asking.ask("releases", by="admin-1", key=uuid4())
            with builder(dsns.app):
                await happens(built)
                await asyncio.sleep(3 * cursors.SWAP_LOCK_MS / 1000)
        assert (await asking.told())[0].ended_at is None
        async with ledger.connection() as connection:
            assert await known(connection) == before
        with builder(dsns.app):
            [done] = await over(asking, "releases")
        assert done.failed_because is None
        async with ledger.connection() as connection:
            assert await known(connection) == before
    await equals_a_fresh_replay(ledger)
