"""Each page and its position in one transaction: nothing twice, nothing lost, no guessing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest_asyncio

from interlock.feed import Page
from interlock.ledger import Ledger
from interlock.projections import Projection
from interlock.projector import Projector
from tests.feed.feeds import sleep
from tests.projections.story import story
from tests.projector.shapes import Kept, Pages, Slow, cursor, positions, seen

EVENTS = story().events
SESSIONS_ENDED_MAX = 8
ALL = list(range(1, len(EVENTS) + 1))


@pytest_asyncio.fixture
async def connection(ledger: Ledger) -> AsyncIterator[Any]:
    async with ledger.connection() as lent:
        yield lent


async def run(database: Ledger, pages: list[Page], *projections: Projection, **how: Any) -> Projector:
    projector = Projector(
        database.connection,
        Pages("shop", pages),
        projections or (positions(),),
        sleep=sleep,
        **{"alarm": lambda _: None, **how},
    )
    await projector.prepare()
    async with asyncio.timeout(60):
        await projector.run()
    return projector


async def test_a_page_and_its_position_are_written(ledger: Ledger, connection: Any) -> None:
    projector = await run(ledger, [EVENTS[:5], EVENTS[5:9]])
    assert await seen(connection, "shop") == list(range(1, 10))
    assert (await cursor(connection, "shop"))["position"] == 9
    assert projector.position("shop") == 9
    assert projector.serving()


async def test_what_comes_twice_is_written_once(ledger: Ledger, connection: Any) -> None:
    await run(ledger, [EVENTS[:5], EVENTS[:5], EVENTS[3:9], EVENTS[1:2]])
    await run(ledger, [EVENTS[:12]])
    assert await seen(connection, "shop") == list(range(1, 13))


async def test_what_the_feed_left_out_is_read_from_the_ledger_with_an_alarm(ledger: Ledger, connection: Any) -> None:
    alarms: list[str] = []
    projector = await run(ledger, [EVENTS[:3], EVENTS[5:8], [EVENTS[10]]], ledger=Kept(EVENTS), alarm=alarms.append)
    assert await seen(connection, "shop") == list(range(1, 12))
    assert [alarm.rpartition("left out ")[2] for alarm in alarms] == ["4 to 5", "9 to 10"]
    assert projector.status()[0].gaps == 2


async def test_a_gap_inside_a_page_is_found_too(ledger: Ledger, connection: Any) -> None:
    await run(ledger, [[*EVENTS[:3], *EVENTS[6:9]]], ledger=Kept(EVENTS))
    assert await seen(connection, "shop") == list(range(1, 10))


async def test_without_a_ledger_a_gap_stops_the_projection(ledger: Ledger, connection: Any) -> None:
    projector = await run(ledger, [EVENTS[:3], EVENTS[5:8]])
    assert await seen(connection, "shop") == [1, 2, 3]
    [status] = projector.status()
    assert status.stopped_because is not None
    assert "4 to 5" in status.stopped_because
    assert (await cursor(connection, "shop"))["stopped_because"] == status.stopped_because


async def test_an_event_that_cannot_be_applied_stops_that_projection_only(ledger: Ledger, connection: Any) -> None:
    other = Projection(
        "other", 1, "create table read_model.other_1 (position bigint);", ("read_model.other_1",), lambda _: ()
    )
    for version, bad in ((1, {"poison": 7}), (2, {"broken": 7})):
        projector = await run(ledger, [EVENTS[:5], EVENTS[5:9]], positions(version, **bad), other)
        assert await seen(connection, "shop", version) == [1, 2, 3, 4, 5, 6]
        stopped, going = projector.status()
        assert stopped.position == 6
        assert stopped.stopped_because is not None
        assert "@7" in stopped.stopped_because
        assert (going.position, going.stopped_because) == (9, None)
        assert projector.position("shop") == 6
        assert projector.position("shop", "other") == 9
        assert await projector.wait_for("shop", 9, 60) == 6


async def test_once_mended_it_goes_on_where_it_stopped(ledger: Ledger, connection: Any) -> None:
    await run(ledger, [EVENTS[:9]], positions(poison=7))
    projector = await run(ledger, [EVENTS[:9]], positions())
    assert await seen(connection, "shop") == list(range(1, 10))
    assert projector.status()[0].stopped_because is None
    assert (await cursor(connection, "shop"))["stopped_because"] is None


async def test_two_projectors_on_one_database_write_every_page_once(ledger: Ledger, connection: Any) -> None:
    pages = [EVENTS[start : start + 4] for start in range(0, len(EVENTS), 4)]
    projectors = await asyncio.gather(*(run(ledger, pages) for _ in range(3)))
    assert await seen(connection, "shop") == ALL
    assert [projector.status()[0].stopped_because for projector in projectors] == [None] * 3


class Losing:
    """A database whose connections are lost at some of the pages, between the position's move and the rows."""

    def __init__(self, database: Ledger, losses: int) -> None:
        self._database = database
        self.left = losses

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Any]:
        async with self._database.connection() as lent:
            yield Lost(lent, self)


class Lost:
    """A connection that breaks when many rows are written, as long as some are to be lost."""

    def __init__(self, connection: Any, database: Losing) -> None:
        self._connection = connection
        self._database = database

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    async def executemany(self, statement: str, rows: Any) -> None:
        if self._database.left:
            self._database.left -= 1
            self._connection.terminate()
        await self._connection.executemany(statement, rows)


async def test_a_connection_lost_in_the_middle_of_a_page_leaves_nothing_half_done(
    ledger: Ledger, connection: Any
) -> None:
    pages = [EVENTS[start : start + 10] for start in range(0, len(EVENTS), 10)]
    losing: Any = Losing(ledger, 4)
    projector = await run(losing, pages)
    assert losing.left == 0
    assert await seen(connection, "shop") == ALL
    assert projector.status()[0].stopped_because is None


async def test_whoever_ends_its_sessions_loses_and_doubles_nothing(ledger: Ledger, connection: Any) -> None:
    projector = Projector(ledger.connection, Slow("shop", [[event] for event in EVENTS]), (positions(),), sleep=sleep)
    await projector.prepare()
    running = asyncio.create_task(projector.run())
    ended = 0
    while not running.done():
        await asyncio.sleep(0.03)
        ended += (
            len(
                await connection.fetch(
                    "select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid()"
                    " and datname = current_database() and usename = current_user"
                )
            )
            if ended < SESSIONS_ENDED_MAX
            else 0
        )
    await running
    assert ended > 0
    assert await seen(connection, "shop") == ALL
