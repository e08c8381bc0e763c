"""The parts that keep read models at work, with people who read all the while and a log that grows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

from interlock.feed import LedgerFeed
from interlock.ledger import Ledger, LedgerUnavailable
from interlock.projections import PROJECTIONS, Projection
from interlock.projector import Projector, Rebuild, Rebuilder
from tests.feed.feeds import sleep
from tests.projector.growing import READERS, Growing, Reader

# Only against hangs: on a machine with much else to do, a rebuild under load takes its minutes.
HANGS_SECONDS = 400
NAMES = [projection.name for projection in PROJECTIONS]


@asynccontextmanager
async def keeping(
    ledger: Ledger, *projections: Projection, alarm: Any = None
) -> AsyncIterator[tuple[Projector, Rebuilder]]:
    """Projector and rebuilder at work, as in a server."""
    projections = projections or PROJECTIONS
    async with LedgerFeed(ledger, sleep) as feed:
        more = {"alarm": alarm} if alarm else {}
        projector = Projector(ledger.connection, feed, projections, sleep=sleep, ledger=feed, **more)
        await projector.prepare()
        rebuilder = Rebuilder(ledger.connection, feed, projections, sleep=sleep, ledger=feed, renewed=projector.renewed)
        tasks = [asyncio.create_task(work()) for work in (projector.run, rebuilder.run)]
        try:
            yield projector, rebuilder
        finally:
            for task in tasks:
                task.cancel()
            for ended in await asyncio.gather(*tasks, return_exceptions=True):
                assert isinstance(ended, asyncio.CancelledError), ended


@asynccontextmanager
async def load(ledger: Ledger, growing: Growing) -> AsyncIterator[list[Reader]]:
    """Readers and a writer at work all the while; what one of them finds wrong is raised at the end."""
    until = asyncio.Event()
    readers = [Reader(ledger) for _ in range(READERS)]
    async with asyncio.TaskGroup() as tasks:
        for reader in readers:
            tasks.create_task(reader.read(until))
        tasks.create_task(growing.keep_growing(until))
        try:
            yield readers
        finally:
            until.set()


async def happens(condition: Callable[[], Awaitable[bool]]) -> None:
    """Return when it is so; the deadline is against hangs only."""
    async with asyncio.timeout(HANGS_SECONDS):
        while True:
            if await condition():
                return
            await asyncio.sleep(0.01)


async def asked(rebuilder: Rebuilder, name: str) -> bool:
    """Ask, and again under the same key where something else is just taking over, as a client does."""
    key = uuid4()
    async with asyncio.timeout(HANGS_SECONDS):
        while True:
            try:
                return await rebuilder.ask(name, by="admin-1", key=key)
            except LedgerUnavailable:
                await asyncio.sleep(0.05)


async def over(rebuilder: Rebuilder, *names: str) -> list[Rebuild]:
    async with asyncio.timeout(HANGS_SECONDS):
        while True:
            found = [one for one in await rebuilder.told() if one.name in names]
            if len(found) == len(names) and all(one.ended_at for one in found):
                return found
            await asyncio.sleep(0.05)
