"""What a consumer asks of whatever brings it the events, wherever they come from."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Final, Protocol, TypeAlias

from interlock.events.envelope import Recorded

PAGE_EVENTS_MAX: Final = 1_000

Page: TypeAlias = list[Recorded[Any]]


class Unreadable(Exception):
    """an event cannot be read by this version, so nothing after it may be believed"""

    def __init__(self, project: str, position: int, why: str) -> None:
        """Take where the event stands and what is wrong with it."""
        super().__init__(f"{project} @{position}: {why}")
        self.project = project
        self.position = position


class Reassigned(Exception):
    """the project came to this process from another one, which went further: ask again for what it left"""


class Feed(Protocol):
    """Events as they come: at least once, in order, with their positions.

    A page may begin with what was seen already, and where the source lost something it may leave a gap: positions
    tell, and whoever consumes checks them. The iterators go on until they are closed; an event that cannot be read
    ends `pages` with Unreadable, after everything before it was handed over. Where several processes share a source,
    Reassigned ends them when somebody else has gone further meanwhile: whoever consumes looks where that was.
    """

    def pages(self, project: str, *, after: int) -> AsyncIterator[Page]:
        """Yield pages of 1 to PAGE_EVENTS_MAX events with positions greater than `after`, then wait for more."""

    def projects(self) -> AsyncIterator[str]:
        """Yield the name of every project of Interlock's own once, as it is found to have events."""


class Source(Protocol):
    """Where what a feed lost can be read: the ledger, which has no gaps."""

    async def read(self, project: str, *, after: int, up_to: int | None = None) -> Page:
        """Return at most PAGE_EVENTS_MAX events with `after` < position <= `up_to`, in order without gaps."""
