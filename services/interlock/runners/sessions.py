"""Sessions for work that takes as long as it takes: no deadline, but no life of their own after their runner either."""

from __future__ import annotations

import errno
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Final

import asyncpg

from interlock.runners.connections import Connection
from interlock.runners.ending import Ending
from interlock.runners.failures import LOST, DatabaseAway, Stopped, UnfitSession
from interlock.runners.targets import close, connect

# A server whose runner is gone, or cut off, notices soon, also in the middle of a statement, and rolls back.
SETTINGS: Final = {
    "statement_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    "client_connection_check_interval": "1s",
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
    "synchronous_commit": "on",
}


async def connect_long(dsn: str, application: str, **settings: str) -> Any:
    """Return a session of asyncpg. Raises DatabaseAway, UnfitSession; the address is in neither."""
    return await connect(dsn, answer_seconds=None, **{**SETTINGS, "application_name": application, **settings})


@asynccontextmanager
async def session_of(connection: Connection, application: str, ending: Ending, **settings: str) -> AsyncIterator[Any]:
    """Lend a session that is cut off where the work is ended. Its failures get names and say where they were."""
    where = connection.environment
    try:
        session = await connect_long(connection.dsn, application, **settings)
    except (DatabaseAway, UnfitSession) as why:
        raise type(why)(f"{where}: {why}") from None

    async def cut() -> None:
        session.terminate()

    try:
        with ending.running(cut):
            yield session
    except LOST as lost:
        ending.check()
        raise DatabaseAway(f"{where}: the connection was lost ({type(lost).__name__})") from lost
    except asyncpg.PostgresError as refusal:
        ending.check()
        # The server's words may quote a row; its name for what was wrong does not.
        raise UnfitSession(f"{where}: {type(refusal).__name__} ({refusal.sqlstate})") from refusal
    finally:
        await close(session)


@contextmanager
def named_failures(ending: Ending, **sessions: Any) -> Iterator[None]:
    """Give what asyncpg raises a name, with the environment whose session it is; LeaseLost where the work was ended."""
    try:
        yield
    except LOST as lost:
        ending.check()
        if isinstance(lost, OSError) and lost.errno == errno.ENOSPC:
            raise Stopped("no space is left for the dump") from lost
        where = next((name for name, session in sessions.items() if session.is_closed()), "the database")
        raise DatabaseAway(f"{where}: the connection was lost ({type(lost).__name__})") from lost
    except asyncpg.PostgresError as refusal:
        ending.check()
        raise UnfitSession(f"the database refuses it: {type(refusal).__name__} ({refusal.sqlstate})") from refusal
