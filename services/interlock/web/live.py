"""What happens, while it happens: one stream a browser, which says that something is new and never what to think of it.

A page that hears of a position asks for itself again; so what is shown is always an answer of the API, and a message
that was lost costs nothing but time. Events are `happened` (`id` is the position), `clock` (what time it is here, and
that somebody is there), and `over` (whoever looked is not signed in any more).
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import suppress
from typing import Any, Final

import orjson
from starlette.responses import Response, StreamingResponse
from starlette.types import Scope

from interlock.identity import SignedIn
from interlock.web.asked import parameters, refused
from interlock.web.asking import Asker, NotAnswered

# A browser has one; some have no SharedWorker and so one a tab. More than that is a mistake, or worse.
STREAMS_PER_SESSION_MAX: Final = 40
RETRY_MS: Final = 1_000
CLOCK_SECONDS: Final = 15.0
# A test clock stands still until somebody sets it: whoever looks should see that soon.
TEST_CLOCK_SECONDS: Final = 1.0

Still = Callable[[], Awaitable[bool]]


class Live:
    """The streams that are open. They end when `stopping` is set, as the API's do."""

    def __init__(self, stopping: asyncio.Event) -> None:
        """Count from none."""
        self._stopping = stopping
        self._open: Counter[str] = Counter()

    async def response(self, scope: Scope, asker: Asker, project: str, still: Still) -> Response:
        """Return a stream from Last-Event-ID on, or from `after`, or from now. Raises NotAnswered.

        `still` tells whether the session is open: it is asked before anything is told.
        """
        query = parameters(scope["query_string"], frozenset({"after"}))
        me = await asker.get(f"/v1/{project}/whoami")
        assert asker.session is not None
        session = asker.session
        if self._open[session.session] >= STREAMS_PER_SESSION_MAX:
            raise refused(429, "Too many streams", f"this session has {STREAMS_PER_SESSION_MAX} open; close a tab")
        last = dict(scope["headers"]).get(b"last-event-id", b"").decode("latin-1") or query.get("after")
        hello = await self._clock(asker, project)
        chunks = asker.stream(f"/v1/{project}/events/stream", {"after": min_of(last, me["position"])})
        # What is wrong with the request is said before the stream begins.
        first = await anext(chunks)
        body = self._told(chunks, first, hello, asker, project, still, session)
        return StreamingResponse(body, media_type="text/event-stream", headers={"Cache-Control": "no-store"})

    async def _told(
        self,
        chunks: AsyncGenerator[bytes, None],
        first: bytes,
        hello: dict[str, Any],
        asker: Asker,
        project: str,
        still: Still,
        session: SignedIn,
    ) -> AsyncGenerator[bytes, None]:
        # Long: one loop over two futures, and its one end that gives both back.
        self._open[session.session] += 1
        rest = bytearray(first)
        following = asyncio.ensure_future(anext(chunks, None))
        ended = asyncio.ensure_future(session.ended.wait())
        try:
            yield b"retry: %d\n\n" % RETRY_MS
            yield _event("clock", {**hello, "streams": self._open[session.session]})
            tick = TEST_CLOCK_SECONDS if hello["test_clock"] else CLOCK_SECONDS
            shown, silent = hello, 0.0
            while True:
                either: set[asyncio.Future[Any]] = {following, ended}
                await asyncio.wait(either, timeout=tick, return_when=asyncio.FIRST_COMPLETED)
                if ended.done() or not await still():
                    yield _event("over", {})
                    return
                if not following.done():
                    shown, before, silent = await self._clock(asker, project), shown, silent + tick
                    # A clock that stands is told all the same now and then: it is the sign of life.
                    if shown != before or silent >= CLOCK_SECONDS:
                        silent = 0.0
                        yield _event("clock", shown)
                    continue
                chunk = following.result()
                if chunk is None:
                    if not self._stopping.is_set():
                        yield _event("over", {})
                    return
                following = asyncio.ensure_future(anext(chunks, None))
                rest += chunk
                whole, _, left = bytes(rest).rpartition(b"\n\n")
                rest = bytearray(left)
                told = b"".join(_happened(frame) for frame in whole.split(b"\n\n"))
                if told:
                    yield told
        except NotAnswered:
            yield _event("over", {})
        finally:
            self._open[session.session] -= 1
            if not self._open[session.session]:
                del self._open[session.session]
            for each in (following, ended):
                each.cancel()
                with suppress(asyncio.CancelledError, Exception):
                    await each
            await chunks.aclose()

    @staticmethod
    async def _clock(asker: Asker, project: str) -> dict[str, Any]:
        me = await asker.get(f"/v1/{project}/whoami")
        return {"now": me["now"], "position": me["position"], "test_clock": me["test_clock"]}


def min_of(last: str | None, head: int) -> str:
    """Return from where on to tell: what was seen last, or now, where nothing was or what is no position."""
    return last if last is not None and last.isascii() and last.isdigit() and len(last) <= 16 else str(head)


def _event(name: str, data: dict[str, Any]) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (name.encode(), orjson.dumps(data))


def _happened(frame: bytes) -> bytes:
    """Return one frame of the API's stream as pages hear it: where in the record, and about what."""
    lines = dict(line.split(b": ", 1) for line in frame.split(b"\n") if b": " in line and not line.startswith(b":"))
    if b"id" not in lines:
        return b""
    event = orjson.loads(lines[b"data"]) if b"data" in lines else {}
    data = {name: event[name] for name in ("position", "type", "stream", "by") if name in event}
    return b"id: %b\n%b" % (lines[b"id"], _event("happened", data or {"position": int(lines[b"id"])}))
