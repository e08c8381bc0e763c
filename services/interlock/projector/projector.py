"""All projections of all projects, each at its own pace, each stopping alone."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from interlock.events.seams import Sleep
from interlock.feed import Feed, Source
from interlock.projections import PROJECTIONS, Projection
from interlock.projector import cursors
from interlock.projector.runner import Runner
from interlock.projector.writer import Connect, Writer

# How often a new version is compared with the one that serves, while it is being built.
SWAP_SECONDS: Final = 0.5

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """One projection of one project: how far it is, whether its version serves, and why it does not go on.

    `trouble` passes by itself; `stopped_because` needs somebody.
    """

    name: str
    version: int
    project: str
    position: int
    serving: bool
    stopped_because: str | None
    trouble: str | None
    gaps: int


class Projector:
    """Runs projections over a feed. Several may run on one database: each page is written by one of them."""

    def __init__(
        self,
        connect: Connect,
        feed: Feed,
        projections: Sequence[Projection] = PROJECTIONS,
        *,
        sleep: Sleep,
        ledger: Source | None = None,
        alarm: Callable[[str], None] = _log.error,
    ) -> None:
        """Write by `connect` (a transaction a page); `ledger` is where gaps of the feed are read, if anywhere."""
        self._connect = connect
        self._feed = feed
        self._projections = tuple(projections)
        self._sleep = sleep
        self._ledger = ledger
        self._alarm = alarm
        self._runners: defaultdict[str, list[Runner]] = defaultdict(list)
        self._serving: set[str] = set()
        self._bells: defaultdict[str, set[asyncio.Event]] = defaultdict(set)
        self._not_serving = asyncio.Event()
        self._tasks: asyncio.TaskGroup | None = None

    async def prepare(self) -> None:
        """Create the tables that are missing. Raises SchemaChanged, and what the database raises."""
        async with self._connect() as connection:
            await cursors.prepare(connection, self._projections)
            for projection in self._projections:
                await self._look_who_serves(projection)

    async def run(self) -> None:
        """Project until cancelled. A projection that stops does not stop the others."""
        async with Writer(self._connect) as writer, asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            if len(self._serving) < len(self._projections):
                tasks.create_task(self._swap())
            async for project in self._feed.projects():
                for projection in self._projections:
                    runner = Runner(
                        self._connect,
                        self._feed,
                        projection,
                        project,
                        sleep=self._sleep,
                        ledger=self._ledger,
                        alarm=self._alarm,
                        moved=self._moved,
                        writer=writer,
                    )
                    self._runners[project].append(runner)
                    tasks.create_task(runner.run())

    def status(self) -> list[Status]:
        """Return how every projection of every project is doing."""
        return [
            Status(
                name=runner.projection.name,
                version=runner.projection.version,
                project=project,
                position=runner.progress.position,
                serving=runner.projection.name in self._serving,
                stopped_because=runner.progress.stopped_because,
                trouble=runner.progress.trouble,
                gaps=runner.progress.gaps,
            )
            for project, runners in sorted(self._runners.items())
            for runner in runners
        ]

    def serving(self) -> bool:
        """Tell whether every projection's version serves: none is still being built beside an older one."""
        return len(self._serving) == len(self._projections)

    def renewed(self, name: str) -> None:
        """Go on with a projection whose tables were built anew, also where it had stopped at the old ones."""
        for runners in self._runners.values():
            for runner in runners:
                if runner.projection.name == name and runner.progress.stopped_because and self._tasks is not None:
                    runner.progress.stopped_because = None
                    self._tasks.create_task(runner.run())

    def position(self, project: str, *names: str) -> int:
        """Return the position up to which all projections (or those of `names`) are: the `at` that means now."""
        asked = [runner for runner in self._runners.get(project, ()) if not names or runner.projection.name in names]
        return min((runner.progress.position for runner in asked), default=0)

    async def wait_for(self, project: str, position: int, timeout: float) -> int:
        """Return the position reached, as soon as it is `position`, or after `timeout` seconds.

        A projection that stopped is not waited for; what is returned tells that it lags.
        """
        bell = asyncio.Event()
        self._bells[project].add(bell)
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(timeout):
                    while not self._as_far_as_it_goes(project, position):
                        bell.clear()
                        await bell.wait()
        finally:
            self._bells[project].discard(bell)
        return self.position(project)

    def _as_far_as_it_goes(self, project: str, position: int) -> bool:
        runners = self._runners.get(project, ())
        return len(runners) > 0 and all(
            runner.progress.position >= position or runner.progress.stopped_because is not None for runner in runners
        )

    def _moved(self, project: str) -> None:
        self._not_serving.set()
        for bell in self._bells[project]:
            bell.set()

    async def _swap(self) -> None:
        """Let new versions serve as soon as they have caught up with the old ones."""
        while not self.serving():
            await self._not_serving.wait()
            self._not_serving.clear()
            try:
                for projection in self._projections:
                    await self._look_who_serves(projection)
                if not self.serving():
                    # The old version was in the middle of a page, and perhaps nothing moves any more.
                    self._not_serving.set()
            except Exception as away:
                _log.warning("who serves cannot be seen now: %s", away)
                self._not_serving.set()
            await self._sleep(SWAP_SECONDS)

    async def _look_who_serves(self, projection: Projection) -> None:
        if projection.name not in self._serving:
            async with self._connect() as connection:
                if await cursors.serves(connection, projection, self._sleep):
                    self._serving.add(projection.name)
