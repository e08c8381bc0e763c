"""A bounded number of connections, lent to one user at a time; lending one that lies idle waits for nothing.

asyncpg's own pool starts two tasks for each loan, which costs as much as a whole round trip to the database: 80 µs of a
processor, measured, and everything that is asked of the ledger borrows a connection.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

import asyncpg

CONNECTIONS_MAX: Final = 10
IDLE_SECONDS: Final = 300.0

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"


class Pool:
    """The connections of one ledger; `connect` makes one that is ready to be used. Lives in one event loop."""

    def __init__(self, connect: Callable[[], Awaitable[Connection]], *, acquire_timeout: float) -> None:
        """Connect to nothing yet; `acquire_timeout` (seconds) bounds the wait for a connection."""
        self._connect = connect
        self._acquire_timeout = acquire_timeout
        self._idle: list[Connection] = []
        self._lent: set[Connection] = set()
        # Every connection that is idle, lent or being made has a place; who waits for one gets it with its connection.
        self._places = CONNECTIONS_MAX
        self._waiting: deque[asyncio.Future[Connection | None]] = deque()
        self._closed: asyncio.Future[None] | None = None
        # So many of the idle ones, the first ones, were not used since they were last looked through.
        self._unused = 0
        self._looking: asyncio.TimerHandle | None = None

    async def acquire(self) -> Connection:
        """Lend a connection. Raises InterfaceError once closed, TimeoutError, or what connecting raises."""
        self._must_be_open()
        connection = self._one_of_the_idle()
        if connection is None:
            async with asyncio.timeout(self._acquire_timeout):
                connection = await self._another()
        self._lent.add(connection)
        return connection

    def release(self, connection: Connection) -> None:
        """Take it back; one that is not in order is ended."""
        if connection not in self._lent:
            return
        self._lent.discard(connection)
        self._give(connection)
        if self._closed is not None and not self._lent and not self._closed.done():
            self._closed.set_result(None)

    async def close(self) -> None:
        """Return when all connections came back and are closed."""
        if self._closed is None:
            self._closed = asyncio.get_running_loop().create_future()
        if self._lent:
            await asyncio.shield(self._closed)
        self._stop_looking()
        idle, self._idle = self._idle, []
        await asyncio.gather(*(connection.close(timeout=self._acquire_timeout) for connection in idle))

    def terminate(self) -> None:
        """End all connections at once, also those that are lent."""
        if self._closed is None:
            self._closed = asyncio.get_running_loop().create_future()
        self._stop_looking()
        for connection in (*self._idle, *self._lent):
            connection.terminate()
        self._idle.clear()

    def _must_be_open(self) -> None:
        if self._closed is not None:
            raise asyncpg.InterfaceError("the ledger is closed")

    def _one_of_the_idle(self) -> Connection | None:
        """Return the one that was used last, so that those which are not needed grow old."""
        while self._idle:
            connection = self._idle.pop()
            self._unused = min(self._unused, len(self._idle))
            if not connection.is_closed():
                return connection
            self._places += 1
        return None

    async def _another(self) -> Connection:
        """Make one where there is a place, or wait for one."""
        connection = None
        if self._places:
            self._places -= 1
        else:
            waiter: asyncio.Future[Connection | None] = asyncio.get_running_loop().create_future()
            self._waiting.append(waiter)
            try:
                connection = await waiter
            except BaseException:
                if waiter.done() and not waiter.cancelled():
                    self._give(waiter.result())
                raise
        if connection is not None and not connection.is_closed():
            return connection
        try:
            self._must_be_open()
            return await self._connect()
        except BaseException:
            self._give(None)
            raise

    def _give(self, connection: Connection | None) -> None:
        """Give a place, with its connection where that is in order, to who waits longest; else keep it."""
        if connection is not None and not connection.is_closed() and connection.is_in_transaction():
            connection.terminate()
        if connection is not None and connection.is_closed():
            connection = None
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(connection)
                return
        if connection is None:
            self._places += 1
            return
        self._idle.append(connection)
        if self._looking is None and self._closed is None:
            self._look_later()

    def _look_later(self) -> None:
        self._unused = len(self._idle)
        self._looking = asyncio.get_running_loop().call_later(IDLE_SECONDS, self._end_unused)

    def _end_unused(self) -> None:
        """Close what nobody used for so long."""
        old, self._idle = self._idle[: self._unused], self._idle[self._unused :]
        self._places += len(old)
        for connection in old:
            connection.terminate()
        self._looking = None
        if self._idle:
            self._look_later()

    def _stop_looking(self) -> None:
        if self._looking is not None:
            self._looking.cancel()
            self._looking = None
