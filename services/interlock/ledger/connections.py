"""Connections to the ledger's database: bounded waits everywhere, safe settings only, UTC, and named errors."""

from __future__ import annotations

from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import asyncpg

from interlock.ledger import errors
from interlock.ledger.migrate import newest_number
from interlock.ledger.statements import sql

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

COMMAND_TIMEOUT_SECONDS: Final = 10.0
ACQUIRE_TIMEOUT_SECONDS: Final = 5.0
POOL_CONNECTIONS_MAX: Final = 10
IDLE_CONNECTION_SECONDS: Final = 300.0
LOCK_WAIT_MS: Final = 2_000

# A reset between two users of a connection would cost a round trip a batch; what is set here is never set again,
# and a turn is given back by its holder.
# LOCK_WAIT_MS bounds the wait for a turn, and behind another writer's open transaction.
SESSION: Final = {
    "timezone": "UTC",
    "application_name": "interlock",
    "search_path": "pg_catalog",
    "lock_timeout": str(LOCK_WAIT_MS),
}

Connection: TypeAlias = "asyncpg.pool.PoolConnectionProxy[asyncpg.Record]"
Pool: TypeAlias = "asyncpg.Pool[asyncpg.Record]"

LOST: Final = (OSError, TimeoutError, asyncpg.InterfaceError, asyncpg.InternalClientError)


async def check_settings(connection: Any) -> None:
    """Refuse a server that may lose what it acknowledged, a standby, and a schema that is not exactly ours.

    Runs on every new connection: a server may come back with other settings than it went away with.
    """
    settings = await connection.fetchrow(sql("settings"))
    for name in ("fsync", "synchronous_commit"):
        if settings[name] == "off":
            raise errors.UnsafeSettings(f"{name} is off; set it on")
    if settings["standby"]:
        raise errors.ReadOnlyLedger("no decision reads a replica")
    if not settings["migrated"]:
        raise errors.SchemaBehind("its migrations were not applied, or were interrupted")
    number = await connection.fetchval(sql("schema_version"))
    if number > newest_number():
        raise errors.SchemaFromFuture(f"it has migration {number}, this version knows {newest_number()}")
    if number < newest_number():
        raise errors.SchemaBehind(f"it has migration {number} of {newest_number()}")


async def _keep_session(_connection: Any) -> None:
    """Stand in for asyncpg's reset, which costs a round trip."""


async def open_pool(dsn: str, *, command_timeout: float, acquire_timeout: float) -> Pool:
    """Return a pool on `dsn`; both timeouts in seconds. Raises what `check_settings` raises, or LedgerUnavailable."""
    async with refused_by_name(sent=False):
        pool = await asyncpg.create_pool(
            dsn,
            min_size=0,  # asyncpg restores a floor by itself, and writes a traceback per failed try
            max_size=POOL_CONNECTIONS_MAX,
            max_inactive_connection_lifetime=IDLE_CONNECTION_SECONDS,
            command_timeout=command_timeout,
            timeout=acquire_timeout,
            server_settings=SESSION,
            init=check_settings,
            reset=_keep_session,
        )
    try:
        async with connected(pool, acquire_timeout):
            return pool
    except BaseException:
        pool.terminate()
        raise


@asynccontextmanager
async def refused_by_name(*, sent: bool) -> AsyncIterator[None]:
    """Turn what asyncpg raises into the ledger's own errors; `sent` says whether a lost outcome is unknown."""
    try:
        yield
    except asyncpg.PostgresError as refusal:
        error = errors.named(refusal.sqlstate, str(refusal), getattr(refusal, "detail", None))
        if isinstance(error, errors.OutcomeUnknown) and not sent:
            error = errors.LedgerUnavailable(error.detail)
        raise error from refusal
    except LOST as loss:
        lost = errors.OutcomeUnknown if sent else errors.LedgerUnavailable
        raise lost(str(loss) or type(loss).__name__) from loss


@asynccontextmanager
async def connected(pool: Pool, acquire_timeout: float) -> AsyncIterator[Connection]:
    """Lend a connection; one whose user was stopped or lost half way is thrown away, never lent again."""
    async with refused_by_name(sent=False):
        connection = await pool.acquire(timeout=acquire_timeout)
    try:
        yield connection
    except BaseException as stopped:
        if not in_order_after(stopped):
            throw_away(connection)
        raise
    finally:
        await pool.release(connection)


def throw_away(connection: Connection) -> None:
    """End a connection at once; one that the server closed first was taken back by the pool already."""
    with suppress(asyncpg.InterfaceError):
        connection.terminate()


def in_order_after(stopped: BaseException) -> bool:
    """Tell whether a connection can still be used: after a refusal by the server, yes; otherwise nobody knows."""
    cause = stopped.__cause__ or stopped
    return isinstance(cause, asyncpg.PostgresError) and not isinstance(cause, asyncpg.PostgresConnectionError)
