"""One history, and the ways by which read models are built from it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from interlock.events.envelope import Recorded
from interlock.feed import LedgerFeed
from interlock.feed.from_kafka import KafkaFeed
from interlock.ledger import Ledger
from interlock.projections import PROJECTIONS, Projection
from interlock.projector import Projector
from interlock.projector.bookmarks import KeptBookmarks
from interlock.projector.digests import digest_of_tables
from tests.feed.feeds import rows, sleep
from tests.feed.published import Published
from tests.fixtures.postgres import PostgresServer

DEADLINE_SECONDS = 100


@dataclass
class Built:
    """Read models in a database of their own, and the projector that keeps them."""

    ledger: Ledger
    projector: Projector
    alarms: list[str]
    feed: Any = None

    async def at(self, project: str, position: int) -> str:
        """The digest of all tables, as soon as every projection is at `position`."""
        reached = 0
        async with asyncio.timeout(DEADLINE_SECONDS):
            while reached != position:
                reached = await self.projector.wait_for(project, position, 1)
                stopped = [each for each in self.projector.status() if each.stopped_because is not None]
                assert not stopped, stopped
        async with self.ledger.connection() as connection:
            return await digest_of_tables(connection, PROJECTIONS, project)


async def append(ledger: Ledger, project: str, events: list[Recorded[Any]]) -> None:
    """Append a whole history, letting the test clock go along with it."""
    for at, batch in groupby(events, lambda event: event.recorded_at):
        await ledger.set_test_clock(at)
        await ledger.append(project, rows(list(batch)))


def fresh_ledgers(server: PostgresServer, *, test: bool = False) -> Any:
    """A context that opens ledgers in fresh databases: `async with … as open: ledger = await open()`."""

    @asynccontextmanager
    async def opened() -> AsyncIterator[Callable[[], Any]]:
        async with AsyncExitStack() as stack:

            async def one(*, test: bool = test) -> Ledger:
                dsns = stack.enter_context(server.database(test=test))
                ledger = await Ledger.open(dsns.app)
                stack.push_async_callback(ledger.close)
                return ledger

            yield one

    return opened()


@asynccontextmanager
async def projecting(
    ledger: Ledger, feed: Any, *, source: Any = None, projections: tuple[Projection, ...] = PROJECTIONS
) -> AsyncIterator[Built]:
    """A projector over `feed`, writing into the database of `ledger`."""
    alarms: list[str] = []
    projector = Projector(ledger.connection, feed, projections, sleep=sleep, ledger=source, alarm=alarms.append)
    await projector.prepare()
    running = asyncio.create_task(projector.run())
    try:
        yield Built(ledger, projector, alarms, feed)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


@asynccontextmanager
async def from_the_ledger(read: Ledger, source: Ledger) -> AsyncIterator[Built]:
    async with LedgerFeed(source, sleep) as feed, projecting(read, feed) as built:
        yield built


@asynccontextmanager
async def from_kafka(
    read: Ledger, topic: Published, *, group: str | None = None, source: Any = None, bookmarks: bool = True
) -> AsyncIterator[Built]:
    kept = KeptBookmarks(read.connection) if bookmarks else None
    if kept is not None:
        await kept.prepare()
    feed = KafkaFeed(topic.address, sleep, time.monotonic, topic=topic.topic, group=group, bookmarks=kept)
    async with feed, projecting(read, feed, source=source) as built:
        yield built


def in_pieces(events: list[Recorded[Any]], size: int) -> Iterator[list[Recorded[Any]]]:
    for start in range(0, len(events), size):
        yield events[start : start + size]
