"""One projection of one project: takes pages in order, and stops rather than guess."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractAsyncContextManager, aclosing
from dataclasses import dataclass
from typing import Any, Final, cast

import asyncpg

from interlock.events.envelope import Recorded
from interlock.events.seams import Sleep
from interlock.feed import Feed, Page, Reassigned, Source, Unreadable
from interlock.ledger.connections import Connection
from interlock.ledger.errors import LedgerError, LedgerUnavailable, ReadOnlyLedger, named
from interlock.projections import Projection
from interlock.projector import cursors

RETRY_SECONDS: Final = 0.5

Connect = Callable[[], AbstractAsyncContextManager[Connection]]
_log = logging.getLogger(__name__)


class CannotApply(Exception):
    """an event cannot be applied, so this projection stays where it is until it is mended"""


class GapWithoutLedger(Exception):
    """events are missing and there is no ledger to read them from"""


@dataclass(slots=True)
class Progress:
    """How one projection of one project is doing; `gaps` counts what the feed left out."""

    position: int = 0
    stopped_because: str | None = None
    trouble: str | None = None
    gaps: int = 0


class Runner:
    """Brings one projection of one project from its position to the end of the feed, and stays there."""

    def __init__(
        self,
        connect: Connect,
        feed: Feed,
        projection: Projection,
        project: str,
        *,
        sleep: Sleep,
        ledger: Source | None,
        alarm: Callable[[str], None],
        moved: Callable[[str], None],
    ) -> None:
        """Write by `connect`, read from `feed`; `moved` is called with the project whenever progress changes."""
        self._connect = connect
        self._feed = feed
        self.projection = projection
        self.project = project
        self._sleep = sleep
        self._ledger = ledger
        self._alarm = alarm
        self._moved = moved
        self.progress = Progress()

    @property
    def name(self) -> str:
        """What it is, for logs."""
        return f"{self.projection.name} {self.projection.version} of {self.project}"

    async def run(self) -> None:
        """Project until cancelled, until the feed ends, or until it has to stop."""
        while self.progress.stopped_because is None:
            try:
                await self._follow()
                return
            except (cursors.MovedElsewhere, Reassigned):
                continue  # the position is read again, and what is there already is skipped
            except (Unreadable, CannotApply, GapWithoutLedger, cursors.Replaced) as reason:
                await self._stop(_said(reason))
            except Exception as trouble:
                # The database is away, or something nobody thought of: nothing is lost, the position says where.
                self.progress.trouble = _said(trouble)
                _log.warning("%s waits: %s", self.name, self.progress.trouble)
                await self._sleep(RETRY_SECONDS)

    async def _follow(self) -> None:
        async with self._connect() as connection:
            self._reached(await cursors.begin(connection, self.projection, self.project))
        pages = cast("Any", self._feed.pages(self.project, after=self.progress.position))
        async with aclosing(pages):
            async for page in pages:
                await self.take(page)

    async def take(self, page: Page) -> None:
        """Project a page: skip what is there, fetch what is missing, apply the rest."""
        while page and (page := [event for event in page if event.position > self.progress.position]):
            following = _unbroken(page, self.progress.position)
            if following:
                await self._apply(following)
                page = page[len(following) :]
            else:
                await self._fill(page[0].position - 1)

    async def _fill(self, up_to: int) -> None:
        """Read what the feed left out from the ledger."""
        first = self.progress.position + 1
        self.progress.gaps += 1
        self._alarm(f"{self.name}: the feed left out {first} to {up_to}")
        if self._ledger is None:
            raise GapWithoutLedger(f"{first} to {up_to}")
        while self.progress.position < up_to:
            page = await self._ledger.read(self.project, after=self.progress.position, up_to=up_to)
            if not page or page[0].position != self.progress.position + 1:
                raise GapWithoutLedger(f"the ledger itself has no {self.progress.position + 1}")
            await self._apply(page)

    async def _apply(self, page: Page) -> None:
        """Apply a page that follows; where that fails, event by event, so that all before the bad one are in."""
        try:
            await self._write(page)
        except Exception as error:
            if isinstance(error, cursors.MovedElsewhere) or _passes(error):
                raise
            if len(page) == 1:
                raise CannotApply(f"@{page[0].position} {page[0].type}: {_said(error)}") from error
            for recorded in page:
                await self._apply([recorded])

    async def _write(self, page: Page) -> None:
        async with self._connect() as connection:
            # One transaction: a crash before its end leaves the old position and none of the rows, one after it the
            # new position and all of them. Either way the next start goes on from the position that it finds.
            async with connection.transaction():
                await cursors.move(connection, self.projection, self.project, self.progress.position, page[-1].position)
                for statement, rows in in_runs(self.projection, page):
                    if len(rows) == 1:
                        await connection.execute(statement, *rows[0])
                    else:
                        await connection.executemany(statement, rows)
        self._reached(page[-1].position)

    def _reached(self, position: int) -> None:
        self.progress.position = position
        self.progress.trouble = None
        self._moved(self.project)

    async def _stop(self, because: str) -> None:
        self.progress.stopped_because = because
        self._alarm(f"{self.name} stopped at {self.progress.position}: {because}")
        self._moved(self.project)
        try:
            async with self._connect() as connection:
                await cursors.stop(connection, self.projection, self.project, because)
        except (LedgerError, asyncpg.PostgresError, OSError) as away:
            _log.warning("%s could not note that it stopped: %s", self.name, away)


def in_runs(projection: Projection, page: Iterable[Recorded[Any]]) -> Iterator[tuple[str, list[tuple[Any, ...]]]]:
    """Yield a page's writes as statements with all rows that may be run together, in an order that changes nothing.

    Neighbours with the same statement go together; what only adds rows that no other statement reads comes last.
    """
    appended: dict[str, list[tuple[Any, ...]]] = {}
    run: list[tuple[Any, ...]] = []
    current = ""
    for recorded in page:
        for write in projection.project(recorded):
            if write.statement in projection.appends:
                appended.setdefault(write.statement, []).append(write.arguments)
            elif write.statement == current:
                run.append(write.arguments)
            else:
                if run:
                    yield current, run
                current, run = write.statement, [write.arguments]
    if run:
        yield current, run
    yield from appended.items()


def _unbroken(page: Page, after: int) -> Page:
    """Return the beginning of `page` that follows `after` without a gap."""
    for index, recorded in enumerate(page):
        if recorded.position != after + index + 1:
            return page[:index]
    return page


def _passes(error: Exception) -> bool:
    """Tell whether the same may work later: the database is away, full, busy, or was told to stop."""
    if isinstance(error, asyncpg.PostgresError):
        state = error.sqlstate or ""
        return state.startswith("40") or isinstance(named(state, "", None), LedgerUnavailable | ReadOnlyLedger)
    if isinstance(error, asyncpg.InterfaceError):
        # Raised for lost connections, and for arguments that do not fit the statement.
        return not isinstance(error, ValueError) and "expects" not in str(error)
    # asyncpg is at odds with itself about a connection that was lost in the middle; the next one is another.
    away = OSError | TimeoutError | LedgerError | asyncio.CancelledError | asyncpg.InternalClientError
    return isinstance(error, away)


def _said(error: BaseException) -> str:
    return f"{' '.join((type(error).__doc__ or type(error).__name__).split())[:120]}: {error}"
