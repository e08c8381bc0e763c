"""What only the feed from the ledger has: it hints itself awake, and looks for itself when nobody hints."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import aclosing
from typing import Any, cast

import pytest

from interlock.events.codec import UnknownEventType, decode
from interlock.events.envelope import Recorded
from interlock.feed import LedgerFeed, Unreadable
from interlock.feed.feed import PAGE_EVENTS_MAX
from interlock.feed.from_ledger import RECENT_PAGES_MAX
from interlock.ledger import Changes, Ledger, LedgerUnavailable, Stored
from tests.feed.feeds import record_in, sleep
from tests.feed.test_feed import DEADLINE_SECONDS, positions


class Deaf:
    """The ledger, but nobody tells of changes, and the first readings fail."""

    def __init__(self, ledger: Ledger, failures: int = 0) -> None:
        self.ledger = ledger
        self.failures = failures
        self.readings = 0

    async def read(self, project: str, *, after: int, limit: int, up_to: int | None = None) -> Sequence[Stored]:
        self.readings += 1
        if self.failures > 0:
            self.failures -= 1
            raise LedgerUnavailable("away")
        return await self.ledger.read(project, after=after, limit=limit, up_to=up_to)

    async def heads(self) -> dict[str, int]:
        return await self.ledger.heads()

    def changes(self) -> Changes:
        return Changes("postgresql://nobody@/nowhere?host=/nowhere", timeout=1)


async def test_without_notifications_it_finds_the_news_by_itself(ledger: Ledger) -> None:
    async with LedgerFeed(Deaf(ledger), sleep, poll_seconds=0.05) as feed:
        waiting = asyncio.create_task(positions(feed, "shop", 0, 2))
        await record_in(ledger, "shop", 1)
        await record_in(ledger, "shop", 1)
        assert [position for page in await waiting for position in page] == [1, 2]


async def test_while_the_ledger_is_away_it_waits_and_loses_nothing(ledger: Ledger) -> None:
    await record_in(ledger, "shop", 5)
    async with LedgerFeed(Deaf(ledger, failures=2), sleep) as feed:
        assert await positions(feed, "shop", 0, 5) == [[1, 2, 3, 4, 5]]


async def test_a_consumer_that_is_a_little_behind_reads_nothing_again(ledger: Ledger) -> None:
    for _ in range(RECENT_PAGES_MAX):
        await record_in(ledger, "shop", PAGE_EVENTS_MAX)
    counted = Deaf(ledger)
    async with LedgerFeed(counted, sleep) as feed:
        ahead = await positions(feed, "shop", 0, RECENT_PAGES_MAX * PAGE_EVENTS_MAX)
        assert await positions(feed, "shop", 0, RECENT_PAGES_MAX * PAGE_EVENTS_MAX) == ahead
        # One in the middle of a page has the rest of it.
        assert (await positions(feed, "shop", 7, PAGE_EVENTS_MAX))[0][0] == 8
    assert counted.readings == RECENT_PAGES_MAX


async def test_consumers_that_want_the_same_page_share_one_reading(ledger: Ledger) -> None:
    await record_in(ledger, "shop", 5)
    counted = Deaf(ledger)
    async with LedgerFeed(counted, sleep) as feed:
        await asyncio.gather(*(positions(feed, "shop", 0, 5) for _ in range(4)))
    assert counted.readings == 1


async def test_what_cannot_be_read_ends_the_feed_after_everything_before_it(ledger: Ledger) -> None:
    await record_in(ledger, "shop", 5)

    def read_event(body: bytes) -> Recorded[Any]:
        recorded = decode(body)
        if recorded.position == 4:
            raise UnknownEventType("FromTheFuture")
        return recorded

    async with LedgerFeed(ledger, sleep, read_event=read_event) as feed, asyncio.timeout(DEADLINE_SECONDS):
        async with aclosing(cast("Any", feed.pages("shop", after=0))) as pages:
            found = [event.position for event in await anext(pages)]
            with pytest.raises(Unreadable) as unreadable:
                await anext(pages)
    assert found == [1, 2, 3]
    assert unreadable.value.position == 4
