"""A wire that can be cut: between a client and the server's socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Wire:
    """`cut_at_answer`: the server's next words are lost, with the connection, after so many that pass.

    `silent`: all words are lost.
    """

    dsn: str
    cut_at_answer: bool = False
    pass_answers: int = 0
    silent: bool = False
    tasks: set[asyncio.Task[None]] = field(default_factory=set)
    writers: list[asyncio.StreamWriter] = field(default_factory=list)

    def hang_up(self) -> None:
        """End the connections that there are; new ones are made."""
        for writer in self.writers:
            writer.close()
        self.writers.clear()

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, answers: bool) -> None:
        with suppress(OSError):
            while words := await reader.read(65536):
                if self.silent:
                    continue
                if answers and self.cut_at_answer:
                    if not self.pass_answers:
                        self.cut_at_answer = False
                        break
                    self.pass_answers -= 1
                writer.write(words)
                await writer.drain()
        writer.close()


@asynccontextmanager
async def wire_to(dsn: str, directory: Path) -> AsyncIterator[Wire]:
    """Put a wire before the server of `dsn`; its own address is the wire's `dsn`."""
    server_directory = dsn.partition("host=")[2].partition("&")[0]
    wire = Wire(dsn.replace(server_directory, str(directory)))

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        wire.writers.append(writer)
        far_reader, far_writer = await asyncio.open_unix_connection(f"{server_directory}/.s.PGSQL.5432")
        wire.writers.append(far_writer)
        for task in (
            asyncio.create_task(wire.carry(reader, far_writer, answers=False)),
            asyncio.create_task(wire.carry(far_reader, writer, answers=True)),
        ):
            wire.tasks.add(task)

    server = await asyncio.start_unix_server(connected, directory / ".s.PGSQL.5432")
    try:
        yield wire
    finally:
        server.close()
        for task in wire.tasks:
            task.cancel()
        await asyncio.gather(*wire.tasks, return_exceptions=True)
        for writer in wire.writers:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()
