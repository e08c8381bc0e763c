"""One ordered log per project, in PostgreSQL: append, read, answers, turns, and who moved."""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING, Self

import asyncpg

from interlock.ledger.connections import (
    ACQUIRE_TIMEOUT_SECONDS,
    COMMAND_TIMEOUT_SECONDS,
    LOST,
    connected,
    in_order_after,
    open_pool,
    refused_by_name,
    throw_away,
)
from interlock.ledger.session import Session, Turn
from interlock.ledger.statements import sql
from interlock.ledger.subscription import Changes

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from datetime import datetime
    from uuid import UUID

    from interlock.ledger.connections import Connection, Pool
    from interlock.ledger.rows import Answer, Ends, Head, Row, Stored


class Ledger:
    """The ledger behind one DSN. What each method raises besides LedgerUnavailable stands with it in `Session`."""

    def __init__(self, pool: Pool, dsn: str, acquire_timeout: float) -> None:
        """Use `Ledger.open` instead, which checks the server first."""
        self._pool = pool
        self._dsn = dsn
        self._acquire_timeout = acquire_timeout

    @classmethod
    async def open(
        cls,
        dsn: str,
        *,
        command_timeout: float = COMMAND_TIMEOUT_SECONDS,
        acquire_timeout: float = ACQUIRE_TIMEOUT_SECONDS,
    ) -> Self:
        """Connect, with both timeouts in seconds; raise rather than trust a server that cannot be trusted.

        Raises UnsafeSettings, SchemaFromFuture, SchemaBehind, ReadOnlyLedger (a standby), LedgerUnavailable.
        """
        pool = await open_pool(dsn, command_timeout=command_timeout, acquire_timeout=acquire_timeout)
        return cls(pool, dsn, acquire_timeout)

    async def close(self) -> None:
        """Give up all connections, after at most the acquire timeout those that are still in use too."""
        try:
            async with asyncio.timeout(self._acquire_timeout):
                await self._pool.close()
        except (*LOST, asyncpg.PostgresError):
            self._pool.terminate()

    def connection(self) -> AbstractAsyncContextManager[Connection]:
        """Lend a connection of the pool (for `evidence` and identities); statements on it are bounded too."""
        return connected(self._pool)

    async def append(self, project: str, rows: Sequence[Row]) -> datetime:
        """Append one batch; return the ledger's clock. See `Session.append`."""
        async with self.connection() as connection:
            return await Session(connection).append(project, rows)

    async def read(self, project: str, *, after: int, limit: int, up_to: int | None = None) -> list[Stored]:
        """Return events in order of position. See `Session.read`."""
        async with self.connection() as connection:
            return await Session(connection).read(project, after=after, limit=limit, up_to=up_to)

    async def bodies(self, project: str, *, after: int, limit: int, up_to: int | None = None) -> list[bytes]:
        """Return events' bytes in order of position. See `Session.bodies`."""
        async with self.connection() as connection:
            return await Session(connection).bodies(project, after=after, limit=limit, up_to=up_to)

    async def read_stream(self, project: str, stream: str, *, after_version: int = 0, limit: int) -> list[Stored]:
        """Return a stream's events in order of version. See `Session.read_stream`."""
        async with self.connection() as connection:
            return await Session(connection).read_stream(project, stream, after_version=after_version, limit=limit)

    async def read_streams(self, project: str, streams: Sequence[str]) -> dict[str, list[Stored]]:
        """Return whole streams. See `Session.read_streams`."""
        async with self.connection() as connection:
            return await Session(connection).read_streams(project, streams)

    async def ends(self, project: str, streams: Sequence[str], *, bodies: bool = False) -> dict[str, Ends]:
        """Return where streams begin and how far they are. See `Session.ends`."""
        async with self.connection() as connection:
            return await Session(connection).ends(project, streams, bodies=bodies)

    async def head(self, project: str) -> Head:
        """Return how far the log is, and the clock."""
        async with self.connection() as connection:
            return await Session(connection).head(project)

    async def answers(self, project: str, command_ids: Sequence[UUID]) -> dict[UUID, Answer]:
        """Return what command ids were answered with. See `Session.answers`."""
        async with self.connection() as connection:
            return await Session(connection).answers(project, command_ids)

    async def heads(self) -> dict[str, int]:
        """Return every project's last position: compared with one's own, it tells which projects moved."""
        async with self.connection() as connection, refused_by_name(sent=False):
            return {row["project"]: row["position"] for row in await connection.fetch(sql("heads"))}

    async def position_at(self, project: str, at: datetime) -> int:
        """Return the last position recorded by the instant `at`, 0 if none was."""
        async with self.connection() as connection, refused_by_name(sent=False):
            position: int = await connection.fetchval(sql("position_at"), project, at)
            return position

    @asynccontextmanager
    async def turn(self, project: str) -> AsyncIterator[Turn]:
        """Wait (at most LOCK_WAIT_MS) for the project's turn; append, read and look up within it.

        A crash gives the turn back with its connection.
        """
        async with self.connection() as connection:
            held = await _take_turn(connection, project)
            try:
                yield Turn(connection, held=held)
            except BaseException as stopped:
                # A connection that is not in order is thrown away by its lender, and the turn with it.
                if held and in_order_after(stopped):
                    await _give_turn(connection, project)
                raise
            else:
                if held:
                    await _give_turn(connection, project)

    def changes(self) -> Changes:
        """Return a subscription to the names of projects that moved; see `Changes`."""
        return Changes(self._dsn, timeout=self._acquire_timeout)

    async def is_test(self) -> bool:
        """Tell whether this database was created as a test database."""
        async with self.connection() as connection, refused_by_name(sent=False):
            return bool(await connection.fetchval(sql("is_test")))

    async def set_test_clock(self, at: datetime) -> None:
        """Let the ledger's clock stand at `at`; raises NotATestDatabase, TestClockGoesBack."""
        async with self.connection() as connection, refused_by_name(sent=True):
            await connection.execute(sql("set_test_clock"), at)

    async def store_snapshot(self, project: str, kind: str, version: int, position: int, body: bytes) -> None:
        """Keep `body` as what `kind` in shape `version` folded to at `position`, unless a later one is kept."""
        async with self.connection() as connection, refused_by_name(sent=True):
            await connection.execute(sql("store_snapshot"), project, kind, version, position, body)

    async def load_snapshot(self, project: str, kind: str, version: int) -> tuple[int, bytes] | None:
        """Return position and body of the snapshot kept, None without one."""
        async with self.connection() as connection, refused_by_name(sent=False):
            row = await connection.fetchrow(sql("load_snapshot"), project, kind, version)
            return None if row is None else (row["position"], row["body"])


async def _take_turn(connection: Connection, project: str) -> bool:
    async with refused_by_name(sent=False):
        try:
            await connection.execute(sql("take_turn"), project)
        except asyncpg.LockNotAvailableError:
            return False
    return True


async def _give_turn(connection: Connection, project: str) -> None:
    """Give the turn back, if need be with the connection: it is never lent again with somebody's turn on it."""
    try:
        await connection.execute(sql("give_turn"), project)
    except (*LOST, asyncpg.PostgresError):
        throw_away(connection)
