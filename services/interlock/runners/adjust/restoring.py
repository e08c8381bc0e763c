"""Putting back the rows that a backup kept: by an administrator, where an undo under the rules is out of reach.

It is no way around Interlock: a write by another login role than the runner's is found, and opens a problem. It happens
in one transaction, and only where every row that the adjustment left is still exactly as it left it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import asyncpg

from interlock.runners.adjust.kept import Kept
from interlock.runners.row_text import TEXT_SETTINGS
from interlock.runners.statements import sql

PUT_BACK: Final = (
    "insert into {table} ({columns}) overriding system value"
    " select {values} from (select line::{table} as x from unnest($1::text[]) as line) as kept"
)
SET_BACK: Final = (
    "update {relation} as now set {assignments}"
    " from (select line::{table} as x from unnest($1::text[]) as line) as kept where {same_key}"
)
KEYS: Final = "select array[{keys}]::text from (select line::{table} as x from unnest($1::text[]) as line) as kept"


class ChangedSince(Exception):
    """rows that the adjustment left are not as it left them any more: nothing was put back"""


class CannotPutBack(Exception):
    """the rows cannot be put back as they were: nothing was"""


@dataclass(slots=True)
class _Back:
    """What must be done to one table."""

    relation: str
    columns: list[Any]
    out: list[str]
    set_to: list[str]
    into: list[str]

    @property
    def table(self) -> str:
        return self.relation.removeprefix("only ")


async def put_back(connection: Any, kept: Kept) -> int:
    """Make the rows what they were before, and return how many that is. Raises ChangedSince, CannotPutBack.

    `connection` (asyncpg) is an administrator's.
    """
    relations = sorted({*kept.before, *kept.after})
    try:
        async with connection.transaction():
            for name, value in TEXT_SETTINGS.items():
                await connection.execute("select set_config($1, $2, true)", name, value)
            for relation in relations:
                await connection.execute(f"lock table {relation} in exclusive mode")
                await _all_there(connection, relation, kept.after.get(relation, []), ChangedSince)
            await _in_some_order(connection, [await _back(connection, relation, kept) for relation in relations])
            for relation in relations:
                await _all_there(connection, relation, kept.before.get(relation, []), CannotPutBack)
    except asyncpg.PostgresError as refusal:
        raise CannotPutBack(f"PostgreSQL refused: {refusal}") from refusal
    return kept.rows


async def _all_there(connection: Any, relation: str, lines: list[str], error: type[Exception]) -> None:
    found = await connection.fetchval(sql("rows_there").format(relation=relation), lines)
    if found != len(lines):
        raise error(f"{relation.removeprefix('only ')}: {len(lines) - found} of {len(lines)} rows are not as expected")


async def _back(connection: Any, relation: str, kept: Kept) -> _Back:
    """Say what must be done: rows whose key stayed are set back, so that what points at them is left alone."""
    before, after = kept.before.get(relation, []), kept.after.get(relation, [])
    columns = await connection.fetch(sql("columns"), relation.removeprefix("only "))
    back = _Back(relation, columns, out=after, set_to=[], into=before)
    keys = [f"(x).{quoted(column['name'])}::text" for column in columns if column["key"]]
    if not keys:
        if after and any(column["pointed_at"] for column in columns):
            raise CannotPutBack(f"{back.table} has no primary key, and other tables point at it")
        return back
    query = KEYS.format(keys=", ".join(keys), table=back.table)
    old = [row[0] for row in await connection.fetch(query, before)]
    new = [row[0] for row in await connection.fetch(query, after)]
    back.out = [line for line, key in zip(after, new, strict=True) if key not in set(old)]
    back.set_to = [line for line, key in zip(before, old, strict=True) if key in set(new)]
    back.into = [line for line, key in zip(before, old, strict=True) if key not in set(new)]
    return back


async def _in_some_order(connection: Any, tables: list[_Back]) -> None:
    """Rows that others point at come first and go last; what another row is still in the way of is tried after it.

    No other order would do what this one cannot: what is done is a part of the end, where nothing is in the way.
    """
    waiting = [(step, table) for step in (_put_back, _set_back, _take_out) for table in tables]
    while waiting:
        refused = [each for each in waiting if not await _tried(connection, *each)]
        if len(refused) == len(waiting):
            raise CannotPutBack("constraints between the rows allow no order of putting them back")
        waiting = refused


async def _tried(connection: Any, step: Any, table: _Back) -> bool:
    try:
        async with connection.transaction():
            await step(connection, table)
    except asyncpg.IntegrityConstraintViolationError:
        return False
    return True


async def _take_out(connection: Any, table: _Back) -> None:
    if table.out:
        await connection.execute(sql("rows_take_out").format(relation=table.relation), table.out)


async def _put_back(connection: Any, table: _Back) -> None:
    if table.into:
        names = [quoted(column["name"]) for column in table.columns if column["writable"]]
        values = ", ".join(f"(x).{name}" for name in names)
        await connection.execute(
            PUT_BACK.format(table=table.table, columns=", ".join(names), values=values), table.into
        )


async def _set_back(connection: Any, table: _Back) -> None:
    names = [
        quoted(column["name"])
        for column in table.columns
        if column["writable"] and not column["key"] and not column["always"]
    ]
    keys = [quoted(column["name"]) for column in table.columns if column["key"]]
    if table.set_to and names:
        statement = SET_BACK.format(
            relation=table.relation,
            table=table.table,
            assignments=", ".join(f"{name} = (x).{name}" for name in names),
            same_key=" and ".join(f"now.{name} = (x).{name}" for name in keys),
        )
        await connection.execute(statement, table.set_to)


def quoted(name: str) -> str:
    """Return an identifier as it may stand in a statement."""
    return '"' + name.replace('"', '""') + '"'
