"""Which projects moved: a notification wakes, `head` tells, a look now and then finds what went unheard."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Any, Final, Protocol, Self

from interlock.events.seams import Sleep
from interlock.ledger import Stored, Subscription

LOOK_SECONDS: Final = 2.0
RETRY_SECONDS: Final = 0.5

_log = logging.getLogger(__name__)


class Ledger(Protocol):
    """What is asked of the ledger."""

    async def read(self, project: str, *, after: int, limit: int, up_to: int | None = None) -> Sequence[Stored]:
        """Return events in order of position."""

    async def heads(self) -> dict[str, int]:
        """Return every project's last position."""

    def changes(self) -> Subscription:
        """Return a subscription to the names of projects that moved."""

    def connection(self) -> AbstractAsyncContextManager[Any]:
        """Lend a connection, to measure what is not published."""


class News:
    """The projects that may have events after the positions that `seen` tells, in the order in which they moved."""

    def __init__(self, ledger: Ledger, seen: Mapping[str, int], sleep: Sleep) -> None:
        """Look at `ledger`; `seen` is a project's position, and is asked again at each look."""
        self._ledger = ledger
        self._seen = seen
        self._sleep = sleep
        self._moved: dict[str, None] = {}
        self._woken = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._changes = ledger.changes()
        self._closing = False

    async def __aenter__(self) -> Self:
        """Begin to listen and to look."""
        self._tasks = [asyncio.create_task(step()) for step in (self._listen, self._look)]
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        """Stop. Closed, not cancelled: a connection that is just being made would be left open."""
        self._closing = True
        listening, looking = self._tasks
        looking.cancel()
        await self._changes.close()
        await asyncio.gather(listening, looking, return_exceptions=True)
        await self._changes.close()

    def add(self, project: str) -> None:
        """Say that a project may have more."""
        self._moved[project] = None
        self._woken.set()

    async def next(self, at_most: int) -> list[str]:
        """Return some projects that may have moved, the longest waiting first; wait for one."""
        while not self._moved:
            self._woken.clear()
            await self._woken.wait()
        taken = list(self._moved)[:at_most]
        for project in taken:
            del self._moved[project]
        return taken

    async def _listen(self) -> None:
        while not self._closing:
            for project in await self._changes.wait(LOOK_SECONDS):
                self.add(project)

    async def _look(self) -> None:
        told = ""
        while True:
            try:
                for project, position in (await self._ledger.heads()).items():
                    if position > self._seen.get(project, 0):
                        self.add(project)
                told = ""
                await self._sleep(LOOK_SECONDS)
            except Exception as trouble:
                if told != str(trouble):
                    told = str(trouble)
                    _log.warning("the relay cannot look for news: %s", told)
                await self._sleep(RETRY_SECONDS)
