"""Waits that end: a client of Kafka may never answer, nor let itself be stopped."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeVar

from aiokafka import errors as kafka

from interlock.bus.errors import BusError, KafkaAway, KafkaRefuses, RecordTooLarge, TopicMissing

T = TypeVar("T")

BURIAL_SECONDS: Final = 15.0

_log = logging.getLogger(__name__)
_REFUSALS: Final = (
    kafka.TopicAuthorizationFailedError,
    kafka.GroupAuthorizationFailedError,
    kafka.ClusterAuthorizationFailedError,
    kafka.AuthenticationFailedError,
    kafka.SaslAuthenticationFailed,
    kafka.UnsupportedSaslMechanismError,
)


@contextmanager
def refused_by_name() -> Iterator[None]:
    """Turn what aiokafka raises into the bus's own errors."""
    try:
        yield
    except BusError:
        raise
    except _REFUSALS as refusal:
        raise KafkaRefuses(_said(refusal)) from refusal
    except (kafka.MessageSizeTooLargeError, kafka.RecordListTooLargeError) as large:
        raise RecordTooLarge(_said(large)) from large
    except kafka.UnknownTopicOrPartitionError as missing:
        raise TopicMissing(_said(missing)) from missing
    except (kafka.KafkaError, OSError, TimeoutError) as away:
        raise KafkaAway(_said(away)) from away


def _said(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


async def within(seconds: float, work: Coroutine[Any, Any, T] | asyncio.Future[T]) -> T:
    """Return what `work` comes to. Raises KafkaAway after `seconds`, and does not wait for it to let go.

    `asyncio.wait_for` would: it cancels, and then waits until the cancelled one has ended, which a client with a
    silent broker may never do.
    """
    task = asyncio.ensure_future(work)
    try:
        done, _ = await asyncio.wait({task}, timeout=seconds)
    except asyncio.CancelledError:
        leave(task)
        raise
    if not done:
        leave(task)
        raise KafkaAway(f"no answer within {seconds:g} s")
    with refused_by_name():
        return task.result()


def leave(task: asyncio.Future[Any]) -> None:
    """Cancel a task, and look at its end whenever that comes, so that nobody misses it."""
    task.cancel()
    task.add_done_callback(_looked_at)


def _looked_at(task: asyncio.Future[Any]) -> None:
    if not task.cancelled():
        task.exception()


class Graveyard:
    """Clients that are given up: each is stopped in the background, and let go where it does not end."""

    def __init__(self, seconds: float = BURIAL_SECONDS) -> None:
        """Wait at most `seconds` for each."""
        self._seconds = seconds
        self._buried: set[asyncio.Task[None]] = set()

    async def start(self, seconds: float, start: Awaitable[Any], stop: Callable[[], Awaitable[Any]]) -> None:
        """Start a client, or bury it. Raises KafkaAway after `seconds`, and what the start comes to.

        A start is not cancelled half way, which would leave its connection open; it is stopped when it is done.
        """
        starting = asyncio.ensure_future(start)

        async def stop_after() -> None:
            try:
                await asyncio.wait({starting})
            finally:
                leave(starting)
            await stop()

        try:
            done, _ = await asyncio.wait({starting}, timeout=seconds)
            if not done:
                raise KafkaAway(f"no answer within {seconds:g} s")
            with refused_by_name():
                starting.result()
        except BaseException:
            self.bury(stop_after)
            raise

    def bury(self, stop: Callable[[], Awaitable[Any]]) -> None:
        """Begin to stop a client, and return at once."""
        task = asyncio.create_task(self._stopped(stop), name="bury a Kafka client")
        self._buried.add(task)
        task.add_done_callback(self._buried.discard)

    async def _stopped(self, stop: Callable[[], Awaitable[Any]]) -> None:
        task = asyncio.ensure_future(stop())
        try:
            await asyncio.wait({task}, timeout=self._seconds)
        finally:
            if not task.done():
                _log.info("a Kafka client did not stop within %g s, and is let go", self._seconds)
            leave(task)

    async def close(self, seconds: float) -> None:
        """Wait for those that are being stopped, at most `seconds` together."""
        if self._buried:
            await asyncio.wait(self._buried, timeout=seconds)
        for task in tuple(self._buried):
            leave(task)
