"""Who publishes: one relay at a time, by a lock of its database session, and a number that rises with each.

A relay that was stopped, cut off or killed leaves its records where they are. The next one has a higher generation,
and what the old one still stores is refused; what it still sends are repetitions by position.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

import asyncpg

from interlock.events.seams import MonotonicClock, Sleep
from interlock.ledger.beating import beating
from interlock.ledger.connections import SESSION, refused_by_name
from interlock.relay import cursors
from interlock.relay.cursors import Published

# A holder of the lock beats every BEAT_SECONDS; one that was silent for SILENT_SECONDS is put out by who waits.
BEAT_SECONDS: Final = 1.0
SILENT_SECONDS: Final = 8.0
# Before it sends, a relay must have been confirmed so lately: one that was frozen asks first.
CONFIRMED_SECONDS: Final = 2.0
STANDBY_SECONDS: Final = 1.0
ANSWER_SECONDS: Final = 5.0

_log = logging.getLogger(__name__)


class Superseded(Exception):
    """another relay publishes now, with a higher generation"""


class Tenure:
    """One relay's time in office: its generation, and the only way to store how far it is."""

    def __init__(self, connection: Any, topic: str, generation: int, monotonic: MonotonicClock) -> None:
        """Hold the office of `topic` by the session of `connection`."""
        self._connection = connection
        self._topic = topic
        self._monotonic = monotonic
        self._one_at_a_time = asyncio.Lock()
        self._confirmed = monotonic()
        self.generation = generation
        self.cluster = ""

    async def enter_cluster(self, cluster: str) -> dict[str, Published]:
        """Publish to `cluster` from now on; return how far each project is there. Raises Superseded, LedgerError."""
        await self._as_holder(cursors.NAME_CLUSTER, cluster)
        self.cluster = cluster
        async with self._one_at_a_time, refused_by_name(sent=False):
            return await cursors.read(self._connection, cluster, self._topic)

    async def store(self, published: Sequence[tuple[str, Published]]) -> None:
        """Store how far projects are. Raises Superseded, LedgerError.

        A crash before this leaves the old positions, and what was sent is sent again: repeated, never lost.
        """
        await self._as_holder(cursors.STORE, self.cluster, *cursors.columns(published))

    async def confirm(self) -> None:
        """Make sure that we are still in office, unless that is known from just now. Raises Superseded, LedgerError."""
        if self._monotonic() - self._confirmed > CONFIRMED_SECONDS:
            await self.beat()

    async def beat(self) -> None:
        """Tell who waits that we are there. Raises Superseded, LedgerError."""
        await self._as_holder(cursors.BEAT)

    async def _as_holder(self, statement: str, *arguments: Any) -> None:
        async with self._one_at_a_time:
            asked = self._monotonic()
            async with refused_by_name(sent=False):
                row = await self._connection.fetchval(statement, self._topic, self.generation, *arguments)
            if row is None:
                raise Superseded(f"generation {self.generation} is over")
            self._confirmed = asked


class Office:
    """Waits for the office of a topic, and holds it."""

    def __init__(
        self,
        dsn: str,
        topic: str,
        *,
        sleep: Sleep,
        monotonic: MonotonicClock,
        silent_seconds: float = SILENT_SECONDS,
    ) -> None:
        """Hold it in the database at `dsn`; a holder that was silent for `silent_seconds` is put out."""
        self._dsn = dsn
        self._topic = topic
        self._sleep = sleep
        self._monotonic = monotonic
        self._silent_seconds = silent_seconds

    @asynccontextmanager
    async def held(self, waiting: Callable[[], None] = lambda: None) -> AsyncIterator[Tenure]:
        """Wait until nobody else publishes, then lend the office. Raises LedgerError, and Superseded where it is lost.

        `waiting` is called whenever somebody else was found to publish. A crash gives the office up with its
        connection; a frozen holder keeps its connection, and is put out after a while.
        """
        async with refused_by_name(sent=False):
            connection = await asyncpg.connect(
                self._dsn, timeout=ANSWER_SECONDS, command_timeout=ANSWER_SECONDS, server_settings=SESSION
            )
        try:
            async with refused_by_name(sent=False):
                await cursors.prepare(connection)
                while not await connection.fetchval(cursors.TAKE_LOCK, self._topic):
                    waiting()
                    for _ in await connection.fetch(cursors.END_SILENT, self._topic, self._silent_seconds):
                        _log.warning("a relay was silent for %g s, and is put out", self._silent_seconds)
                    await self._sleep(STANDBY_SECONDS)
                generation = await connection.fetchval(cursors.ENTER, self._topic)
            tenure = Tenure(connection, self._topic, generation, self._monotonic)
            async with beating(tenure.beat, self._sleep, BEAT_SECONDS, "relay's office"):
                yield tenure
        finally:
            # Not closed in order: that would wait for a database that may be silent, and there is nothing to tell it.
            connection.terminate()
