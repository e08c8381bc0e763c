"""Waits that end: a client of Kafka may never answer, nor let itself be stopped."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeVar

from aiokafka import errors as kafka

from interlock.bus.cut import cut, end_start, leave
from interlock.bus.errors import BusError, KafkaAway, KafkaRefuses, RecordTooLarge, TopicMissing

T = TypeVar("T")

BURIAL_SECONDS: Final = 15.0
# A member of a group that is given up while it joins says no goodbye: the next one waits until the broker has missed
# it, for aiokafka's session_timeout_ms of 10 s. With less patience, each would leave another such member behind.
JOIN_SECONDS: Final = 30.0

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


class Graveyard:
    """Clients that are given up: each is stopped in the background, and cut where that does not end."""

    def __init__(self, seconds: float = BURIAL_SECONDS) -> None:
        """Wait at most `seconds` for each."""
        self._seconds = seconds
        self._starting: dict[Any, asyncio.Task[None]] = {}
        self._buried: dict[Any, asyncio.Task[None]] = {}

    async def start(self, seconds: float, client: Any, *, closing: asyncio.Event | None = None) -> None:
        """Start a client, or bury it. Raises KafkaAway after `seconds` or at `closing`, and what the start comes to.

        It is not given the time to be done after all: a consumer would be given partitions that nobody reads then, and
        the next one would wait for it.
        """
        starting = self._starting[client] = asyncio.ensure_future(client.start())
        starting.add_done_callback(lambda _: self._starting.pop(client, None))
        told = asyncio.ensure_future((closing or asyncio.Event()).wait())
        try:
            await asyncio.wait({starting, told}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            if not starting.done():
                raise KafkaAway("it is not waited for any more" if told.done() else f"no answer within {seconds:g} s")
            with refused_by_name():
                starting.result()
        except BaseException:
            self.bury(client)
            raise
        finally:
            told.cancel()

    def bury(self, client: Any) -> None:
        """Begin to stop a client, and return at once. Twice is once."""
        if client not in self._buried:
            task = self._buried[client] = asyncio.create_task(self._stopped(client), name="bury a Kafka client")
            task.add_done_callback(lambda _: self._buried.pop(client, None))

    async def _stopped(self, client: Any) -> None:
        stopping = asyncio.ensure_future(_stop(client, self._starting.get(client)))
        try:
            await asyncio.wait({stopping}, timeout=self._seconds)
        finally:
            if not stopping.done():
                _log.info("a Kafka client did not stop within %g s, and is cut", self._seconds)
            leave(stopping)
            cut(client, self._starting.get(client))

    async def close(self, seconds: float) -> None:
        """Wait for those that are being stopped, at most `seconds` together; after that none of them is left."""
        if self._buried:
            await asyncio.wait(self._buried.values(), timeout=seconds)
        left = [*self._buried.values()]
        for task in left:
            # It waits for nothing any more, and cuts its client.
            leave(task)
        if left:
            # Meanwhile the loop comes by, and closes the sockets of what was cut.
            await asyncio.wait(left)


async def _stop(client: Any, starting: asyncio.Task[None] | None) -> None:
    if starting is not None:
        end_start(client, starting)
        await asyncio.wait({starting})
    # An administration's word for it is another one.
    await (client.stop if hasattr(client, "stop") else client.close)()
