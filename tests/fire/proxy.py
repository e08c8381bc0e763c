"""A TCP proxy that loses, holds, delays and cuts, each way by itself and to the byte: `up` is towards the server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

HOST = "127.0.0.1"
PIECE_BYTES = 65_536


class Cut(Exception):
    """this connection is cut here"""


@dataclass
class Way:
    """One direction. `lost`: what comes is thrown away. `cut_after`: so many bytes pass, then their connection ends.

    `delay` is in seconds, for each piece; while `hold` is on, nothing passes and nothing is lost.
    """

    lost: bool = False
    delay: float = 0.0
    cut_after: int | None = None
    cuts: int = 0
    passing: asyncio.Event = field(default_factory=asyncio.Event)

    def hold(self, *, on: bool) -> None:
        (self.passing.clear if on else self.passing.set)()

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while words := await reader.read(PIECE_BYTES):
            await self.passing.wait()
            if self.delay:
                await asyncio.sleep(self.delay)
            if self.lost:
                continue
            if self.cut_after is not None:
                rest, self.cut_after = self.cut_after - len(words), max(0, self.cut_after - len(words))
                if rest < 0:
                    writer.write(words[:rest])
                    await writer.drain()
                    self.cut_after, self.cuts = None, self.cuts + 1
                    raise Cut
            writer.write(words)
            await writer.drain()
        raise Cut


@dataclass
class Proxy:
    """Listens at `port`. `refusing`: new connections are cut at once."""

    target: Path | tuple[str, int]
    port: int = 0
    up: Way = field(default_factory=Way)
    down: Way = field(default_factory=Way)
    refusing: bool = False
    connections: set[asyncio.Task[None]] = field(default_factory=set)

    def dsn(self, dsn: str) -> str:
        """The address of a database by this proxy."""
        return f"{dsn.partition('@/')[0]}@{HOST}:{self.port}/{dsn.partition('@/')[2].partition('?')[0]}?sslmode=disable"

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    def black_hole(self, *, on: bool) -> None:
        """Let nobody hear anything any more; connections stay open, as behind a switch that fell out."""
        self.up.lost = self.down.lost = on

    def hang_up(self) -> None:
        """Cut all connections that there are."""
        for task in tuple(self.connections):
            task.cancel()

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.connections.add(task)
        far: asyncio.StreamWriter | None = None
        try:
            if not self.refusing:
                far_reader, far = await self._connect()
                async with asyncio.TaskGroup() as both:
                    both.create_task(self.up.carry(reader, far))
                    both.create_task(self.down.carry(far_reader, writer))
        except* (Cut, OSError, asyncio.CancelledError):
            pass
        finally:
            self.connections.discard(task)
            for one in (writer, far):
                if one is not None:
                    # What was let through is still sent; then the other end hears that it is over.
                    one.close()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if isinstance(self.target, Path):
            return await asyncio.open_unix_connection(self.target)
        return await asyncio.open_connection(*self.target)


def socket_of(dsn: str) -> Path:
    """The socket of the embedded server that a DSN leads to."""
    return Path(dsn.partition("host=")[2].partition("&")[0]) / ".s.PGSQL.5432"


@asynccontextmanager
async def proxy_to(target: Path | tuple[str, int]) -> AsyncIterator[Proxy]:
    """A proxy before `target`, which need not be there yet."""
    made = Proxy(target)
    for way in (made.up, made.down):
        way.hold(on=False)
    server = await asyncio.start_server(made.connected, HOST, 0)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()
        made.hang_up()
        with suppress(asyncio.CancelledError):
            await asyncio.gather(*made.connections, return_exceptions=True)
