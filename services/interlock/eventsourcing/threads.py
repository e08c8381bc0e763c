"""An event loop in a thread of its own: applications of the library are synchronous, the ledger is not."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any, Final, TypeVar

from eventsourcing.persistence import InterfaceError, OperationalError

T = TypeVar("T")

STOP_SECONDS: Final = 30.0


class LoopThread:
    """Runs coroutines for other threads. A daemon: an application that is never closed keeps no process alive."""

    def __init__(self, name: str) -> None:
        """Start it."""
        self._loop = asyncio.new_event_loop()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def soon(self, function: Callable[..., object], *arguments: object) -> None:
        """Call it in the loop, soon. Raises InterfaceError once closed."""
        if self._closed:
            raise InterfaceError("the application is closed")
        try:
            self._loop.call_soon_threadsafe(function, *arguments)
        except RuntimeError as closed:
            raise InterfaceError("the application is closed") from closed

    def call(self, work: Callable[[], Coroutine[Any, Any, T]], seconds: float) -> T:
        """Return what the coroutine returns. Raises InterfaceError once closed, OperationalError after `seconds`."""
        if self._closed:
            raise InterfaceError("the application is closed")
        return waited_for(asyncio.run_coroutine_threadsafe(work(), self._loop), seconds)

    def stop(self, last: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run `last`, then end the loop and the thread, in STOP_SECONDS each at most."""
        if threading.current_thread() is self._thread:
            # The garbage collector runs in any thread, and what it closes may be this very one's.
            self.abandon(last)
        if self._closed:
            return
        self._closed = True
        try:
            waited_for(asyncio.run_coroutine_threadsafe(last(), self._loop), STOP_SECONDS)
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(STOP_SECONDS)

    def abandon(self, last: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """As `stop`, for whoever may not wait: an application that was forgotten, not closed."""
        if not self._closed:
            self._closed = True
            future = asyncio.run_coroutine_threadsafe(last(), self._loop)
            future.add_done_callback(lambda _done: self._loop.call_soon_threadsafe(self._loop.stop))

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_forever()
            left = asyncio.all_tasks(self._loop)
            for task in left:
                task.cancel()
            self._loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        finally:
            self._loop.close()


def waited_for(future: Future[T], seconds: float) -> T:
    """Return its result, or raise its error; OperationalError after `seconds`, which nobody should ever see."""
    try:
        return future.result(seconds)
    except TimeoutError:
        if future.done():
            raise
        future.cancel()
        raise OperationalError(f"no answer within {seconds:g} s; the outcome is unknown") from None
