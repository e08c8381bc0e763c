"""One projection of one project: takes pages in order, and stops rather than guess."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Final, cast

import asyncpg

from interlock.events.seams import Sleep
from interlock.feed import Feed, Page, Reassigned, Source, Unreadable
from interlock.ledger.errors import LedgerError
from interlock.projections import Projection
from interlock.projector import cursors
from interlock.projector.writer import Connect, Writer, passes, prepare

RETRY_SECONDS: Final = 0.5

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
        writer: Writer | None = None,
    ) -> None:
        """Write by `connect`, read from `feed`; `moved` is called with the project whenever progress changes.

        Runners of one process share a `writer`, and so its transactions.
        """
        self._connect = connect
        self._writer = writer or Writer(connect)
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
        self._reached(await self._writer.begin(self.projection, self.project))
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
            if isinstance(error, cursors.MovedElsewhere) or passes(error):
                raise
            if len(page) == 1:
                raise CannotApply(f"@{page[0].position} {page[0].type}: {_said(error)}") from error
            for recorded in page:
                await self._apply([recorded])

    async def _write(self, page: Page) -> None:
        await self._writer.write(prepare(self.projection, self.project, self.progress.position, page))
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


def _unbroken(page: Page, after: int) -> Page:
    """Return the beginning of `page` that follows `after` without a gap."""
    for index, recorded in enumerate(page):
        if recorded.position != after + index + 1:
            return page[:index]
    return page


def _said(error: BaseException) -> str:
    return f"{' '.join((type(error).__doc__ or type(error).__name__).split())[:120]}: {error}"
