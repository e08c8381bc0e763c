"""Builds projections anew while their old tables go on serving, one after the other, and swaps each when it is done."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final
from uuid import UUID

from interlock.events.seams import Sleep
from interlock.feed import Feed, Source
from interlock.ledger.connections import refused_by_name
from interlock.projections import PROJECTIONS, Projection
from interlock.projector import rebuilds
from interlock.projector.beside import beside
from interlock.projector.rebuilds import Rebuild
from interlock.projector.runner import Runner
from interlock.projector.writer import Connect, Writer

# How often a rebuild that another process was asked for is looked for, and how often one is tried to be swapped.
LOOK_SECONDS: Final = 2.0
TRY_SECONDS: Final = 0.2

_log = logging.getLogger(__name__)


class UnknownProjection(Exception):
    """there is no such projection"""


class Rebuilder:
    """Several may run on one database: each page of a rebuild is written by one of them, and one of them swaps.

    A process that is killed leaves the rebuild at the position that stands with its rows; whichever process looks
    next goes on from there.
    """

    def __init__(
        self,
        connect: Connect,
        feed: Feed,
        projections: Sequence[Projection] = PROJECTIONS,
        *,
        sleep: Sleep,
        ledger: Source | None = None,
        renewed: Callable[[str], None] = lambda _name: None,
    ) -> None:
        """Take what a Projector takes; `renewed` is called with a projection's name when its tables were swapped."""
        self._connect = connect
        self._feed = feed
        self._projections = {projection.name: projection for projection in projections}
        self._sleep = sleep
        self._ledger = ledger
        self._renewed = renewed
        self._asked = asyncio.Event()

    async def ask(self, name: str, *, by: str, key: UUID) -> bool:
        """Begin a rebuild, see `rebuilds.ask`. Raises UnknownProjection, NotServing.

        Raises LedgerUnavailable where another version or rebuild is taking over for longer than a statement waits, and
        OutcomeUnknown: who asks again under the same key is told of the same rebuild.
        """
        projection = self._projections.get(name)
        if projection is None:
            raise UnknownProjection(name)
        async with self._connect() as connection, refused_by_name(sent=True):
            new = await rebuilds.ask(connection, projection, by=by, key=key)
        if new:
            _log.warning("%s is built anew: %s asked for it", name, by)
        self._asked.set()
        return new

    async def told(self) -> list[Rebuild]:
        """Return the last rebuild of each projection that ever had one."""
        async with self._connect() as connection:
            return await rebuilds.told(connection, [*self._projections.values()])

    async def run(self) -> None:
        """Build what is asked for until cancelled."""
        while True:
            self._asked.clear()
            try:
                for projection in await self._under_way():
                    await self._build(projection)
            except Exception as trouble:
                # The database is away: what is built stands there, with its position.
                _log.warning("rebuilds wait: %s", trouble)
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._asked.wait()

    async def _under_way(self) -> list[Projection]:
        """Return those of this process's versions; another version's are for the processes that have it."""
        async with self._connect() as connection:
            found = await rebuilds.under_way(connection)
        return [
            self._projections[name]
            for name, version in found
            if name in self._projections and self._projections[name].version == version
        ]

    async def _build(self, projection: Projection) -> None:
        async with self._connect() as connection:
            await rebuilds.resume(connection, projection)
        runners: list[Runner] = []
        following = asyncio.create_task(self._follow(beside(projection), runners))
        try:
            await self._until_swapped(projection, runners)
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)

    async def _follow(self, shadow: Projection, runners: list[Runner]) -> None:
        async with Writer(self._connect) as writer, asyncio.TaskGroup() as tasks:
            async for project in self._feed.projects():
                runner = Runner(
                    self._connect,
                    self._feed,
                    shadow,
                    project,
                    sleep=self._sleep,
                    ledger=self._ledger,
                    # That it stops is told by the rebuild, which fails; that it has to when it is over, by nobody.
                    alarm=_log.info,
                    moved=lambda _project: None,
                    writer=writer,
                )
                runners.append(runner)
                tasks.create_task(runner.run())

    async def _until_swapped(self, projection: Projection, runners: list[Runner]) -> None:
        analyzed = False
        while True:
            await self._sleep(TRY_SECONDS)
            stopped = [runner.progress.stopped_because for runner in runners if runner.progress.stopped_because]
            async with self._connect() as connection:
                if (projection.name, projection.version) not in await rebuilds.under_way(connection):
                    break
                if stopped:
                    await rebuilds.fail(connection, projection, stopped[0])
                    _log.error("%s was not built anew: %s", projection.name, stopped[0])
                    return
                if not await rebuilds.nearly(connection, projection):
                    continue
                if not analyzed:
                    await rebuilds.analyze(connection, projection)
                    analyzed = True
                if await rebuilds.swap(connection, projection, self._sleep):
                    break
        _log.warning("%s was built anew, and serves", projection.name)
        self._renewed(projection.name)
