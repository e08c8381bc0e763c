"""How far read models are, for a process that does not write them: what the database says, and nothing more."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest_asyncio

from interlock.events.envelope import Recorded
from interlock.ledger import Ledger
from interlock.projections import Projection, Write
from interlock.projector import Projector, cursors
from interlock.projector.reached import Reached
from tests.feed.feeds import sleep
from tests.projections.story import story
from tests.projector.shapes import Pages

EVENTS = story().events


def counting(name: str, version: int = 1) -> Projection:
    table = f"read_model.{name}_{version}"
    insert = f"insert into {table} (position) values ($1)"

    def project(recorded: Recorded[Any]) -> Iterator[Write]:
        yield Write(insert, (recorded.position,))

    return Projection(name, version, f"create table {table} (position bigint);", (table,), project)


ONE, TWO = counting("one"), counting("two")


@pytest_asyncio.fixture
async def connection(ledger: Ledger) -> AsyncIterator[Any]:
    async with ledger.connection() as lent:
        yield lent


async def projected(ledger: Ledger, up_to: int, *projections: Projection) -> None:
    projector = Projector(ledger.connection, Pages("shop", [EVENTS[:up_to]]), projections, sleep=sleep)
    await projector.prepare()
    async with asyncio.timeout(60):
        await projector.run()


async def test_the_slowest_projection_tells(ledger: Ledger) -> None:
    reached = Reached(ledger.connection, sleep, [ONE, TWO])
    await projected(ledger, 3, ONE, TWO)
    await projected(ledger, 9, TWO)
    assert await reached.wait_for("shop", 3, 5) == 3
    assert await reached.positions() == {"shop": 3}
    assert await Reached(ledger.connection, sleep, [TWO]).wait_for("shop", 9, 5) == 9


async def test_a_project_that_nobody_projected_is_at_0(ledger: Ledger) -> None:
    await projected(ledger, 3, ONE)
    reached = Reached(ledger.connection, sleep, [ONE])
    begun = time.monotonic()
    assert await reached.wait_for("elsewhere", 1, 0.3) == 0
    assert time.monotonic() - begun >= 0.3
    assert "elsewhere" not in await reached.positions()


async def test_who_waits_is_answered_as_soon_as_it_is_there(ledger: Ledger) -> None:
    await projected(ledger, 3, ONE)
    waiting = asyncio.create_task(Reached(ledger.connection, sleep, [ONE]).wait_for("shop", 9, 60))
    await asyncio.sleep(0.2)
    assert not waiting.done()
    await projected(ledger, 9, ONE)
    assert await asyncio.wait_for(waiting, 30) == 9


async def test_a_projection_that_stopped_is_named_and_not_waited_for(ledger: Ledger, connection: Any) -> None:
    reached = Reached(ledger.connection, sleep, [ONE, TWO])
    await projected(ledger, 3, ONE, TWO)
    assert await reached.stopped() is None
    await cursors.stop(connection, ONE, "shop", "it does not know what this is")
    await projected(ledger, 9, TWO)
    assert await reached.stopped() == "one: stopped: it does not know what this is"
    async with asyncio.timeout(30):
        assert await reached.wait_for("shop", 9, 60) == 3, "what is answered tells that it lags"
    assert await Reached(ledger.connection, sleep, [TWO]).stopped() is None


async def test_a_version_that_does_not_serve_yet_is_nobodys_answer(ledger: Ledger, connection: Any) -> None:
    await projected(ledger, 9, ONE)
    newer = counting("one", version=2)
    await cursors.prepare(connection, [newer])
    await cursors.begin(connection, newer, "shop")
    await cursors.stop(connection, newer, "shop", "half built")
    reached = Reached(ledger.connection, sleep, [newer])
    assert await reached.wait_for("shop", 9, 5) == 9
    assert await reached.stopped() is None
