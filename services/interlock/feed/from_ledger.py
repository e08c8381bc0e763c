"""Events straight from the ledger: NOTIFY wakes, the position tells what is new, a look now and then finds the rest."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict, defaultdict
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any, Final, Protocol, Self

from interlock.events.codec import decode
from interlock.events.envelope import Recorded
from interlock.events.foreign import is_foreign
from interlock.events.seams import Sleep
from interlock.feed.feed import PAGE_EVENTS_MAX, Page, Unreadable
from interlock.ledger import LedgerError, Stored, Subscription

# Finds what a lost notification did not tell; one small query for all projects.
POLL_SECONDS: Final = 2.0
RETRY_SECONDS: Final = 0.5
# Several consumers of one project mostly want the same pages, a little apart: the last ones are kept, for so many
# projects. With one page only, the slower ones read most events once more.
RECENT_PROJECTS_MAX: Final = 64
RECENT_PAGES_MAX: Final = 3

_log = logging.getLogger(__name__)
_ANY = ""


class ReadableLedger(Protocol):
    """What the feed needs of a ledger."""

    async def read(self, project: str, *, after: int, limit: int, up_to: int | None = None) -> Sequence[Stored]:
        """Return events in order of position."""

    async def heads(self) -> dict[str, int]:
        """Return every project's last position."""

    def changes(self) -> Subscription:
        """Return a subscription to the names of projects that moved."""


class LedgerFeed:
    """A `Feed` and a `Source` over a ledger, alive inside `async with`."""

    def __init__(
        self,
        ledger: ReadableLedger,
        sleep: Sleep,
        *,
        read_event: Callable[[bytes], Recorded[Any]] = decode,
        poll_seconds: float = POLL_SECONDS,
    ) -> None:
        """Read `ledger`; `read_event` makes an event of its bytes."""
        self._ledger = ledger
        self._sleep = sleep
        self._read_event = read_event
        self._poll_seconds = poll_seconds
        self._heads: dict[str, int] = {}
        # Rung in the order in which they were hung up: what happens next depends on nothing else.
        self._bells: defaultdict[str, dict[asyncio.Event, None]] = defaultdict(dict)
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._recent: OrderedDict[str, list[Page]] = OrderedDict()
        self._tasks: list[asyncio.Task[None]] = []
        self._changes: Subscription | None = None
        self._closing = False

    async def __aenter__(self) -> Self:
        """Begin to listen and to look."""
        self._changes = self._ledger.changes()
        self._tasks = [asyncio.create_task(self._for_ever(step)) for step in (self._listen, self._look)]
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        """Stop; whoever still waits for a page is not woken any more."""
        self._closing = True
        listening, looking = self._tasks
        looking.cancel()
        with suppress(asyncio.CancelledError):
            await looking
        assert self._changes is not None
        # Closed, not cancelled: a connection that is just being made would be left open. It may have been made
        # while this was said, so it is said again.
        await self._changes.close()
        await listening
        await self._changes.close()

    async def pages(self, project: str, *, after: int) -> AsyncIterator[Page]:
        """Yield pages after a position, as `Feed.pages`; while the ledger is away, wait."""
        bell = asyncio.Event()
        self._bells[project][bell] = None
        try:
            while True:
                # Silenced before reading: what is appended while we read rings it again.
                bell.clear()
                try:
                    page = await self._shared(project, after)
                except LedgerError as away:
                    _log.warning("%s cannot be read now: %s", project, away)
                    await self._sleep(RETRY_SECONDS)
                    continue
                if page:
                    after = page[-1].position
                    yield page
                else:
                    await bell.wait()
        finally:
            self._bells[project].pop(bell, None)

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
        for stored in await self._ledger.read(project, after=after, limit=PAGE_EVENTS_MAX, up_to=up_to):
            try:
                page.append(self._read_event(stored.body))
            except (ValueError, LookupError) as error:
                if page:
                    break
                raise Unreadable(project, stored.position, f"{type(error).__name__}: {error}") from error
        return page

    async def _shared(self, project: str, after: int) -> Page:
        """Read a page, or take it from the one that another consumer of the project has just read."""
        async with self._locks[project]:
            for recent in self._recent.get(project, ()):
                if recent[0].position <= after + 1 <= recent[-1].position:
                    return recent[after + 1 - recent[0].position :]
            page = await self.read(project, after=after)
            if page:
                self._recent[project] = [page, *self._recent.get(project, ())][:RECENT_PAGES_MAX]
                self._recent.move_to_end(project)
                if len(self._recent) > RECENT_PROJECTS_MAX:
                    self._recent.popitem(last=False)
            return page

    async def _listen(self) -> None:
        assert self._changes is not None
        for project in await self._changes.wait(self._poll_seconds):
            self._heads.setdefault(project, 0)
            self._ring(project)

    async def _look(self) -> None:
        heads = await self._ledger.heads()
        moved = [project for project, position in heads.items() if self._heads.get(project) != position]
        self._heads.update(heads)
        for project in moved:
            self._ring(project)
        await self._sleep(self._poll_seconds)

    async def _for_ever(self, step: Callable[[], Coroutine[Any, Any, None]]) -> None:
        told = ""
        while not self._closing:
            try:
                await step()
                told = ""
            except Exception as trouble:
                # The ledger is away, or something nobody thought of: either way looking again is all there is to do.
                if told != str(trouble):
                    told = str(trouble)
                    _log.warning("the feed cannot look for news: %s", told)
                await self._sleep(RETRY_SECONDS)

    def _ring(self, project: str) -> None:
        for bell in (*self._bells[project], *self._bells[_ANY]):
            bell.set()
