"""A link to a server by TCP that can be cut in silence: nobody is told, words are just lost from then on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from infra.kafka.broker import HOST

PIECE_BYTES = 65_536


@dataclass
class Link:
    """`down`: what is said on it, in either direction, is kept from the other end until it is up again, or lost."""

    port: int
    target: int
    connections: set[asyncio.Task[None]] = field(default_factory=set)
    _up: asyncio.Event = field(default_factory=asyncio.Event)

    def cut(self) -> None:
        """Let nothing through any more; connections stay open, as behind a switch that fell out."""
        self._up.clear()

    def mend(self) -> None:
        """Let new connections through. Those from before are over: their words were lost."""
        for connection in tuple(self.connections):
            connection.cancel()
        self._up.set()

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.connections.add(task)
        far_writer: asyncio.StreamWriter | None = None
        try:
            await self._up.wait()
            far_reader, far_writer = await asyncio.open_connection(HOST, self.target)
            async with asyncio.TaskGroup() as both:
                both.create_task(self._carry(reader, far_writer))
                both.create_task(self._carry(far_reader, writer))
        except* (OSError, asyncio.CancelledError):
            pass
        finally:
            self.connections.discard(task)
            for one in (writer, far_writer):
                if one is not None:
                    one.transport.abort()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while words := await reader.read(PIECE_BYTES):
            await self._up.wait()
            writer.write(words)
            await writer.drain()
        # One direction that is over ends the other one.
        raise ConnectionResetError


@asynccontextmanager
async def link(port: int, target: int) -> AsyncIterator[Link]:
    """A link that listens on `port` and leads to `target`, both on this machine."""
    one = Link(port, target)
    one.mend()
    server = await asyncio.start_server(one.connected, HOST, port)
    try:
        yield one
    finally:
        server.close()
        for connection in tuple(one.connections):
            connection.cancel()
        with suppress(asyncio.CancelledError):
            await asyncio.gather(*one.connections, return_exceptions=True)
