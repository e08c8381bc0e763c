"""Events straight from the ledger: NOTIFY wakes, the position tells what is new, a look now and then finds the rest."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict, defaultdict
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Final, Protocol, Self

from interlock.events.codec import decode
from interlock.events.envelope import Recorded
from interlock.events.foreign import is_foreign
from interlock.events.seams import Sleep
from interlock.feed.feed import PAGE_EVENTS_MAX, Page, Unreadable
from interlock.feed.recent import Ahead, Follower, Recent
from interlock.ledger import LOOK_SECONDS, LedgerError, Movable, News

RETRY_SECONDS: Final = 0.5
# For so many projects the last pages are kept.
RECENT_PROJECTS_MAX: Final = 64
# Between so many events, whoever else works in this process has its turn.
TURN_EVENTS: Final = 250

_log = logging.getLogger(__name__)
_ANY = ""


class ReadableLedger(Movable, Protocol):
    """What the feed needs of a ledger."""

    async def bodies(self, project: str, *, after: int, limit: int, up_to: int | None = None) -> Sequence[bytes]:
        """Return events' bytes in order of position, without gaps."""


class LedgerFeed:
    """A `Feed` and a `Source` over a ledger, alive inside `async with`."""

    def __init__(
        self,
        ledger: ReadableLedger,
        sleep: Sleep,
        *,
        read_event: Callable[[bytes], Recorded[Any]] = decode,
        look_seconds: float = LOOK_SECONDS,
    ) -> None:
        """Read `ledger`; `read_event` makes an event of its bytes."""
        self._ledger = ledger
        self._sleep = sleep
        self._read_event = read_event
        self._heads: dict[str, int] = {}
        # Rung in the order in which they were hung up: what happens next depends on nothing else.
        self._bells: defaultdict[str, dict[asyncio.Event, None]] = defaultdict(dict)
        self._recent: defaultdict[str, Recent] = defaultdict(Recent)
        self._keeping: OrderedDict[str, None] = OrderedDict()
        self._news = News(
            ledger, sleep, heard=self._heard, looked=self._looked, whose="the feed", look_seconds=look_seconds
        )

    async def __aenter__(self) -> Self:
        """Begin to listen and to look."""
        await self._news.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop; whoever still waits for a page is not woken any more."""
        for recent in self._recent.values():
            recent.forget_ahead()
        await self._news.__aexit__(kind, error, trace)

    async def pages(self, project: str, *, after: int) -> AsyncIterator[Page]:
        """Yield pages after a position, as `Feed.pages`; while the ledger is away, wait."""
        recent, follower = self._recent[project], Follower(after)
        recent.followers[follower] = None
        self._bells[project][follower.bell] = None
        try:
            while True:
                # Silenced before reading: what is appended while we read rings it again.
                follower.bell.clear()
                try:
                    page = await self._shared(project, recent, follower)
                except LedgerError as away:
                    _log.warning("%s cannot be read now: %s", project, away)
                    await self._sleep(RETRY_SECONDS)
                    continue
                if page:
                    recent.handed(follower, page)
                    yield page
                else:
                    await follower.bell.wait()
        finally:
            self._bells[project].pop(follower.bell, None)
            recent.leave(follower)

    async def projects(self) -> AsyncIterator[str]:
        """Yield every project once, as `Feed.projects`."""
        told: set[str] = set()
        bell = asyncio.Event()
        self._bells[_ANY][bell] = None
        try:
            while True:
                bell.clear()
                for name in sorted(self._heads.keys() - told):
                    told.add(name)
                    if not is_foreign(name):
                        yield name
                if not self._heads.keys() - told:
                    await bell.wait()
        finally:
            self._bells[_ANY].pop(bell, None)

    async def read(self, project: str, *, after: int, up_to: int | None = None) -> Page:
        """Return one page, as `Source.read`. Raises Unreadable at its first event, LedgerError."""
        page: Page = []
        found = await self._ledger.bodies(project, after=after, limit=PAGE_EVENTS_MAX, up_to=up_to)
        for number, body in enumerate(found, start=1):
            try:
                page.append(self._read_event(body))
            except (ValueError, LookupError) as error:
                if page:
                    break
                raise Unreadable(project, after + number, f"{type(error).__name__}: {error}") from error
            if number % TURN_EVENTS == 0:
                await self._sleep(0)
        return page

    async def _shared(self, project: str, recent: Recent, follower: Follower) -> Page:
        """Return the page after what a follower has: one that is kept, or the next one of the log."""
        if not recent.page(follower.after):
            await recent.wait_for_those_behind(follower)
        async with recent.lock:
            if page := recent.page(follower.after):
                return page
            page = await self._next(project, recent, follower.after)
            if page:
                recent.put(page)
                self._keeping[project] = None
                self._keeping.move_to_end(project)
                if len(self._keeping) > RECENT_PROJECTS_MAX:
                    longest_ago, _ = self._keeping.popitem(last=False)
                    self._recent[longest_ago].pages.clear()
            return page

    async def _next(self, project: str, recent: Recent, after: int) -> Page:
        """Read a page, which may have been begun to be read before; where there is more, begin with the next one.

        So the next page is read while this one is being written.
        """
        page: Page = []
        ahead, recent.ahead = recent.ahead, None
        if ahead is not None and ahead.after == after:
            # Where nothing was there yet, it may have come since, and its bell have rung before we were asked.
            page = await ahead.reading
        elif ahead is not None:
            ahead.reading.cancel()
        if not page:
            page = await self.read(project, after=after)
        if len(page) >= PAGE_EVENTS_MAX and recent.followers:
            reading = asyncio.create_task(self.read(project, after=page[-1].position))
            # Where nobody asks for it any more, nobody needs to know that it could not be read either.
            reading.add_done_callback(lambda done: done.cancelled() or done.exception())
            recent.ahead = Ahead(page[-1].position, reading)
        return page

    def _heard(self, project: str) -> None:
        self._heads.setdefault(project, 0)
        self._ring(project)

    def _looked(self, heads: Mapping[str, int]) -> None:
        moved = [project for project, position in heads.items() if self._heads.get(project) != position]
        self._heads.update(heads)
        for project in moved:
            self._ring(project)

    def _ring(self, project: str) -> None:
        for bell in (*self._bells[project], *self._bells[_ANY]):
            bell.set()
