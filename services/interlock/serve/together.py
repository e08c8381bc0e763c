"""A connection on which one answer's head and body leave together: each write is a call of the operating system."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any, Final

# What is larger gains nothing, and would only be copied.
TOGETHER_BYTES_MAX: Final = 64 * 1024

Piece = bytes | bytearray | memoryview


class Together(asyncio.Transport):
    """A transport that keeps what is written until `flush`, or until the loop's next turn: nothing waits longer."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        """Write to `transport`."""
        super().__init__()
        self._transport = transport
        self._loop = loop
        self._pieces: list[Piece] = []
        self._bytes = 0
        self._turn: asyncio.Handle | None = None

    def write(self, data: Piece) -> None:
        """Keep a piece; with TOGETHER_BYTES_MAX bytes and more, all is sent."""
        if not data:
            return
        self._pieces.append(data)
        self._bytes += len(data)
        if self._bytes >= TOGETHER_BYTES_MAX:
            self.flush()
        elif self._turn is None:
            self._turn = self._loop.call_soon(self.flush)

    def writelines(self, list_of_data: Iterable[Piece]) -> None:
        """Keep several pieces."""
        for data in list_of_data:
            self.write(data)

    def flush(self) -> None:
        """Send what is kept; on a connection that is over, nobody would read it."""
        if self._turn is not None:
            self._turn.cancel()
            self._turn = None
        pieces, self._pieces, self._bytes = self._pieces, [], 0
        if self._transport.is_closing():
            return
        if sum(map(len, pieces)) <= 2 * TOGETHER_BYTES_MAX:
            pieces = [b"".join(pieces)] if pieces else []
        for piece in pieces:
            self._transport.write(piece)

    def close(self) -> None:
        """Send what is kept, and close."""
        self.flush()
        self._transport.close()

    def abort(self) -> None:
        """Close at once; what is kept is lost."""
        self._pieces.clear()
        self._transport.abort()

    def is_closing(self) -> bool:
        """Tell whether the connection is closed, or about to be."""
        return self._transport.is_closing()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return what the connection knows of itself."""
        return self._transport.get_extra_info(name, default)

    def pause_reading(self) -> None:
        """Take nothing more from the other side."""
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Take again what comes from the other side."""
        self._transport.resume_reading()
