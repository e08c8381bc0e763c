"""Projectors over Kafka, each killed at a later statement than the one before, until one gets through.

python -m tests.projector.killed DSN SERVERS TOPIC PROJECT POSITION

Each is a fork of this process, so that only the first one pays for the imports. Prints how many were killed.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from typing import Any

from interlock.bus import KafkaAddress
from interlock.feed.from_kafka import KafkaFeed
from interlock.ledger import Ledger
from interlock.projector import Projector
from interlock.projector.bookmarks import KeptBookmarks
from tests.feed.feeds import sleep

STATEMENTS = {"copy_records_to_table", "execute", "executemany", "fetch", "fetchrow", "fetchval"}


class Counting:
    """A connection that lets the process die before its `last` statement, or between it and the commit."""

    def __init__(self, connection: Any, budget: list[int]) -> None:
        self._connection = connection
        self._budget = budget

    def _spend(self) -> None:
        self._budget[0] -= 1
        if self._budget[0] < 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._connection, name)
        if name not in STATEMENTS:
            return found

        async def counted(*arguments: Any, **how: Any) -> Any:
            self._spend()
            return await found(*arguments, **how)

        return counted

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[None]:
        async with self._connection.transaction():
            yield
            self._spend()


async def project(dsn: str, servers: str, topic: str, name: str, position: int, budget: list[int]) -> None:
    ledger = await Ledger.open(dsn)

    @asynccontextmanager
    async def connect() -> AsyncIterator[Any]:
        async with ledger.connection() as connection:
            yield Counting(connection, budget)

    kept = KeptBookmarks(connect)
    await kept.prepare()
    feed = KafkaFeed(KafkaAddress(servers), sleep, time.monotonic, topic=topic, bookmarks=kept)
    projector = Projector(connect, feed, sleep=sleep)
    await projector.prepare()
    async with feed:
        running = asyncio.create_task(projector.run())
        while await projector.wait_for(name, position, 1) < position:
            pass
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    await ledger.close()


def main(dsn: str, servers: str, topic: str, name: str, position: str) -> None:
    for killed in count():
        child = os.fork()
        if child == 0:
            asyncio.run(project(dsn, servers, topic, name, int(position), [killed + 1]))
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if os.waitstatus_to_exitcode(status) != -signal.SIGKILL:
            print(killed, os.waitstatus_to_exitcode(status), flush=True)
            return


if __name__ == "__main__":
    main(*sys.argv[1:])
