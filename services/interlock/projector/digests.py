"""One digest of everything in a projection's tables: equal digests, equal read models, byte for byte."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from interlock.ledger.connections import Connection
from interlock.projections import Projection

# Rows as texts in an order of their own: how a table was filled does not show.
_ROWS = """
select coalesce(encode(sha256(convert_to(string_agg(line, e'\\n' order by line), 'UTF8')), 'hex'), '')
  from (select row_of::text collate "C" as line from {table} as row_of where row_of.project = $1) as lines
"""


async def digest_of_tables(connection: Connection, projections: Iterable[Projection], project: str) -> str:
    """Return `sha256:…` of all rows that the projections' tables hold of the project."""
    found = hashlib.sha256()
    for projection in projections:
        for table in projection.tables:
            rows = await connection.fetchval(_ROWS.format(table=table), project)
            found.update(f"{projection.name} {projection.version} {table} {rows}\n".encode())
    return f"sha256:{found.hexdigest()}"
