"""What was just read of one project's log, for all who follow it: read, and made into events, once for all of them.

Consumers of one project mostly want the same pages, a little apart. The last ones are kept, and who is at the front
waits a little for who is a few pages behind: otherwise the quickest would read everything for itself, and the slower
ones everything once more.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from interlock.feed.feed import Page

RECENT_PAGES_MAX: Final = 4
# So long is waited for somebody who takes no page; then it is left behind, and reads for itself.
LEAD_SECONDS: Final = 1.0


@dataclass(slots=True, eq=False)
class Follower:
    """Somebody who reads a project and was handed everything up to `after`."""

    after: int
    bell: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(slots=True, eq=False)
class Ahead:
    """The page after `after`, which is being read before anybody asks for it."""

    after: int
    reading: asyncio.Task[Page]


class Recent:
    """One project's last pages, in the order in which they were read, and who follows it."""

    def __init__(self) -> None:
        """Nothing was read yet."""
        self.pages: list[Page] = []
        # In the order in which they came: what happens next depends on nothing else.
        self.followers: dict[Follower, None] = {}
        self.lock = asyncio.Lock()
        self.ahead: Ahead | None = None
        self._handed = asyncio.Event()

    def page(self, after: int) -> Page:
        """Return what is kept of the page after a position, empty where nothing is."""
        page = self._holding(after + 1)
        return page[after + 1 - page[0].position :] if page else []

    def put(self, page: Page) -> None:
        """Keep a page; where they are too many, one goes that nobody will ask for, or the one that was read first."""
        self.pages.append(page)
        if len(self.pages) > RECENT_PAGES_MAX:
            needed = [each for follower in self.followers for each in self._before(follower)]
            # By identity: pages that are equal would be compared event by event.
            idle = [each for each in self.pages if not any(each is one for one in needed)]
            dropped = (idle or self.pages)[0]
            self.pages = [each for each in self.pages if each is not dropped]

    def handed(self, follower: Follower, page: Page) -> None:
        """Note that a page is the follower's now."""
        follower.after = page[-1].position
        self._handed.set()

    def leave(self, follower: Follower) -> None:
        """Wait for this one no more."""
        self.followers.pop(follower, None)
        self._handed.set()
        if not self.followers:
            self.forget_ahead()

    async def wait_for_those_behind(self, front: Follower) -> None:
        """Return when reading on drops nothing that others are about to take, or after LEAD_SECONDS."""
        with suppress(TimeoutError):
            async with asyncio.timeout(LEAD_SECONDS):
                while any(self._leads(front, each) for each in self.followers):
                    self._handed.clear()
                    await self._handed.wait()

    def forget_ahead(self) -> None:
        """Nobody will ask for the page that is being read."""
        if self.ahead is not None:
            self.ahead.reading.cancel()
            self.ahead = None

    def _leads(self, front: Follower, other: Follower) -> bool:
        """Tell whether all pages that are kept lie between the two, so that the next one is one too many."""
        pages = self._before(other)
        return len(pages) >= RECENT_PAGES_MAX and pages[-1][-1].position == front.after

    def _before(self, follower: Follower) -> list[Page]:
        """Return the pages that are kept for a follower, one after the other."""
        found: list[Page] = []
        after = follower.after
        while page := self._holding(after + 1):
            found.append(page)
            after = page[-1].position
        return found

    def _holding(self, position: int) -> Page:
        return next((page for page in self.pages if page[0].position <= position <= page[-1].position), [])
