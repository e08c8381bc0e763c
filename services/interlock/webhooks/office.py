"""Who sends: one process at a time, by a lock of its database session, which PostgreSQL ends where it falls silent.

A sender that was killed or cut off leaves its messages where they are; the next one sends them. Two that overlap for a
moment send the same message twice under the same id.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

import asyncpg

from interlock.events.seams import Sleep
from interlock.ledger.beating import beating
from interlock.ledger.connections import SESSION, refused_by_name

BEAT_SECONDS: Final = 2.0
SILENT_SECONDS: Final = 10.0
STANDBY_SECONDS: Final = 1.0
ANSWER_SECONDS: Final = 5.0
TAKE_LOCK: Final = "select pg_try_advisory_lock(hashtextextended('interlock webhooks', 0))"


@asynccontextmanager
async def office(dsn: str, sleep: Sleep, waiting: Callable[[], None]) -> AsyncIterator[None]:
    """Wait until nobody else sends, then hold the office. Raises LedgerError, also where it is lost.

    `waiting` is called whenever somebody else was found to send.
    """
    settings = {**SESSION, "idle_session_timeout": f"{SILENT_SECONDS:g}s"}
    async with refused_by_name(sent=False):
        connection = await asyncpg.connect(
            dsn, timeout=ANSWER_SECONDS, command_timeout=ANSWER_SECONDS, server_settings=settings
        )
    try:
        async with refused_by_name(sent=False):
            while not await connection.fetchval(TAKE_LOCK):
                waiting()
                await sleep(STANDBY_SECONDS)

        async def beat() -> None:
            """Show the database that we are there."""
            async with refused_by_name(sent=False):
                await connection.execute("select 1")

        async with beating(beat, sleep, BEAT_SECONDS, "webhooks' office"):
            yield
    finally:
        # Not closed in order: that would wait for a database that may be silent, and there is nothing to tell it.
        connection.terminate()
