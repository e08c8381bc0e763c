"""Sessions in the target database: every wait bounded, every setting that changes a meaning chosen here.

An adjustment has two: the one that works, and a witness beside it, which sees what is committed and can end the other.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Final, TypeAlias

import asyncpg

from interlock.runners.adjust.failures import CannotTell, DatabaseAway, UnfitSession
from interlock.runners.failures import LOST
from interlock.runners.row_text import TEXT_SETTINGS
from interlock.runners.statements import sql

CONNECT_SECONDS: Final = 10.0
STATEMENT_SECONDS: Final = 300
LOCK_WAIT_SECONDS: Final = 10
# The longest silence inside a transaction is the wait for Interlock's answer, which the client bounds.
IDLE_SECONDS: Final = 120
# A backend whose runner is gone notices within this, also in the middle of a statement.
GONE_CHECK_SECONDS: Final = 1
# The server's own limit ends a statement first; this one is for a server that does not answer at all.
ANSWER_SECONDS: Final = STATEMENT_SECONDS + 15.0
QUICK_SECONDS: Final = 15.0
VERSION_MIN: Final = 140_000

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

# As startup settings they win over what a role or a database has been given.
SETTINGS: Final = {
    "application_name": "interlock-adjust",
    **TEXT_SETTINGS,
    "standard_conforming_strings": "on",
    "transform_null_equals": "off",
    # Rows that a policy would hide cannot be kept: with `off` PostgreSQL refuses instead of hiding.
    "row_security": "off",
    # An acknowledged commit survives a crash, whatever the role was set to.
    "synchronous_commit": "on",
    "statement_timeout": f"{STATEMENT_SECONDS}s",
    "lock_timeout": f"{LOCK_WAIT_SECONDS}s",
    "idle_in_transaction_session_timeout": f"{IDLE_SECONDS}s",
    "client_connection_check_interval": f"{GONE_CHECK_SECONDS}s",
}


async def connect(dsn: str) -> Connection:
    """Return a session that is fit for the work. Raises DatabaseAway, UnfitSession; the address is never in them."""
    connection: Connection
    try:
        connection = await asyncpg.connect(
            dsn,
            timeout=CONNECT_SECONDS,
            command_timeout=ANSWER_SECONDS,
            server_settings=SETTINGS,
            statement_cache_size=0,
        )
    except (*LOST, ValueError) as away:
        raise DatabaseAway(f"the database cannot be reached ({type(away).__name__})") from None
    except asyncpg.PostgresError as refusal:
        raise UnfitSession(f"the database refuses the session: {refusal}") from None
    try:
        await _check(connection)
    except BaseException:
        connection.terminate()
        raise
    return connection


async def _check(connection: Connection) -> None:
    found = await connection.fetchrow(sql("session"), timeout=QUICK_SECONDS)
    assert found is not None
    wrong = [
        (found["version"] < VERSION_MIN, "PostgreSQL 14 or later is needed"),
        (found["standby"], "it is a standby, which takes no changes"),
        (not found["counts"], "track_counts is off, so that nobody could tell which tables were touched"),
        (not found["durable"], "fsync is off: an acknowledged commit may be lost"),
        (found["superuser"], f"{found['role']} is a superuser: use the role of infra/postgres/adjust-role.sql"),
        (found["foreign_writable"], f"{found['role']} may write foreign tables, which no rollback here takes back"),
        (not found["marker"], "the schema interlock_adjust is missing: run infra/postgres/adjust-role.sql"),
    ]
    for holds, what in wrong:
        if holds:
            raise UnfitSession(what)


async def end_of(connection: Connection | None) -> None:
    """Close politely, or else at once."""
    if connection is None or connection.is_closed():
        return
    try:
        await connection.close(timeout=QUICK_SECONDS)
    except BaseException:
        connection.terminate()
        raise


async def terminate(working: Connection, backend: int, witness: Connection) -> None:
    """End a session from beside, also in the middle of a statement; `backend` is its process at the server's end."""
    with suppress(*LOST, asyncpg.PostgresError):
        await witness.execute(sql("end_backend"), backend, timeout=QUICK_SECONDS)
    working.terminate()


def cannot_tell(away: Exception) -> CannotTell:
    """Say that the question is open."""
    return CannotTell(f"the database does not answer: {away}")
