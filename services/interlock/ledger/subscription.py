"""Who moved: LISTEN wakes a reader, the position it reads from tells it what is new."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Final, Protocol, Self

import asyncpg

from interlock.ledger.connections import LOST, SESSION

if TYPE_CHECKING:
    from types import TracebackType

CHANNEL: Final = "interlock"
WAIT_SECONDS: Final = 2.0


class Subscription(Protocol):
    """Who moved, as a reader asks for it (`Changes` is one)."""

    async def wait(self, seconds: float = WAIT_SECONDS) -> set[str]:
        """Return the projects that moved since the last call; empty after `seconds` without news."""

    async def close(self) -> None:
        """Stop; a waiting reader is woken and ends."""


class Changes:
    """The names of projects that moved, as `wait` or `async for`; several moves of one project may be one name.

    It hints and never promises: while the connection is away moves go unseen, so a reader also looks at
    `Ledger.heads` every few seconds. It reconnects by itself, at most once a WAIT_SECONDS.
    """

    def __init__(self, dsn: str, *, timeout: float) -> None:
        """Listen at `dsn`; connecting and probing take at most `timeout` seconds."""
        self._dsn = dsn
        self._timeout = timeout
        self._connection: asyncpg.Connection[asyncpg.Record] | None = None
        self._moved: set[str] = set()
        self._woken = asyncio.Event()
        self._closed = False

    async def start(self) -> bool:
        """Connect where no connection is; return whether one is there now."""
        if self._connection is not None and not self._connection.is_closed():
            return True
        try:
            connection = await asyncpg.connect(
                self._dsn, timeout=self._timeout, command_timeout=self._timeout, server_settings=SESSION
            )
        except (*LOST, asyncpg.PostgresError):
            return False
        try:
            connection.add_termination_listener(self._lost)
            await connection.add_listener(CHANNEL, self._notified)
        except (*LOST, asyncpg.PostgresError):
            connection.terminate()
            return False
        self._connection = connection
        return True

    async def wait(self, seconds: float = WAIT_SECONDS) -> set[str]:
        """Return the projects that moved since the last call; empty after `seconds` without news."""
        connected = await self.start()
        if not self._moved and not self._closed:
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._woken.wait()
            if connected and not self._moved:
                await self._probe()
        self._woken.clear()
        moved, self._moved = self._moved, set()
        return moved

    async def close(self) -> None:
        """Stop listening; a waiting reader is woken and ends."""
        self._closed = True
        self._woken.set()
        if self._connection is not None and not self._connection.is_closed():
            self._connection.remove_termination_listener(self._lost)
            with suppress(*LOST, asyncpg.PostgresError):
                await self._connection.close(timeout=self._timeout)

    def __aiter__(self) -> Self:
        """Iterate until closed."""
        return self

    async def __anext__(self) -> str:
        """Return the next project that moved."""
        while not self._closed:
            if self._moved:
                return self._moved.pop()
            self._moved |= await self.wait()
        raise StopAsyncIteration

    async def __aenter__(self) -> Self:
        """Connect, if the server is there."""
        await self.start()
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        """Stop listening."""
        await self.close()

    async def _probe(self) -> None:
        """Notice a connection whose other end is gone without a word."""
        if self._connection is not None and not self._connection.is_closed():
            try:
                await self._connection.execute("select")
            except (*LOST, asyncpg.PostgresError):
                self._connection.terminate()

    def _notified(self, _connection: object, _pid: int, _channel: str, project: object) -> None:
        self._moved.add(str(project))
        self._woken.set()

    def _lost(self, _connection: object) -> None:
        # Whatever moved meanwhile goes unseen here; waking the reader lets it look for itself.
        self._woken.set()
