"""What is in a database: of each table how many rows, and a digest that is equal where the rows are.

The digest is `sha256:…` of the rows' own digests in their order, so that it does not depend on how they lie on disk.
Only these digests leave the server.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

from interlock.runners.row_text import TEXT_SETTINGS
from interlock.runners.statements import sql


@dataclass(frozen=True, slots=True)
class Table:
    """One table's rows."""

    name: str
    rows: int
    digest: str

    def fields(self) -> dict[str, Any]:
        """Return it for the report."""
        return {"table": self.name, "rows": self.rows, "digest": self.digest}


async def measure(session: Any) -> tuple[Table, ...]:
    """Measure every table, as the session sees it."""
    found = []
    async with session.transaction():
        for name, value in TEXT_SETTINGS.items():
            await session.execute("select pg_catalog.set_config($1, $2, true)", name, value)
        for row in await session.fetch(sql("restore_tables")):
            found.append(await _one(session, row["name"]))
    return tuple(found)


async def _one(session: Any, name: str) -> Table:
    digest, rows = hashlib.sha256(), 0

    async def take(block: bytes) -> None:
        nonlocal rows
        digest.update(block)
        rows += block.count(b"\n")

    # `(r.*)` is the whole row, whatever its columns are called; the name was quoted by the server.
    query = sql("restore_rows").replace("{table}", name)
    await session.copy_from_query(query, output=take)
    return Table(name, rows, f"sha256:{digest.hexdigest()}")
