"""The rows that an open transaction touched, as they were and as they are: exactly those, in whatever way it did it.

The witness, a session beside it, still sees what is committed. The targets are locked against all other writers, and
the transaction has one snapshot, so a row's place (table and ctid) names one version of it for both:
- as it was: what the witness sees and the transaction does not. Only versions with an xmax can be among these.
- as it is: what the transaction sees and the witness does not. Only versions whose xmin is this transaction's id or
  one given out later (its savepoints') can be among these.
It needs no primary key, and partitions, triggers, cascades and savepoints do not matter.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, Final

from interlock.events.canonical import digest_of_bytes
from interlock.runners.adjust.failures import BackupImpossible
from interlock.runners.adjust.sessions import Connection
from interlock.runners.adjust.tables import Targets, Touches

KEPT_BYTES_MAX: Final = 256 * 1024 * 1024
PAGE_ROWS: Final = 2_000
XIDS: Final = 2**32

# A row is written as PostgreSQL writes a record: exact for every type, and read back by casting to the table's type.
CHANGED: Final = "select tableoid::bigint as t, ctid::text as c from {relation} where xmax::text <> '0'"
CREATED: Final = (
    "select tableoid::bigint as t, ctid::text as c from {relation}"
    " where (xmin::text::bigint - $1::bigint + {xids}) % {xids} < $2"
)
VISIBLE: Final = "select tableoid::bigint as t, ctid::text as c from {relation} where ctid = any($1::text[]::tid[])"
ROWS: Final = (
    "select tableoid::bigint as t, ctid::text as c, (r.*)::text as line from {relation} as r"
    " where ctid = any($1::text[]::tid[])"
)

Place = tuple[int, str]


@dataclass(frozen=True, slots=True)
class Kept:
    """The touched rows, by the table they are read from; each row as the text of a record."""

    before: dict[str, list[str]] = field(default_factory=dict)
    after: dict[str, list[str]] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        """How many were there before."""
        return sum(len(lines) for lines in self.before.values())

    @property
    def before_digest(self) -> str:
        """The digest of the rows as they were."""
        return rows_digest(self.before)

    @property
    def after_digest(self) -> str:
        """The digest of the rows as they are."""
        return rows_digest(self.after)


def rows_digest(rows: dict[str, list[str]]) -> str:
    """Return the digest of rows: of one JSON line [table, row] each, sorted, so that no order matters."""
    lines = sorted(line_of(relation, line) for relation, lines in rows.items() for line in lines)
    return digest_of_bytes(b"".join(lines))


def line_of(*parts: str) -> bytes:
    """Return the parts as one line of JSON."""
    return json.dumps(parts, ensure_ascii=False).encode() + b"\n"


async def kept_rows(working: Connection, witness: Connection, targets: Targets, touched: Touches) -> Kept:
    """Read them. Raises BackupImpossible where they are too many, or not those that were counted."""
    kept = Kept()
    first, window = await _xids(working, witness)
    size = 0
    for relation in targets.read:
        changed = _pages(witness, CHANGED.format(relation=relation))
        created = _pages(working, CREATED.format(relation=relation, xids=XIDS), first, window)
        for pages, here, other, into in (
            (changed, witness, working, kept.before),
            (created, working, witness, kept.after),
        ):
            async for line in _only_here(pages, here, other, relation):
                size += len(line)
                if size > KEPT_BYTES_MAX:
                    raise BackupImpossible(f"the touched rows have more than {KEPT_BYTES_MAX} bytes")
                into.setdefault(relation, []).append(line)
    before, after = (sum(map(len, rows.values())) for rows in (kept.before, kept.after))
    if before > touched.updated + touched.deleted or after > touched.inserted + touched.updated:
        raise BackupImpossible(
            f"{before} rows as they were and {after} as they are do not fit {touched.rows} touched ones"
        )
    return kept


async def _xids(working: Connection, witness: Connection) -> tuple[int, int]:
    """Return the transaction's id, and how many ids were given out from it on: its savepoints' are among them."""
    first = int(await working.fetchval("select pg_current_xact_id()::text"))
    last = int(await witness.fetchval("select pg_current_xact_id()::text"))
    return span_of(first, last)


def span_of(first: int, last: int) -> tuple[int, int]:
    """Return a row's form of the id `first`, and how many follow up to `last`; rows keep 32 bits, and ids have 64."""
    return first % XIDS, last - first


async def _pages(connection: Connection, query: str, *values: object) -> AsyncIterator[list[Place]]:
    """Yield the places that a query finds, page by page: there may be more than fit into memory."""
    transaction = connection.transaction()
    await transaction.start()
    try:
        cursor = await connection.cursor(query, *values)
        while page := await cursor.fetch(PAGE_ROWS):
            yield [(row["t"], row["c"]) for row in page]
    finally:
        if not connection.is_closed():
            await transaction.rollback()


async def _only_here(
    pages: AsyncIterator[list[Place]], here: Connection, other: Connection, relation: str
) -> AsyncIterator[str]:
    """Yield the rows at these places that the other session does not see."""
    async for page in pages:
        places = [place for _, place in page]
        seen = {_place(row) for row in await other.fetch(VISIBLE.format(relation=relation), places)}
        wanted = {place for place in page if place not in seen}
        if not wanted:
            continue
        for row in await here.fetch(ROWS.format(relation=relation), [place for _, place in wanted]):
            if _place(row) in wanted:
                yield row["line"]


def _place(row: Any) -> Place:
    return row["t"], row["c"]
