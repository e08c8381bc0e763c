"""Work that is ended in order when it is interrupted: by Ctrl-C, or by whoever ends `dt` politely."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")
# What a supervisor, a cancelled CI job or a terminal that goes away sends. Ctrl-C is asyncio's own.
POLITE = (signal.SIGTERM, signal.SIGHUP)


def in_order(work: Coroutine[Any, Any, T]) -> T:
    """Run the work; an interruption cancels it once, and raises KeyboardInterrupt when it has put things in order."""

    async def guarded() -> T:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        asked: list[signal.Signals] = []
        assert task is not None

        def stop(which: signal.Signals) -> None:
            # A second one is not waited for: the child is on a leash, and the lease expires.
            if asked:
                signal.signal(which, signal.SIG_DFL)
                signal.raise_signal(which)
            asked.append(which)
            task.cancel()

        for each in POLITE:
            loop.add_signal_handler(each, stop, each)
        try:
            return await work
        except asyncio.CancelledError:
            if asked:
                raise KeyboardInterrupt from None
            raise
        finally:
            for each in POLITE:
                loop.remove_signal_handler(each)

    return asyncio.run(guarded())
