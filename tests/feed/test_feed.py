"""What every feed does. Another implementation is another name in FEEDS."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from functools import partial
from typing import Any, cast

import pytest_asyncio

from interlock.feed import PAGE_EVENTS_MAX, Feed, LedgerFeed
from interlock.ledger import Ledger
from tests.feed.feeds import Tried, record_in, sleep
from tests.feed.published import published
from tests.fixtures.kafka import Kafka

FEEDS = ("ledger", "kafka")
DEADLINE_SECONDS = 30


@pytest_asyncio.fixture(params=FEEDS)
async def tried(request: Any, ledger: Ledger, kafka: Kafka) -> AsyncIterator[Tried]:
    if request.param == "ledger":
        yield Tried(partial(record_in, ledger), lambda: LedgerFeed(ledger, sleep))
        return
    async with published(kafka) as topic:
        yield Tried(topic.record, topic.feed)


async def positions(feed: Feed, project: str, after: int, last: int) -> list[list[int]]:
    """Pages, as positions, until `last` came."""
    found: list[list[int]] = []
    async with asyncio.timeout(DEADLINE_SECONDS), aclosing(cast("Any", feed.pages(project, after=after))) as pages:
        async for page in pages:
            assert all(event.project == project for event in page)
            found.append([event.position for event in page])
            if found[-1][-1] >= last:
                break
    return found


async def test_what_was_recorded_before_comes_in_order_in_bounded_pages(tried: Tried) -> None:
    recorded = await tried.record("shop", PAGE_EVENTS_MAX + 20)
    async with tried.open() as feed:
        found = await positions(feed, "shop", 0, recorded[-1])
    assert [position for page in found for position in page] == recorded
    assert max(len(page) for page in found) <= PAGE_EVENTS_MAX


async def test_it_begins_after_the_position_that_is_asked_for(tried: Tried) -> None:
    recorded = await tried.record("shop", 10)
    async with tried.open() as feed:
        assert await positions(feed, "shop", 7, recorded[-1]) == [[8, 9, 10]]


async def test_what_is_recorded_later_comes_too(tried: Tried) -> None:
    async with tried.open() as feed:
        waiting = asyncio.create_task(positions(feed, "shop", 0, 6))
        for _ in range(3):
            await asyncio.sleep(0)
            await tried.record("shop", 2)
        assert [position for page in await waiting for position in page] == [1, 2, 3, 4, 5, 6]


async def test_consumers_do_not_disturb_each_other(tried: Tried) -> None:
    await tried.record("shop", 30)
    async with tried.open() as feed:
        found = await asyncio.gather(*(positions(feed, "shop", after, 30) for after in (0, 0, 12, 29)))
    assert [[position for page in pages for position in page] for pages in found] == [
        list(range(after + 1, 31)) for after in (0, 0, 12, 29)
    ]


async def test_projects_are_told_once_each_and_new_ones_as_they_come(tried: Tried) -> None:
    await tried.record("first", 1)
    found: list[str] = []
    async with tried.open() as feed, asyncio.timeout(DEADLINE_SECONDS):
        async with aclosing(cast("Any", feed.projects())) as projects:
            async for project in projects:
                found.append(project)
                if project == "first":
                    await tried.record("second", 1)
                    await tried.record("first", 1)
                else:
                    break
    assert found == ["first", "second"]


async def test_one_projects_events_are_not_anothers(tried: Tried) -> None:
    await tried.record("first", 3)
    await tried.record("second", 5)
    async with tried.open() as feed:
        assert await positions(feed, "first", 0, 3) == [[1, 2, 3]]
