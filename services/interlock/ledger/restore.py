"""Filling an empty ledger with what was recorded elsewhere, as its owner; until the end nobody else writes to it."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

import asyncpg

from interlock.ledger import errors
from interlock.ledger.connections import SESSION, check_settings, refused_by_name
from interlock.ledger.migrate import OWNER
from interlock.ledger.statements import sql

if TYPE_CHECKING:
    from interlock.ledger.rows import Row

RESTORE_TIMEOUT_SECONDS: Final = 300.0
READ_ROWS: Final = 2_000


class Restore:
    """One restore, under way."""

    def __init__(self, connection: Any) -> None:
        """Use `restoring` instead."""
        self._connection = connection

    async def add(self, rows: Sequence[tuple[str, Row]]) -> None:
        """Add whole commands, each project's in order. Raises BatchRefused and its like where anything is missing."""
        columns: list[list[Any]] = [[] for _ in range(10)]
        for project, row in rows:
            values = (
                *(project, row.position, row.stream, row.version, row.type, row.recorded_at, row.body),
                *(row.command_id, row.request_hash, row.command_events),
            )
            for column, value in zip(columns, values, strict=True):
                column.append(value)
        async with refused_by_name(sent=True):
            await self._connection.execute(sql("restore"), *columns)

    async def digest(self, project: str) -> tuple[int, str]:
        """Return how many events the ledger holds, and a digest of all their bytes in order."""
        found, count = hashlib.sha256(), 0
        async with refused_by_name(sent=False):
            while page := await self._connection.fetch(sql("read"), project, count, 2**62, READ_ROWS):
                for row in page:
                    found.update(hashlib.sha256(row["body"]).digest())
                count += len(page)
        return count, f"sha256:{found.hexdigest()}"

    async def add_evidence(self, project: str, digest: str, media_type: str, content: bytes) -> None:
        """Add one piece of evidence; the table itself compares its digest with its bytes."""
        async with refused_by_name(sent=True):
            await self._connection.execute(sql("put_evidence"), project, digest, media_type, content)

    async def add_letters(self, columns: Sequence[str], letters: Sequence[Sequence[Any]]) -> None:
        """Add dead letters, which have no owner among the events; each is there once by its record's place."""
        async with refused_by_name(sent=True):
            await self._connection.copy_records_to_table(
                "dead_letter", schema_name="intake", columns=list(columns), records=letters
            )

    async def evidence(self, project: str) -> list[tuple[str, str]]:
        """Return the digest and the media type of everything that is kept beside the project's events."""
        async with refused_by_name(sent=False):
            return [tuple(row) for row in await self._connection.fetch(sql("all_evidence"), project)]

    async def end(self) -> None:
        """Let the application write again. Before it, a crash leaves a ledger that only its owner can write to."""
        async with refused_by_name(sent=True):
            await self._connection.execute("select ledger.end_restore()")


@asynccontextmanager
async def restoring(owner_dsn: str) -> AsyncIterator[Restore]:
    """Begin a restore into an empty ledger; `end` is the caller's to say. Raises BatchRefused where it is not empty."""
    try:
        connection = await asyncpg.connect(owner_dsn, command_timeout=RESTORE_TIMEOUT_SECONDS, server_settings=SESSION)
    except (OSError, TimeoutError) as away:
        raise errors.LedgerUnavailable(str(away)) from away
    try:
        await check_settings(connection)
        await connection.execute('set role "{}"'.format(OWNER.replace('"', '""')))
        async with refused_by_name(sent=True):
            await connection.execute("select ledger.begin_restore()")
        yield Restore(connection)
    finally:
        await connection.close(timeout=RESTORE_TIMEOUT_SECONDS)
