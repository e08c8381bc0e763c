"""Writes pages: what several projections, and several projects, have ready at one moment is one transaction."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Final, Self, TypeAlias

import asyncpg

from interlock.feed import Page
from interlock.ledger.connections import Connection
from interlock.ledger.errors import LedgerError, LedgerUnavailable, ReadOnlyLedger, named
from interlock.projections import Projection
from interlock.projections.projection import Added, Row
from interlock.projector import cursors
from interlock.projector.cursors import Move
from interlock.projector.gathered import Gathered

# Two keep two processors busy while this process makes rows; more of them only make smaller transactions.
TRANSACTIONS_MAX: Final = 3
TRANSACTION_ROWS_MAX: Final = 2_000
BEGINNINGS_MAX: Final = 1_000

Connect = Callable[[], AbstractAsyncContextManager[Connection]]
Run: TypeAlias = tuple[str, list[Row]]

# Tables whose statistics are of yesterday, or of another project, would be scanned: each row is found by its key.
BY_KEYS = "set local enable_seqscan = off; set local enable_hashjoin = off; set local enable_mergejoin = off"


@dataclass(slots=True, eq=False)
class Prepared:
    """One projection's page as statements with all rows that may be run together.

    `runs` are in the order of the events, neighbours with the same statement together; `appended` is what only adds
    rows that no other statement reads, and comes last.
    """

    move: Move
    runs: list[Run]
    appended: dict[str, list[Row]]

    @property
    def rows(self) -> int:
        """How many there are to write, its position too."""
        return 1 + sum(len(rows) for _, rows in self.runs) + sum(len(rows) for rows in self.appended.values())


def prepare(projection: Projection, project: str, before: int, page: Page) -> Prepared:
    """Return what a page that follows `before` means. Raises whatever the projection does."""
    appended: dict[str, list[Row]] = {}
    runs: list[Run] = []
    for recorded in page:
        for statement, row in projection.project(recorded):
            if statement in projection.appends:
                appended.setdefault(statement, []).append(row)
            elif runs and runs[-1][0] == statement:
                runs[-1][1].append(row)
            else:
                runs.append((statement, [row]))
    return Prepared(Move(projection, project, before, page[-1].position), runs, appended)


class Writer:
    """Writes for all runners of a process. Close it, by leaving it as a context, when they are over."""

    def __init__(self, connect: Connect) -> None:
        """Write by `connect`."""
        self._connect = connect
        self._pages: Gathered[Prepared, None] = Gathered(
            self._write,
            at_once=TRANSACTIONS_MAX,
            size=lambda page: page.rows,
            size_max=TRANSACTION_ROWS_MAX,
            spoils_all=lambda error: passes(error) and not _collided(error),
        )
        self._beginnings: Gathered[tuple[Projection, str], int | None] = Gathered(
            self._begin, at_once=1, size=lambda _: 1, size_max=BEGINNINGS_MAX, spoils_all=lambda _: True
        )

    async def __aenter__(self) -> Self:
        """Nothing yet: connections are asked for when there is something to write."""
        return self

    async def __aexit__(self, *exception: object) -> None:
        """Leave what is being written: it is committed with its positions, or not at all."""
        await self._pages.close()
        await self._beginnings.close()

    async def begin(self, projection: Projection, project: str) -> int:
        """Return the position up to which the project is projected, 0 at first. Raises Replaced."""
        position = await self._beginnings.ask((projection, project))
        if position is None:
            raise cursors.Replaced(f"{projection.name} {projection.version}")
        return position

    async def write(self, page: Prepared) -> None:
        """Write a page and its position, alone or with others' pages; only its own faults are raised."""
        await self._pages.ask(page)

    async def _begin(self, asked: Sequence[tuple[Projection, str]]) -> Sequence[int | None]:
        async with self._connect() as connection:
            return await cursors.begin_all(connection, asked)

    async def _write(self, pages: Sequence[Prepared]) -> Sequence[None]:
        async with self._connect() as connection:
            # One transaction: a crash before its end leaves the old positions and none of the rows, one after it the
            # new positions and all of them. Either way the next start goes on from the positions that it finds.
            async with connection.transaction():
                await connection.execute(BY_KEYS)
                await cursors.move(connection, [page.move for page in pages])
                for projection, statement, rows in merged(pages):
                    await _run(connection, projection, statement, rows)
        return [None] * len(pages)


async def _run(connection: Connection, projection: Projection, statement: str, rows: Sequence[Row]) -> None:
    if len(rows) == 1:
        await connection.execute(statement, *rows[0])
    elif (added := projection.appends.get(statement)) is not None:
        await _copy(connection, added, added.rows(rows))
    elif (several := projection.together.get(statement)) is not None:
        changes = several.changes(rows)
        found = await connection.fetch(several.statement, *changes.arguments) if changes.arguments else ()
        await _copy(connection, several.target, changes.added(found))
    else:
        await connection.executemany(statement, rows)


async def _copy(connection: Connection, added: Added, rows: Sequence[Row]) -> None:
    schema, _, table = added.table.partition(".")
    if rows:
        await connection.copy_records_to_table(table, schema_name=schema, columns=added.columns, records=rows)


def merged(pages: Sequence[Prepared]) -> Iterator[tuple[Projection, str, list[Row]]]:
    """Yield everything to run, each page's runs in their order, with a projection that means it.

    Pages are of different projects, or of different projections and so of different tables: what of them comes first
    changes nothing. So the same statement is run for as many as wait for it.
    """
    left = [(page.move.projection, deque(page.runs)) for page in pages if page.runs]
    while left:
        [(statement, _)] = Counter(runs[0][0] for _, runs in left).most_common(1)
        ready = [(projection, runs.popleft()[1]) for projection, runs in left if runs[0][0] == statement]
        yield ready[0][0], statement, [row for _, rows in ready for row in rows]
        left = [(projection, runs) for projection, runs in left if runs]
    appended: dict[str, tuple[Projection, list[Row]]] = {}
    for page in pages:
        for statement, rows in page.appended.items():
            appended.setdefault(statement, (page.move.projection, []))[1].extend(rows)
    for statement, (projection, rows) in appended.items():
        yield projection, statement, rows


def passes(error: Exception) -> bool:
    """Tell whether the same may work later: the database is away, full, busy, or was told to stop."""
    if isinstance(error, asyncpg.PostgresError):
        state = error.sqlstate or ""
        return _collided(error) or isinstance(named(state, "", None), LedgerUnavailable | ReadOnlyLedger)
    if isinstance(error, asyncpg.InterfaceError):
        # Raised for lost connections, and for arguments that do not fit the statement.
        return not isinstance(error, ValueError) and "expects" not in str(error)
    # asyncpg is at odds with itself about a connection that was lost in the middle; the next one is another.
    away = OSError | TimeoutError | LedgerError | asyncio.CancelledError | asyncpg.InternalClientError
    return isinstance(error, away)


def _collided(error: Exception) -> bool:
    """Tell whether another transaction was in the way."""
    return isinstance(error, asyncpg.PostgresError) and (error.sqlstate or "").startswith("40")
