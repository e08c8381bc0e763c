"""Time that requests set, for trials: it stands still between them, and what was due on the way is done in order."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Final

from interlock.desk import Desk
from interlock.events.foreign import own
from interlock.ledger import Ledger, TestClockGoesBack
from interlock.watch import Watch

MOMENTS_MAX: Final = 100_000


class TestClock:
    """A test database's clock. The project begins at the first instant that a request names."""

    __test__ = False  # pytest: a name, not a test class

    def __init__(self, ledger: Ledger, desk: Desk, watch: Watch, begin: Callable[[], Awaitable[None]]) -> None:
        """Set the clock of `ledger`; `begin` opens the project where the ledger is empty."""
        self._ledger = ledger
        self._desk = desk
        self._watch = watch
        self._begin = begin
        self._begun = False
        # One at a time: what is due before an instant is done before anybody's later one.
        self._turn = asyncio.Lock()

    async def advance(self, at: datetime) -> None:
        """Let it be `at`; everything that the watch would have done by then is done first. Raises TestClockGoesBack.

        A crash leaves the clock at the last moment at which something was due; the next request goes on from there.
        """
        async with self._turn:
            if not self._begun:
                await self._first(at)
            for _ in range(MOMENTS_MAX):
                projects = sorted(own(await self._ledger.heads()))
                for project in projects:
                    await self._watch.step(project)
                now = await self._now(projects)
                if at < now:
                    raise TestClockGoesBack(f"it is {now.isoformat()} already, and {at.isoformat()} was asked for")
                if at == now:
                    return
                moments = [await self._watch.next_moment(project) for project in projects]
                await self._ledger.set_test_clock(min([at, *(m for m in moments if m is not None and m > now)]))

    async def _first(self, at: datetime) -> None:
        if not own(await self._ledger.heads()):
            await self._ledger.set_test_clock(at)
            await self._begin()
        self._begun = True

    async def _now(self, projects: list[str]) -> datetime:
        return (await self._ledger.head(projects[0])).clock
