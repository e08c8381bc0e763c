"""Several pages in one transaction, and many rows by one statement: with the effect of each for itself."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from random import Random
from typing import Any

import pytest

from interlock.ledger import Ledger
from interlock.projections import PROJECTIONS
from interlock.projections.environment_state.tables import FACETS, TABLE
from interlock.projections.projection import Row, Together
from interlock.projector import cursors
from interlock.projector.digests import digest_of_tables
from interlock.projector.gathered import Gathered
from interlock.projector.writer import BY_KEYS, Writer, prepare
from tests.projections.histories import chaos, walk
from tests.projector.shapes import positions, seen

PROJECTS = 7
OPEN_FACETS = 3_000
ENDED_FACETS = 50
# Less than what belongs together, and more than there is.
PAGES = (7, 10_000)
ALL_BUT_PROJECT = f"""
select since_position, until_position, until_at, label, position, said_at, said_by, detail::text from {TABLE}
 where project = $1 order by since_position
"""
SAID = datetime(2026, 11, 28, 9, tzinfo=UTC)


async def digests(ledger: Ledger, tapes: dict[str, list[Any]], size: int) -> dict[str, str]:
    """Write pages of that size, of all projects side by side; return of each what all tables hold, and drop them."""
    async with ledger.connection() as connection:
        await cursors.prepare(connection, PROJECTIONS)
        async with Writer(ledger.connection) as writer:
            await asyncio.gather(*(writer.begin(each, name) for each in PROJECTIONS for name in tapes))
            for start in range(0, max(len(events) for events in tapes.values()), size):
                pages = {name: events[start : start + size] for name, events in tapes.items() if events[start:]}
                # Not by a runner: it would go on event by event, and so hide what many rows cannot do.
                await asyncio.gather(
                    *(
                        writer.write(prepare(each, name, start, page))
                        for each in PROJECTIONS
                        for name, page in pages.items()
                    )
                )
        found = {project: await digest_of_tables(connection, PROJECTIONS, project) for project in tapes}
        for projection in PROJECTIONS:
            await cursors.drop(connection, projection.name, projection.version)
    return found


@pytest.mark.parametrize("tape_of", [walk, chaos])
async def test_read_models_are_those_of_single_events_however_many_are_written_together(
    ledger: Ledger, tape_of: Any
) -> None:
    tapes = {f"p-{number}": list(tape_of(Random(number), 40).copy(f"p-{number}")) for number in range(PROJECTS)}
    single: dict[str, str] = {}
    for name, events in tapes.items():
        single |= await digests(ledger, {name: events}, 1)
    for size in PAGES:
        assert await digests(ledger, tapes, size) == single


async def test_what_is_said_of_a_facet_again_and_again_keeps_what_each_time_is_kept(ledger: Ledger) -> None:
    [said] = FACETS.together
    details: tuple[dict[str, int], ...] = ({"a": 1, "b": 2, "c": 3}, {"d": 4}, {"b": 5}, {"e": 6}, {}, {"f": 7})
    kept: tuple[list[str], ...] = ([], ["a", "b"], ["a", "b", "d"], ["a", "b", "c"], ["e", "a"], ["a"])
    labels = ("set", "set", "set", "set", None, "set")
    at = datetime(2026, 11, 28, tzinfo=UTC)

    def rows(project: str) -> list[tuple[Any, ...]]:
        return [
            (project, "stage", "data", position, label, at, "ci-1", json.dumps(detail), keep)
            for position, (label, detail, keep) in enumerate(zip(labels, details, kept, strict=True), start=1)
        ]

    several = FACETS.together[said]
    async with ledger.connection() as connection:
        await cursors.prepare(connection, PROJECTIONS)
        await connection.executemany(said, rows("single"))
        single = await connection.fetch(ALL_BUT_PROJECT, "single")
        for cut in range(len(labels) + 1):
            for part in (rows(f"cut-{cut}")[:cut], rows(f"cut-{cut}")[cut:]):
                await set_together(connection, several, part)
            assert await connection.fetch(ALL_BUT_PROJECT, f"cut-{cut}") == single
    assert len(single) == len(labels) - 1


async def set_together(connection: Any, several: Together, part: Sequence[tuple[Any, ...]]) -> None:
    changes = several.changes(part)
    found = await connection.fetch(several.statement, *changes.arguments) if changes.arguments else ()
    schema, table = several.target.table.split(".")
    await connection.copy_records_to_table(
        table, schema_name=schema, columns=several.target.columns, records=changes.added(found)
    )


async def test_a_page_that_cannot_be_written_spoils_none_of_those_beside_it(ledger: Ledger) -> None:
    tapes = {f"p-{number}": walk(Random(number), 10).copy(f"p-{number}") for number in range(PROJECTS)}
    broken = positions(broken=3)
    async with ledger.connection() as connection:
        await cursors.prepare(connection, [broken])
        async with Writer(ledger.connection) as writer:
            assert await asyncio.gather(*(writer.begin(broken, name) for name in tapes)) == [0] * PROJECTS
            pages = [
                # All but one end before the event that cannot be applied.
                prepare(broken, name, 0, list(events)[: 4 if name == "p-3" else 2])
                for name, events in tapes.items()
            ]
            outcomes = await asyncio.gather(*(writer.write(page) for page in pages), return_exceptions=True)
        assert [name for name, outcome in zip(tapes, outcomes, strict=True) if outcome is not None] == ["p-3"]
        assert await seen(connection, "p-3") == []
        assert [await seen(connection, name) for name in tapes if name != "p-3"] == [[1, 2]] * (PROJECTS - 1)


async def test_pages_that_are_ready_together_share_a_transaction(ledger: Ledger) -> None:
    tapes = {f"p-{number}": list(walk(Random(number), 5).copy(f"p-{number}")) for number in range(PROJECTS)}
    shape = positions()
    async with ledger.connection() as connection:
        await cursors.prepare(connection, [shape])
        async with Writer(ledger.connection) as writer:
            await asyncio.gather(*(writer.begin(shape, name) for name in tapes))
            await asyncio.gather(*(writer.write(prepare(shape, name, 0, events)) for name, events in tapes.items()))
        writers = await connection.fetch("select distinct xmin::text from read_model.positions_1")
        assert len(writers) == 1


async def test_a_facet_is_found_by_its_key_also_by_a_plan_that_was_made_when_there_were_none(ledger: Ledger) -> None:
    [several] = FACETS.together.values()
    names = [f"e-{number}" for number in range(OPEN_FACETS)]

    def given(some: list[str], position: int) -> list[Row]:
        return [("shop", name, "data", position, "clean", SAID, "ci-1", "{}", []) for name in some]

    def asked(some: list[str], position: int) -> str:
        return ", ".join(array(column) for column in several.changes(given(some, position)).arguments)

    async with ledger.connection() as connection:
        await cursors.prepare(connection, PROJECTIONS)
        async with connection.transaction():
            await connection.execute(BY_KEYS)
            await connection.execute("set local plan_cache_mode = force_generic_plan")
            await connection.execute(f"prepare said as {several.statement}")
            await connection.execute(f"execute said ({asked(names[:1], 1)})")
            await set_together(connection, several, given(names, 2))
            told = await connection.fetchval(
                f"explain (analyze, format json) execute said ({asked(names[:ENDED_FACETS], 3)})"
            )
        await connection.execute("deallocate said")
        ended = await connection.fetchval(f"select count(*) from {TABLE} where until_position = 3")
    assert ended == ENDED_FACETS
    [plan] = json.loads(told)
    assert max(looked_at(plan["Plan"])) <= 2 * ENDED_FACETS


def array(column: Sequence[Any]) -> str:
    """A column as SQL has it."""
    return "'{" + ",".join("null" if value is None else json.dumps(str(value)) for value in column) + "}'"


def looked_at(node: dict[str, Any]) -> Iterator[float]:
    """How many rows each part of a plan went through, those that it left out too."""
    left_out = sum(rows for name, rows in node.items() if name.startswith("Rows Removed by"))
    yield (node["Actual Rows"] + left_out) * node["Actual Loops"]
    for part in node.get("Plans", ()):
        yield from looked_at(part)


async def test_who_asks_no_more_is_left_out_and_closing_lets_nobody_wait() -> None:
    done: list[list[int]] = []
    gate = asyncio.Event()

    async def do(asked: Any) -> list[int]:
        done.append(list(asked))
        await gate.wait()
        return [2 * one for one in asked]

    gathered: Gathered[int, int] = Gathered(do, at_once=1, size=lambda _: 1, size_max=2, spoils_all=lambda _: True)
    asking = [asyncio.create_task(gathered.ask(number)) for number in range(6)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    asking[2].cancel()
    await asyncio.sleep(0)
    gate.set()
    assert [await asking[number] for number in (0, 1, 3, 4, 5)] == [0, 2, 6, 8, 10]
    assert done == [[0, 1], [3, 4], [5]]
    gate.clear()
    asking = [asyncio.create_task(gathered.ask(number)) for number in range(4)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await gathered.close()
    async with asyncio.timeout(10):
        outcomes = await asyncio.gather(*asking, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [asyncio.CancelledError] * 4
