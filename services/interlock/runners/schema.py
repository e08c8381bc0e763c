"""The digest of a database's schema: the one that is recorded, and compared wherever two databases must be alike.

It is `sha256:…` of the lines that `sql/schema.sql` yields, each the canonical JSON of [kind, name, definition]. Equal
digests mean equal tables, columns, defaults, constraints, indexes, triggers, functions, views, types and policies in
the database's own schemas. Definitions are written by the server: compare databases of the same major version.
"""

from __future__ import annotations

from typing import Any

from interlock.events.canonical import canonical, digest_of_bytes
from interlock.runners.statements import sql


async def schema_digest(connection: Any) -> str:
    """Return the digest as this connection (asyncpg) sees the schema, also inside a transaction that changed it."""
    lines = [canonical([row["kind"], row["name"], row["definition"] or ""]) for row in await schema_rows(connection)]
    return digest_of_bytes(b"\n".join(lines))


async def schema_rows(connection: Any) -> list[Any]:
    """Return what the digest is made of, for those who want to see a difference."""
    # Names in definitions are qualified where search_path does not lead to them; the setting ends with the savepoint.
    look = connection.transaction()
    await look.start()
    try:
        await connection.execute("set local search_path = pg_catalog, pg_temp")
        found: list[Any] = await connection.fetch(sql("schema"))
    finally:
        if not connection.is_closed():
            await look.rollback()
    return found
