"""Which projects have something to publish: those that moved, in the order in which they did."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Any, Protocol, Self

from interlock.events.seams import Sleep
from interlock.ledger import Movable, News, Stored


class Ledger(Movable, Protocol):
    """What is asked of the ledger."""

    async def read(self, project: str, *, after: int, limit: int, up_to: int | None = None) -> Sequence[Stored]:
        """Return events in order of position."""

    def connection(self) -> AbstractAsyncContextManager[Any]:
        """Lend a connection, to measure what is not published."""


class Moved:
    """The projects that may have events after the positions that `seen` tells; alive inside `async with`."""

    def __init__(self, ledger: Ledger, seen: Mapping[str, int], sleep: Sleep) -> None:
        """Follow `ledger`; `seen` is a project's position, and is asked again at each look."""
        self._seen = seen
        self._waiting: dict[str, None] = {}
        self._woken = asyncio.Event()
        self._news = News(ledger, sleep, heard=self.add, looked=self._compare, whose="the relay")

    async def __aenter__(self) -> Self:
        """Begin to follow."""
        await self._news.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        await self._news.__aexit__(kind, error, trace)

    def add(self, project: str) -> None:
        """Say that a project may have more."""
        self._waiting[project] = None
        self._woken.set()

    async def next(self, at_most: int) -> list[str]:
        """Return some projects that may have moved, the longest waiting first; wait for one."""
        while not self._waiting:
            self._woken.clear()
            await self._woken.wait()
        taken = list(self._waiting)[:at_most]
        for project in taken:
            del self._waiting[project]
        return taken

    def _compare(self, heads: Mapping[str, int]) -> None:
        for project, position in heads.items():
            if position > self._seen.get(project, 0):
                self.add(project)
