"""Connections to the ledger's database: bounded waits everywhere, safe settings only, UTC, and named errors."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Any, Final, TypeAlias

import asyncpg

from interlock.ledger import errors, lending
from interlock.ledger.migrate import newest_number
from interlock.ledger.statements import sql

COMMAND_TIMEOUT_SECONDS: Final = 10.0
ACQUIRE_TIMEOUT_SECONDS: Final = 5.0
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

Connection: TypeAlias = lending.Connection
Pool: TypeAlias = lending.Pool

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


async def open_pool(dsn: str, *, command_timeout: float, acquire_timeout: float) -> Pool:
    """Return a pool on `dsn`; both timeouts in seconds. Raises what `check_settings` raises, or LedgerUnavailable."""

    async def connect() -> Connection:
        made = await asyncpg.connect(
            dsn, command_timeout=command_timeout, timeout=acquire_timeout, server_settings=SESSION
        )
        try:
            await check_settings(made)
        except BaseException:
            made.terminate()
            raise
        return made

    pool = Pool(connect, acquire_timeout=acquire_timeout)
    try:
        async with connected(pool):
            return pool
    except BaseException:
        pool.terminate()
        raise


class _RefusedByName:
    """See `refused_by_name`; a class, because a generator costs three times as much, at every statement."""

    __slots__ = ("_sent",)

    def __init__(self, *, sent: bool) -> None:
        self._sent = sent

    async def __aenter__(self) -> None:
        """Nothing to prepare."""

    async def __aexit__(
        self, kind: type[BaseException] | None, raised: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Raise the ledger's own error instead."""
        if isinstance(raised, asyncpg.PostgresError):
            error = errors.named(raised.sqlstate, str(raised), getattr(raised, "detail", None))
            if isinstance(error, errors.OutcomeUnknown) and not self._sent:
                error = errors.LedgerUnavailable(error.detail)
            raise error from raised
        if isinstance(raised, LOST):
            lost = errors.OutcomeUnknown if self._sent else errors.LedgerUnavailable
            raise lost(str(raised) or type(raised).__name__) from raised


def refused_by_name(*, sent: bool) -> AbstractAsyncContextManager[None]:
    """Turn what asyncpg raises into the ledger's own errors; `sent` says whether a lost outcome is unknown."""
    return _RefusedByName(sent=sent)


class _Connected:
    """See `connected`."""

    __slots__ = ("_lent", "_pool")

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._lent: Connection | None = None

    async def __aenter__(self) -> Connection:
        """Lend one."""
        async with refused_by_name(sent=False):
            self._lent = await self._pool.acquire()
        return self._lent

    async def __aexit__(
        self, kind: type[BaseException] | None, stopped: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take it back."""
        assert self._lent is not None
        if stopped is not None and not in_order_after(stopped):
            throw_away(self._lent)
        self._pool.release(self._lent)


def connected(pool: Pool) -> AbstractAsyncContextManager[Connection]:
    """Lend a connection; one whose user was stopped or lost half way is thrown away, never lent again."""
    return _Connected(pool)


def throw_away(connection: Connection) -> None:
    """End a connection at once."""
    connection.terminate()


def in_order_after(stopped: BaseException) -> bool:
    """Tell whether a connection can still be used: after a refusal by the server, yes; otherwise nobody knows."""
    cause = stopped.__cause__ or stopped
    return isinstance(cause, asyncpg.PostgresError) and not isinstance(cause, asyncpg.PostgresConnectionError)
