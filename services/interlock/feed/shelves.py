"""What was read of a topic and is not yet taken by all who follow: one shelf per project, its events in order."""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from interlock.events.envelope import Recorded
from interlock.feed.feed import PAGE_EVENTS_MAX, Page, Unreadable

# How far apart those records are whose offsets are remembered, to begin again near what is asked for.
SHELF_TRAIL_RECORDS: Final = 500


@dataclass(slots=True)
class Kept:
    """One record: where it stands in the topic, and its event, or why that cannot be read."""

    position: int
    offset: int
    event: Recorded[Any] | Unreadable


@dataclass(slots=True, eq=False)
class Follower:
    """Somebody who reads a project: has taken everything up to `after`, in the assignment `epoch`."""

    after: int
    epoch: int | None
    bell: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(slots=True)
class Shelf:
    """One project's events after `floor`, as far as they were read.

    `trail` are a few (position, offset) pairs: where in the topic to begin again for whoever needs what was dropped.
    `epoch` tells assignments of the partition apart; None while it is another process's.
    """

    project: str
    partition: int
    floor: int = 0
    epoch: int | None = None
    kept: list[Kept] = field(default_factory=list)
    followers: set[Follower] = field(default_factory=set)
    trail: list[tuple[int, int]] = field(default_factory=list)
    duplicates: int = 0
    gaps: int = 0

    @property
    def last(self) -> int:
        """The last position that was read."""
        return self.kept[-1].position if self.kept else self.floor

    def put(self, position: int, offset: int, read: Callable[[], Recorded[Any] | Unreadable | None]) -> bool:
        """Keep a record unless it was read before; `read` gives its event, None where it is none of ours."""
        if position <= self.last:
            self.duplicates += 1
            return False
        event = read()
        if event is None:
            return False
        if position != self.last + 1:
            # It is handed on as it is: whoever follows sees the gap, and asks the ledger.
            self.gaps += 1
        self.kept.append(Kept(position, offset, event))
        if not self.trail or position >= self.trail[-1][0] + SHELF_TRAIL_RECORDS:
            self.trail.append((position, offset))
        return True

    def page(self, after: int) -> Page:
        """Return the next page after a position, empty where there is none yet. Raises Unreadable at its first."""
        begin = bisect_right(self.kept, after, key=lambda kept: kept.position)
        page: Page = []
        for kept in self.kept[begin : begin + PAGE_EVENTS_MAX]:
            if isinstance(kept.event, Unreadable):
                if page:
                    break
                raise kept.event
            page.append(kept.event)
        return page

    def drop(self) -> None:
        """Drop what every follower has taken; without followers nothing is."""
        if self.followers:
            self._drop_to(min(follower.after for follower in self.followers))

    def drop_all(self) -> None:
        """Drop everything, for want of room; whoever needs it lets the topic be read again."""
        self._drop_to(self.last)

    def _drop_to(self, position: int) -> None:
        taken = bisect_right(self.kept, position, key=lambda kept: kept.position)
        if taken:
            dropped = self.kept[taken - 1]
            self.floor = dropped.position
            del self.kept[:taken]

    def first_offset(self) -> int | None:
        """Return the offset of the first record that somebody has still to take."""
        return self.kept[0].offset if self.kept else None

    def begin_again(self, after: int) -> int | None:
        """Forget what is kept, so that all after `after` is read again; return from which offset, None: the first."""
        self.kept.clear()
        index = bisect_right(self.trail, (after + 1, 2**63)) - 1
        if index < 0:
            self.floor = 0
            self.trail.clear()
            return None
        position, offset = self.trail[index]
        self.floor = position - 1
        del self.trail[index + 1 :]
        return offset
