"""HTTP/1.1 with deadlines: what arrives slowly, or not at all, is not held for ever.

uvicorn alone waits without limit for headers, for the rest of a request that was answered early, and for a reader
that takes nothing. (Bodies have their own deadline, where they are read.)
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from interlock.api.problems import MEDIA_TYPE, Problem, response_of
from interlock.serve.together import Together

HEADER_SECONDS: Final = 10.0
HEADER_BYTES_MAX: Final = 32 * 1024
KEEP_ALIVE_SECONDS: Final = 30
LAST_BYTES_SECONDS: Final = 10.0
SEND_SECONDS: Final = 60.0


class DeadlineProtocol(H11Protocol):
    """One connection. A request's headers are whole HEADER_SECONDS after it was opened, or after their first byte.

    Whatever is answered, its reader takes something of it within SEND_SECONDS, or loses the connection: otherwise it
    would hold the request, and what the request holds, for ever.
    """

    header_seconds: float = HEADER_SECONDS
    send_seconds: float = SEND_SECONDS
    rest_seconds: float = LAST_BYTES_SECONDS
    _headers_due: asyncio.TimerHandle | None = None
    _reader_due: asyncio.TimerHandle | None = None
    _together: Together

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Expect headers."""
        self._together = Together(transport, self.loop)
        super().connection_made(self._together)
        self._expect_headers()

    def data_received(self, data: bytes) -> None:
        """Take bytes; those that begin a request must be followed by the rest of its headers."""
        super().data_received(data)
        if not self._between_requests():
            self._forget_headers()
        elif self.conn.their_state is not h11.SEND_BODY and self.conn.trailing_data[0]:
            self._expect_headers()

    def on_response_complete(self) -> None:
        """Let the rest of a request that was answered before it was whole arrive, to be thrown away.

        A connection that is closed while something still comes takes the answer with it (RFC 9112, 9.6).
        """
        self._together.flush()
        answered = self.cycle
        super().on_response_complete()
        # Where the next request has begun, the body that is still to come is that one's.
        if self.cycle is answered and self.conn.their_state is h11.SEND_BODY:
            self.loop.call_later(self.rest_seconds, self._rest_missing, answered)
        elif not self._between_requests():
            self._forget_headers()
        elif self.conn.trailing_data[0]:
            # The beginning of the next request came along with the last one.
            self._expect_headers()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget what was expected."""
        self._forget_headers()
        self._forget_reader()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """Let whoever answers wait, for as long as a reader may."""
        super().pause_writing()
        if self._reader_due is None:
            self._reader_due = self.loop.call_later(self.send_seconds, self._together.abort)

    def resume_writing(self) -> None:
        """Go on: the reader has taken enough."""
        self._forget_reader()
        super().resume_writing()

    def timeout_keep_alive_handler(self) -> None:
        """Close an idle connection, also where its reader does not take what was sent."""
        super().timeout_keep_alive_handler()
        self._abort_later()

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP with a problem document, and end the connection."""
        self._refuse(Problem("malformed", msg, errors=[("request", msg)]))

    def _between_requests(self) -> bool:
        return self.cycle is None or self.cycle.response_complete  # type: ignore[redundant-expr]

    def _expect_headers(self) -> None:
        if self._headers_due is None:
            self._headers_due = self.loop.call_later(self.header_seconds, self._headers_missing)

    def _forget_headers(self) -> None:
        if self._headers_due is not None:
            self._headers_due.cancel()
            self._headers_due = None

    def _forget_reader(self) -> None:
        if self._reader_due is not None:
            self._reader_due.cancel()
            self._reader_due = None

    def _headers_missing(self) -> None:
        self._headers_due = None
        if self.transport.is_closing() or not self._between_requests():
            return
        what = f"the headers did not arrive within {self.header_seconds:g} s"
        self._refuse(Problem("too-slow", what, errors=[("request", what)]))

    def _rest_missing(self, cycle: object) -> None:
        if self.cycle is cycle and self.conn.their_state is h11.SEND_BODY:
            self._close()

    def _refuse(self, problem: Problem) -> None:
        body = bytes(response_of(problem).body)
        headers: Any = [
            (b"content-type", MEDIA_TYPE.encode()),
            (b"content-length", str(len(body)).encode()),
            (b"connection", b"close"),
        ]
        try:
            for event in (
                h11.Response(status_code=problem.kind.status, headers=headers),
                h11.Data(data=body),
                h11.EndOfMessage(),
            ):
                self.transport.write(self.conn.send(event))
        except h11.LocalProtocolError:
            pass  # An answer is already on its way: there is no place for another.
        self._close()

    def _close(self) -> None:
        self.transport.close()
        self._abort_later()

    def _abort_later(self) -> None:
        """What was written is sent first; a reader that does not take it loses it."""
        self.loop.call_later(LAST_BYTES_SECONDS, self.transport.abort)
