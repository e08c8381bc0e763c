"""The ledger's clock: the database's, or a test database's own, which stands still and never goes back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from interlock.ledger import Ledger, NotATestDatabase, TestClockGoesBack
from tests.ledger.rows import PROJECT, append_one, command, rows_of

SATURDAY_09 = datetime(2026, 11, 28, 9, tzinfo=UTC)


async def test_an_ordinary_ledgers_clock_cannot_be_set(ledger: Ledger) -> None:
    assert not await ledger.is_test()
    with pytest.raises(NotATestDatabase):
        await ledger.set_test_clock(SATURDAY_09)
    first = (await ledger.head(PROJECT)).clock
    assert (await ledger.head(PROJECT)).clock > first


async def test_a_test_clock_stands_still_where_it_was_set(test_clock_ledger: Ledger) -> None:
    assert await test_clock_ledger.is_test()
    await test_clock_ledger.set_test_clock(SATURDAY_09)
    assert (await test_clock_ledger.head(PROJECT)).clock == SATURDAY_09
    assert (await test_clock_ledger.head(PROJECT)).clock == SATURDAY_09
    await append_one(test_clock_ledger, 1)
    assert (await test_clock_ledger.head(PROJECT)).recorded_at == SATURDAY_09


async def test_a_test_clock_never_goes_back(test_clock_ledger: Ledger) -> None:
    await test_clock_ledger.set_test_clock(SATURDAY_09)
    await test_clock_ledger.set_test_clock(SATURDAY_09)
    with pytest.raises(TestClockGoesBack):
        await test_clock_ledger.set_test_clock(SATURDAY_09 - timedelta(microseconds=1))
    await test_clock_ledger.set_test_clock(SATURDAY_09 + timedelta(days=400))


async def test_a_test_clock_is_never_set_before_what_was_recorded(test_clock_ledger: Ledger) -> None:
    await append_one(test_clock_ledger, 1)  # on the database's own clock
    with pytest.raises(TestClockGoesBack):
        await test_clock_ledger.set_test_clock(datetime(2020, 1, 1, tzinfo=UTC))


async def test_a_time_means_the_last_position_recorded_by_then(test_clock_ledger: Ledger) -> None:
    last = {}
    for day in range(7):
        at = SATURDAY_09 + timedelta(days=day)
        await test_clock_ledger.set_test_clock(at)
        last[at] = await append_one(test_clock_ledger, day, events=day + 1) + day
    for at, position in last.items():
        assert await test_clock_ledger.position_at(PROJECT, at) == position
        assert await test_clock_ledger.position_at(PROJECT, at + timedelta(hours=1)) == position
    assert await test_clock_ledger.position_at(PROJECT, SATURDAY_09 - timedelta(microseconds=1)) == 0
    assert await test_clock_ledger.position_at("empty", SATURDAY_09) == 0


async def test_an_append_returns_the_clock(test_clock_ledger: Ledger) -> None:
    await test_clock_ledger.set_test_clock(SATURDAY_09)
    at = SATURDAY_09 + timedelta(seconds=1)
    rows = rows_of(command(1), at, first=1, streams=[("a", 1)])
    assert await test_clock_ledger.append(PROJECT, rows) == SATURDAY_09
