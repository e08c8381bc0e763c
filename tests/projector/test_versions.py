"""A changed projection is built beside the old one, and swapped when it knows as much."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from interlock.feed import LedgerFeed
from interlock.ledger import Ledger
from interlock.projections import PROJECTIONS, Projection
from interlock.projector import Projector, SchemaChanged, cursors
from interlock.projector.projector import SWAP_SECONDS
from tests.feed.feeds import record_in, sleep
from tests.projections.story import story
from tests.projector.shapes import Pages, positions, seen

EVENTS = story().events


async def run(ledger: Ledger, projection: Projection, last: int, *, serves: bool = True) -> None:
    """Project up to `last`, and until the version serves, where that is what should happen."""
    projector = Projector(ledger.connection, Pages("shop", [EVENTS[:last]]), (projection,), sleep=sleep)
    await projector.prepare()
    running = asyncio.create_task(projector.run())
    async with asyncio.timeout(30):
        assert await projector.wait_for("shop", last, 30) == last
        if serves:
            await running
            assert projector.serving()
        else:
            async with ledger.connection() as connection:
                assert not await cursors.serves(connection, projection, sleep)
            assert not projector.serving()
            running.cancel()


async def serving(ledger: Ledger) -> dict[int, bool]:
    async with ledger.connection() as connection:
        rows = await connection.fetch("select version, serving from cursor.projection_version where name = 'positions'")
    return {row["version"]: row["serving"] for row in rows}


async def table_there(ledger: Ledger, version: int) -> Any:
    async with ledger.connection() as connection:
        return await connection.fetchval("select to_regclass($1) is not null", f"read_model.positions_{version}")


async def test_the_old_version_serves_until_the_new_one_has_caught_up(ledger: Ledger) -> None:
    await run(ledger, positions(1), 20)
    await run(ledger, positions(2), 10, serves=False)
    assert await serving(ledger) == {1: True, 2: False}
    async with ledger.connection() as connection:
        assert await seen(connection, "shop", 1) == list(range(1, 21))
    await run(ledger, positions(2), 25)
    assert await serving(ledger) == {1: False, 2: True}


async def test_the_old_tables_go_at_the_next_start_and_their_projector_stops(ledger: Ledger) -> None:
    await run(ledger, positions(1), 5)
    await run(ledger, positions(2), 10)
    assert await table_there(ledger, 1)
    await run(ledger, positions(2), 12)
    assert not await table_there(ledger, 1)
    async with ledger.connection() as connection:
        assert await seen(connection, "shop", 2) == list(range(1, 13))
        with pytest.raises(cursors.Replaced):
            await cursors.begin(connection, positions(1), "shop")


async def test_a_schema_that_changed_under_its_version_is_refused(ledger: Ledger) -> None:
    await run(ledger, positions(1), 5)
    shape = positions(1)
    changed = Projection(shape.name, 1, shape.schema + " -- changed", shape.tables, shape.project)
    with pytest.raises(SchemaChanged):
        await run(ledger, changed, 5)


@pytest.mark.parametrize("projection", PROJECTIONS, ids=lambda one: str(one.name))
def test_every_table_carries_its_projections_version_and_is_created_by_its_schema(projection: Projection) -> None:
    for table in projection.tables:
        assert table.startswith(f"read_model.{projection.name}_{projection.version}_")
        assert f"create table {table} " in projection.schema
    assert projection.schema.count("create table") == len(projection.tables)


async def test_the_read_models_follow_the_ledger_and_can_be_waited_for(ledger: Ledger) -> None:
    async with LedgerFeed(ledger, sleep) as feed:
        projector = Projector(ledger.connection, feed, sleep=sleep, ledger=feed)
        await projector.prepare()
        running = asyncio.create_task(projector.run())
        assert await projector.wait_for("shop", 1, 0.05) == 0
        for _ in range(3):
            [last] = await record_in(ledger, "shop", 1)
            assert await projector.wait_for("shop", last, 30) == last
        assert {(one.name, one.position, one.serving) for one in projector.status()} == {
            (projection.name, 3, True) for projection in PROJECTIONS
        }
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running


async def test_a_version_that_met_the_old_one_in_the_middle_of_a_page_looks_again_although_nothing_moves(
    ledger: Ledger,
) -> None:
    await run(ledger, positions(1), 20)
    projector = Projector(ledger.connection, Pages("shop", [EVENTS[:20]]), (positions(2),), sleep=sleep)
    await projector.prepare()
    async with ledger.connection() as connection:
        async with connection.transaction():
            await cursors.hold(connection, "positions", 1)
            running = asyncio.create_task(projector.run())
            assert await projector.wait_for("shop", 20, 30) == 20
            # Longer than two looks: the second one is because of the page that moved it while the first was made.
            await asyncio.sleep(2 * (cursors.SWAP_LOCK_MS / 1000 + SWAP_SECONDS) + 0.5)
            assert not projector.serving()
    async with asyncio.timeout(30):
        await running
    assert projector.serving()
