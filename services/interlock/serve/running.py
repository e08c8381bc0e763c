"""Work that goes on beside the requests for as long as the process, and is said to have ended where it did."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

_LOG: Final = logging.getLogger("interlock.serve")


@asynccontextmanager
async def running(name: str, work: Callable[[], Awaitable[Any]], ended: dict[str, str]) -> AsyncIterator[None]:
    """Keep `work`, which never ends by itself, running for as long as the context; where it ends, `ended` says why.

    Commands are decided without it, so the process goes on, but it is not ready any more: `ended` is what its
    Readiness shows.
    """

    async def until_the_end() -> None:
        try:
            await work()
            ended[name] = "it ended"
        except Exception as reason:
            _LOG.exception("%s ended", name)
            ended[name] = f"it ended: {type(reason).__name__}: {reason}; start this server again"

    task = asyncio.create_task(until_the_end(), name=name)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
