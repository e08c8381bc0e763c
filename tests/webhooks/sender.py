"""A sender over a database, which looks often; also as a process: python -m tests.webhooks.sender DSN [--die]."""

from __future__ import annotations

import asyncio
import os
import signal
import ssl
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from interlock.desk import Desk
from interlock.endpoints import Endpoints, Messages, Rules, Waiting
from interlock.feed import LedgerFeed
from interlock.ledger import Ledger
from interlock.serve import seams
from interlock.webhooks import Webhooks
from interlock.webhooks.office import office
from interlock.webhooks.posting import Post

PAUSE_SECONDS = 0.02
# For endpoints that answer: whoever is slow on a busy machine is not told twice.
ANSWER_SECONDS = 30.0
# For those that never do.
HASTY_SECONDS = 0.5


async def often(seconds: float) -> None:
    await asyncio.sleep(min(seconds, PAUSE_SECONDS))


@asynccontextmanager
async def sender(
    dsn: str, *, seconds: float = ANSWER_SECONDS, **more: Any
) -> AsyncIterator[tuple[Webhooks, Ledger, Desk]]:
    """Lend a sender that does not run yet, with what it is built from; an endpoint has `seconds` for its answer."""
    ledger = await Ledger.open(dsn)
    desk = Desk(ledger, monotonic=seams.monotonic, event_ids=seams.event_id)
    rules = more.pop("rules", Rules(loopback=True))
    resolve = more.pop("resolve", seams.addresses)
    post = Post(rules, resolve, ssl.create_default_context(), seams.now, seconds, seconds)
    try:
        async with LedgerFeed(ledger, often) as feed:
            made = Webhooks(
                Endpoints(ledger), Messages(ledger), feed, desk, post, office=lambda told: office(dsn, often, told),
                sleep=often, chance=lambda: 0.5, **{"pause": lambda tries, chance: 0.05, **more},
            )  # fmt: skip
            yield made, ledger, desk
    finally:
        await desk.close()
        await ledger.close()


@asynccontextmanager
async def running(webhooks: Webhooks) -> AsyncIterator[None]:
    """Let it run meanwhile."""
    task = asyncio.create_task(webhooks.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def main(dsn: str, *, die: bool) -> None:
    async def killed(self: Messages, message: Waiting) -> None:
        """After the endpoint has it, and before that is stored."""
        del self, message
        os.kill(os.getpid(), signal.SIGKILL)

    if die:
        Messages.told = killed  # type: ignore[method-assign]
    async with sender(dsn) as (webhooks, _, _desk):
        await asyncio.wait_for(webhooks.run(), 60)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], die="--die" in sys.argv))
