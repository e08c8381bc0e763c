"""What only the feed from the ledger has: it hints itself awake, and looks for itself when nobody hints."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import aclosing
from typing import Any, cast

import pytest

from interlock.events.codec import UnknownEventType, decode
from interlock.events.envelope import Recorded
from interlock.feed import LedgerFeed, Page, Unreadable, from_ledger, recent
from interlock.feed.recent import RECENT_PAGES_MAX
from interlock.ledger import Changes, Ledger, LedgerUnavailable
from tests.feed.feeds import record_in, sleep
from tests.feed.test_feed import DEADLINE_SECONDS, positions

PAGE_EVENTS = 20


class Deaf:
    """The ledger, but nobody tells of changes, and the first readings fail."""

    def __init__(self, ledger: Ledger, failures: int = 0) -> None:
        self.ledger = ledger
        self.failures = failures
        self.readings = 0
        self.read_twice = asyncio.Event()

    async def bodies(self, project: str, *, after: int, limit: int, up_to: int | None = None) -> Sequence[bytes]:
        self.readings += 1
        if self.readings == 2:
            self.read_twice.set()
        if self.failures > 0:
            self.failures -= 1
            raise LedgerUnavailable("away")
        return await self.ledger.bodies(project, after=after, limit=limit, up_to=up_to)

    async def heads(self) -> dict[str, int]:
        return await self.ledger.heads()

    def changes(self) -> Changes:
        return Changes("postgresql://nobody@/nowhere?host=/nowhere", timeout=1)


async def test_without_notifications_it_finds_the_news_by_itself(ledger: Ledger) -> None:
    async with LedgerFeed(Deaf(ledger), sleep, look_seconds=0.05) as feed:
        waiting = asyncio.create_task(positions(feed, "shop", 0, 2))
        await record_in(ledger, "shop", 1)
        await record_in(ledger, "shop", 1)
        assert [position for page in await waiting for position in page] == [1, 2]


async def test_while_the_ledger_is_away_it_waits_and_loses_nothing(ledger: Ledger) -> None:
    await record_in(ledger, "shop", 5)
    async with LedgerFeed(Deaf(ledger, failures=2), sleep) as feed:
        assert await positions(feed, "shop", 0, 5) == [[1, 2, 3, 4, 5]]


@pytest.fixture
def pages(monkeypatch: pytest.MonkeyPatch) -> int:
    """How many events a page has, so that there are several of few."""
    monkeypatch.setattr(from_ledger, "PAGE_EVENTS_MAX", PAGE_EVENTS)
    return PAGE_EVENTS


async def test_a_consumer_that_is_a_little_behind_reads_nothing_again(ledger: Ledger, pages: int) -> None:
    # One less than all pages could hold: after a full one it would be looked whether there is more.
    wanted = RECENT_PAGES_MAX * pages - 1
    await record_in(ledger, "shop", wanted)
    counted = Deaf(ledger)
    async with LedgerFeed(counted, sleep) as feed:
        ahead = await positions(feed, "shop", 0, wanted)
        assert await positions(feed, "shop", 0, wanted) == ahead
        # One in the middle of a page has the rest of it.
        assert (await positions(feed, "shop", 7, pages))[0][0] == 8
    assert counted.readings == RECENT_PAGES_MAX


async def test_the_next_page_is_read_while_this_one_is_worked_at(ledger: Ledger, pages: int) -> None:
    await record_in(ledger, "shop", 2 * pages)
    counted = Deaf(ledger)
    async with LedgerFeed(counted, sleep) as feed, asyncio.timeout(DEADLINE_SECONDS):
        async with aclosing(cast("Any", feed.pages("shop", after=0))) as following:
            assert len(await anext(following)) == pages
            await counted.read_twice.wait()
            assert [event.position for event in await anext(following)] == list(range(pages + 1, 2 * pages + 1))


async def test_what_came_after_nothing_was_found_ahead_is_found(ledger: Ledger, pages: int) -> None:
    await record_in(ledger, "shop", pages)
    counted = Deaf(ledger)
    async with LedgerFeed(counted, sleep, look_seconds=DEADLINE_SECONDS) as feed, asyncio.timeout(DEADLINE_SECONDS):
        async with aclosing(cast("Any", feed.pages("shop", after=0))) as following:
            await anext(following)
            await counted.read_twice.wait()
            # Nobody tells of it, and the feed looks for itself much later.
            await record_in(ledger, "shop", 1)
            assert [event.position for event in await anext(following)] == [pages + 1]


async def test_the_quickest_waits_for_those_behind_so_that_all_is_read_once(ledger: Ledger, pages: int) -> None:
    wanted = 5 * RECENT_PAGES_MAX * pages - 1
    await record_in(ledger, "shop", wanted)
    counted = Deaf(ledger)

    async def follow(seconds: float) -> list[int]:
        seen: list[int] = []
        async with aclosing(cast("Any", feed.pages("shop", after=0))) as following:
            while len(seen) < wanted:
                seen += [event.position for event in await anext(following)]
                await asyncio.sleep(seconds)
        return seen

    async with LedgerFeed(counted, sleep) as feed, asyncio.timeout(DEADLINE_SECONDS):
        found = await asyncio.gather(*(follow(seconds) for seconds in (0.0, 0.002, 0.01)))
    assert found == [list(range(1, wanted + 1))] * 3
    assert counted.readings == 5 * RECENT_PAGES_MAX


async def test_who_takes_nothing_any_more_is_left_behind_and_reads_for_itself(
    ledger: Ledger, pages: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recent, "LEAD_SECONDS", 0.02)
    wanted = 2 * RECENT_PAGES_MAX * pages
    await record_in(ledger, "shop", wanted)
    async with LedgerFeed(ledger, sleep) as feed, asyncio.timeout(DEADLINE_SECONDS):
        async with aclosing(cast("Any", feed.pages("shop", after=0))) as slow:
            first: Page = await anext(slow)
            everything = [position for page in await positions(feed, "shop", 0, wanted) for position in page]
            assert everything == list(range(1, wanted + 1))
            assert [event.position for event in await anext(slow)] == [event.position + pages for event in first]


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
