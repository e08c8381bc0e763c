"""Work that holds something by a session of the database: it is stopped where the session shows no life any more."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from interlock.events.seams import Sleep


@asynccontextmanager
async def beating(
    beat: Callable[[], Awaitable[object]], sleep: Sleep, seconds: float, name: str
) -> AsyncIterator[None]:
    """Call `beat` every so many seconds beside the work; where it fails, stop the work and raise what it raised."""
    lost: list[Exception] = []
    working = asyncio.current_task()
    assert working is not None

    async def beats() -> None:
        try:
            while True:
                await sleep(seconds)
                await beat()
        except Exception as error:
            lost.append(error)
            working.cancel()

    task = asyncio.create_task(beats(), name=name)
    try:
        yield
    except asyncio.CancelledError:
        # Ours, unless somebody else asked too: then that one counts.
        if lost and working.uncancel() == 0:
            raise lost[0] from None
        raise
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
