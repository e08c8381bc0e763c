"""One rebuilder beside others: what is its own, what another one did meanwhile, and what it does when it fails."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import pytest

from interlock.feed import LedgerFeed
from interlock.ledger import Ledger, LedgerUnavailable
from interlock.ledger.connections import LOCK_WAIT_MS
from interlock.projections import Projection
from interlock.projector import Rebuilder, cursors, rebuilder, rebuilds
from interlock.projector.beside import beside
from tests.feed.feeds import sleep
from tests.projector.growing import PROJECT, Growing
from tests.projector.keeping import happens, over
from tests.projector.shapes import positions

LOOKS_IN_A_WHILE_MAX = 3


@asynccontextmanager
async def alone(ledger: Ledger, shape: Projection, connect: Any = None) -> AsyncIterator[tuple[Rebuilder, list[str]]]:
    """A rebuilder that does not run yet, over tables that serve, and what it says was swapped."""
    renewed: list[str] = []
    async with ledger.connection() as connection:
        await cursors.prepare(connection, [shape])
        await cursors.begin(connection, shape, PROJECT)
    async with LedgerFeed(ledger, sleep) as feed:
        yield Rebuilder(connect or ledger.connection, feed, [shape], sleep=sleep, renewed=renewed.append), renewed


@asynccontextmanager
async def running(one: Rebuilder) -> AsyncIterator[None]:
    task = asyncio.create_task(one.run())
    try:
        yield
    finally:
        task.cancel()
        [ended] = await asyncio.gather(task, return_exceptions=True)
        assert isinstance(ended, asyncio.CancelledError), ended


async def test_what_another_version_or_another_projection_is_asked_for_is_left_to_those_who_have_it(
    ledger: Ledger,
) -> None:
    async with alone(ledger, positions()) as (one, _), ledger.connection() as connection:
        await one.ask("positions", by="admin-1", key=uuid4())
        await connection.execute(
            "insert into cursor.rebuild (name, version, asked_by, keys) values"
            " ('positions', 2, 'admin-1', '{}'), ('unheard_of', 1, 'admin-1', '{}')"
        )
        assert [(each.name, each.version) for each in await one._under_way()] == [("positions", 1)]


async def test_who_asks_while_another_takes_over_for_long_is_told_to_ask_again_and_then_it_is_begun_once(
    ledger: Ledger,
) -> None:
    @asynccontextmanager
    async def hasty() -> AsyncIterator[Any]:
        async with ledger.connection() as connection:
            await connection.execute("set lock_timeout = '100ms'")
            try:
                yield connection
            finally:
                await connection.execute(f"set lock_timeout = {LOCK_WAIT_MS}")

    key = uuid4()
    async with alone(ledger, positions(), hasty) as (one, _), ledger.connection() as another:
        async with another.transaction():
            await another.execute(cursors.ONE_AT_A_TIME)
            with pytest.raises(LedgerUnavailable, match="lock timeout"):
                await one.ask("positions", by="admin-1", key=key)
            assert await one.told() == []
        assert await one.ask("positions", by="admin-1", key=key)
        assert not await one.ask("positions", by="admin-1", key=key)


async def test_what_another_process_swapped_meanwhile_is_read_anew_here_too(ledger: Ledger) -> None:
    shape = positions()
    async with alone(ledger, shape) as (one, renewed), ledger.connection() as connection:
        await one.ask("positions", by="admin-1", key=uuid4())
        await cursors.begin(connection, beside(shape), PROJECT)
        assert await rebuilds.swap(connection, shape, sleep)
        await one._until_swapped(shape, [])
        assert renewed == ["positions"]


async def test_a_rebuild_that_fails_is_said_to_have_failed_and_nothing_is_read_anew(
    ledger: Ledger, caplog: pytest.LogCaptureFixture
) -> None:
    await Growing.of(ledger, seed=7, steps=10).grow_all()
    shape, head = positions(poison=7), (await ledger.head(PROJECT)).position
    async with alone(ledger, shape) as (one, renewed), running(one):
        async with ledger.connection() as connection:
            await cursors.move(connection, [cursors.Move(shape, PROJECT, 0, head)])
        await one.ask("positions", by="admin-1", key=uuid4())
        [failed] = await over(one, "positions")
        assert failed.failed_because is not None
        await asyncio.sleep(0.1)
    assert renewed == []
    assert "was not built anew" in caplog.text
    assert "and serves" not in caplog.text


async def test_having_done_what_was_asked_for_it_rests(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    looks, under_way = [0], Rebuilder._under_way

    async def counted(self: Rebuilder) -> list[Projection]:
        looks[0] += 1
        return await under_way(self)

    monkeypatch.setattr(Rebuilder, "_under_way", counted)
    async with alone(ledger, positions()) as (one, renewed), running(one):
        await one.ask("positions", by="admin-1", key=uuid4())
        await over(one, "positions")
        looks[0] = 0
        await asyncio.sleep(rebuilder.LOOK_SECONDS / 2)
        assert looks[0] <= LOOKS_IN_A_WHILE_MAX
    assert renewed == ["positions"]


async def test_while_the_database_is_away_it_waits(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rebuilder, "LOOK_SECONDS", 0.05)
    away = [False, 0]

    @asynccontextmanager
    async def connect() -> AsyncIterator[Any]:
        if away[0]:
            away[1] += 1
            raise OSError("no route to it")
        async with ledger.connection() as connection:
            yield connection

    async with alone(ledger, positions(), connect) as (one, renewed):
        await one.ask("positions", by="admin-1", key=uuid4())
        away[0] = True
        async with running(one):

            async def tried_again() -> bool:
                return away[1] > 1

            await happens(tried_again)
            away[0] = False
            await over(one, "positions")
    assert renewed == ["positions"]
