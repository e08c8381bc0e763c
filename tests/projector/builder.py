"""The parts that keep read models, run as a process that can be killed, over small pages: `python builder.py DSN`.

It ends at the end of its input.
"""

from __future__ import annotations

import asyncio
import sys

from interlock.feed import LedgerFeed, from_ledger
from interlock.ledger import Ledger
from interlock.projector import Projector, Rebuilder
from tests.feed.feeds import sleep

PAGE_EVENTS = 25


async def main(dsn: str) -> None:
    """Project and rebuild until standard input ends."""
    # A rebuild has many pages then, to be killed between.
    setattr(from_ledger, "PAGE_EVENTS_MAX", PAGE_EVENTS)  # noqa: B010 - it is a constant for everybody else
    ledger = await Ledger.open(dsn)
    async with LedgerFeed(ledger, sleep) as feed:
        projector = Projector(ledger.connection, feed, sleep=sleep, ledger=feed)
        await projector.prepare()
        rebuilder = Rebuilder(ledger.connection, feed, sleep=sleep, ledger=feed, renewed=projector.renewed)
        tasks = [asyncio.create_task(work()) for work in (projector.run, rebuilder.run)]
        await asyncio.to_thread(sys.stdin.read)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    await ledger.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
