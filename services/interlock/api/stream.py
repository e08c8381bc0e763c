"""Server-Sent Events: one frame an event, a sign of life between them, an end when the server ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import suppress
from typing import Any, Final

from interlock.api.documents import event_document, json_bytes
from interlock.events.envelope import Recorded

# Proxies close a connection that is silent for a minute, clients of ours after 45 s.
HEARTBEAT_SECONDS: Final = 15.0
RETRY_MS: Final = 1_000

Pages = AsyncIterator[list[Recorded[Any]]]


async def frames(
    pages: Pages,
    stopping: asyncio.Event,
    *,
    event_type: str | None = None,
    stream: str | None = None,
    heartbeat: float = HEARTBEAT_SECONDS,
    may_read: Callable[[], Awaitable[bool]],
) -> AsyncGenerator[bytes, None]:
    """Yield frames of the events in `pages`; end when `stopping` is set, the pages end, or the reader may no more.

    An event whose frame did not arrive is asked for again by its reader, whose Last-Event-ID is the one before. What
    is filtered out still moves that id on, at the page's end.
    """
    stopped = asyncio.ensure_future(stopping.wait())
    page: asyncio.Future[list[Recorded[Any]] | None] = asyncio.ensure_future(_next(pages))
    try:
        yield f"retry: {RETRY_MS}\n\n".encode()
        while True:
            either: set[asyncio.Future[Any]] = {page, stopped}
            await asyncio.wait(either, timeout=heartbeat, return_when=asyncio.FIRST_COMPLETED)
            # What is read is looked at before the reader is: a token that was revoked or expired reads nothing that
            # was recorded after that.
            arrived = page.done()
            if stopped.done() or not await may_read():
                return
            if not arrived:
                yield b": alive\n\n"
                continue
            events = page.result()
            if events is None:
                return
            page = asyncio.ensure_future(_next(pages))
            if events:
                yield _frames_of(events, event_type, stream)
    finally:
        for task in (page, stopped):
            task.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await task
        close = getattr(pages, "aclose", None)
        if close is not None:
            await close()


def _frames_of(events: list[Recorded[Any]], event_type: str | None, stream: str | None) -> bytes:
    made = bytearray()
    told = 0
    for recorded in events:
        if event_type in {None, recorded.type} and stream in {None, recorded.stream}:
            document = json_bytes(event_document(recorded))
            made += b"id: %d\nevent: %b\ndata: %b\n\n" % (recorded.position, recorded.type.encode(), document)
            told = recorded.position
    if told != events[-1].position:
        made += b"id: %d\n\n" % events[-1].position
    return bytes(made)


async def _next(pages: Pages) -> list[Recorded[Any]] | None:
    return await anext(pages, None)
