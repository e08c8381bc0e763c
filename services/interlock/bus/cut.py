"""The end of a client of Kafka that is given up: at once, without asking the broker, with nothing of it left behind.

Its own `stop` waits for its tasks, for what they send and for the connections; with a silent broker each of them may
wait for ever. What is left to the garbage collector instead keeps its sockets until that comes by.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any, Final

from aiokafka.conn import AIOKafkaConnection, CloseReason

# What a producer, a consumer or an administration consists of, under the names that aiokafka gives them.
_PARTS: Final = ("client", "_client", "_sender", "_coordinator", "_fetcher")


class _Cut(dict[Any, Any]):
    """The connections of a client that was cut: what is still being made is closed as it comes in."""

    def __setitem__(self, key: Any, connection: Any) -> None:
        super().__setitem__(key, connection)
        _hang_up(connection)


def leave(task: asyncio.Future[Any]) -> None:
    """Cancel a task, and look at its end whenever that comes, so that nobody misses it."""
    task.cancel()
    task.add_done_callback(_looked_at)


def _looked_at(task: asyncio.Future[Any]) -> None:
    if not task.cancelled():
        task.exception()


def cut(client: Any, starting: asyncio.Task[Any] | None = None) -> None:
    """End a client's tasks and hang up, without waiting: its sockets are closed when the loop comes by next.

    `starting` is its start, where that may not be done yet.
    """
    client._closed = True  # noqa: SLF001 - else it says, when it is collected, that it was forgotten
    if starting is not None:
        end_start(client, starting)
    parts = _parts_of(client)
    for task in [task for part in parts for task in _tasks_of(part)]:
        leave(task)
    for part in parts:
        if hasattr(part, "_conns"):
            made, part._conns = part._conns, _Cut()  # noqa: SLF001 - there is no public way to them
            for connection in made.values():
                _hang_up(connection)


def end_start(client: Any, starting: asyncio.Task[Any]) -> None:
    """Cancel a client's start; its first connection, which is known to nobody else, is closed with it."""
    known = [connection for part in _parts_of(client) for connection in getattr(part, "_conns", {}).values()]
    made = list(_being_made(starting.get_coro()))
    leave(starting)
    for connection in made:
        if connection not in known:
            _hang_up(connection)


def _parts_of(client: Any) -> list[Any]:
    return [part for name in _PARTS if (part := getattr(client, name, None)) is not None]


def _tasks_of(part: Any) -> Iterator[asyncio.Task[Any]]:
    for value in vars(part).values():
        for one in tuple(value) if isinstance(value, set) else (value,):
            if isinstance(one, asyncio.Task):
                yield one


def _being_made(coroutine: Any) -> Iterator[AIOKafkaConnection]:
    """The connections that are variables of a start that waits, or of what it waits for."""
    while (frame := getattr(coroutine, "cr_frame", None)) is not None:
        yield from (value for value in frame.f_locals.values() if isinstance(value, AIOKafkaConnection))
        coroutine = coroutine.cr_await


def _hang_up(connection: Any) -> None:
    """Close the socket, also where what was written cannot be sent any more, and end those who wait for an answer."""
    transport = connection._protocol and connection._protocol._transport  # noqa: SLF001 - as above
    # Cancelled rather than failed: what fails is tried again.
    for _, _, answer in connection._requests:  # noqa: SLF001
        answer.cancel()
    connection.close(reason=CloseReason.SHUTDOWN)
    if transport is not None:
        transport.abort()
