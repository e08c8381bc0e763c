"""Looks that are shared: each began after it was asked for, and many askers cost two."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from interlock.desk.looks import Looks
from interlock.ledger import Head, LedgerUnavailable

AT = datetime(2026, 11, 28, 9, 0, tzinfo=UTC)


class Log:
    """A head that moves; each look reads it when it begins, and answers when it is let go."""

    def __init__(self) -> None:
        self.position = 0
        self.looks = 0
        self.away: Exception | None = None
        self.answer = asyncio.Event()

    async def look(self) -> Head:
        self.looks += 1
        read = self.position
        await self.answer.wait()
        if self.away is not None:
            raise LedgerUnavailable from self.away
        return Head(read, None, AT)


async def test_who_asks_while_a_look_is_under_way_gets_one_that_began_later() -> None:
    log = Log()
    looks = Looks(log.look, "test")
    first = asyncio.create_task(looks.head())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert log.looks == 1
    log.position = 1
    later = [asyncio.create_task(looks.head()) for _ in range(50)]
    await asyncio.sleep(0)
    log.answer.set()
    assert (await first).position == 0
    assert {(await one).position for one in later} == {1}
    assert log.looks == 2
    log.position = 2
    assert (await looks.head()).position == 2


async def test_who_is_cancelled_takes_nothing_from_the_others() -> None:
    log = Log()
    looks = Looks(log.look, "test")
    gone, stays = (asyncio.create_task(looks.head()) for _ in range(2))
    await asyncio.sleep(0)
    gone.cancel()
    log.answer.set()
    assert (await stays).position == 0
    with pytest.raises(asyncio.CancelledError):
        await gone


async def test_a_look_that_fails_fails_for_those_who_share_it_and_for_nobody_else() -> None:
    log = Log()
    looks = Looks(log.look, "test")
    log.away = ConnectionResetError()
    log.answer.set()
    found = await asyncio.gather(*(looks.head() for _ in range(3)), return_exceptions=True)
    assert all(isinstance(one, LedgerUnavailable) for one in found)
    log.away = None
    assert (await looks.head()).position == 0


@pytest.mark.parametrize("away, looks", [(TimeoutError(), 1), (ConnectionResetError(), 2)], ids=["too late", "lost"])
async def test_who_waited_behind_a_look_that_had_no_answer_in_time_does_not_wait_as_long_again(
    away: Exception, looks: int
) -> None:
    log = Log()
    shared = Looks(log.look, "test")
    log.away = away
    first = asyncio.create_task(shared.head())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    behind = [asyncio.create_task(shared.head()) for _ in range(3)]
    await asyncio.sleep(0)
    log.answer.set()
    found = await asyncio.gather(first, *behind, return_exceptions=True)
    assert [type(one) for one in found] == [LedgerUnavailable] * 4
    assert log.looks == looks
    # What was told holds for nobody who asks later.
    log.away = None
    assert (await shared.head()).position == 0
