"""The desk's time is the ledger's: late by what was measured, never early."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from interlock.desk import CannotStampTime
from interlock.ledger import ClockDisagrees, Ledger, Row
from interlock.ledger.clock import COPY_SECONDS_MAX, LedgerClock
from tests.desk.desks import PROJECT, Clerk, clerk_at, desk_on, events_of
from tests.desk.tiny import Note, Nothing, Wait

NINE = datetime(2026, 11, 28, 9, tzinfo=UTC)


class Hand:
    """A monotonic clock that a test moves."""

    def __init__(self) -> None:
        self.seconds = 1_000.0

    def __call__(self) -> float:
        return self.seconds


def test_the_copy_is_late_and_never_early():
    hand = Hand()
    clock = LedgerClock(hand)
    assert clock.now() is None
    # Read somewhere within the 30 ms that the answer took: at most 30 ms late.
    clock.learn(NINE, sent=999.97, received=1_000.0)
    assert clock.now() == NINE
    hand.seconds += 10
    true_time = NINE + timedelta(seconds=10)
    now = clock.now()
    assert now is not None
    assert true_time - timedelta(milliseconds=5) < now < true_time


def test_a_slow_answer_does_not_set_the_copy_back_and_a_jump_does():
    hand = Hand()
    clock = LedgerClock(hand)
    clock.learn(NINE, sent=1_000.0, received=1_000.0)
    hand.seconds += 2
    # The clock was read before a fsync of one second.
    clock.learn(NINE + timedelta(seconds=1), sent=1_001.0, received=1_002.0)
    now = clock.now()
    assert now is not None
    assert NINE + timedelta(seconds=1.99) < now <= NINE + timedelta(seconds=2)
    clock.learn(NINE - timedelta(seconds=30), sent=1_002.0, received=1_002.0)
    assert clock.now() == NINE - timedelta(seconds=30)


def test_an_old_copy_is_not_trusted():
    hand = Hand()
    clock = LedgerClock(hand)
    clock.learn(NINE, sent=1_000.0, received=1_000.0)
    hand.seconds += COPY_SECONDS_MAX + 1
    assert clock.now() is None


async def test_events_are_stamped_with_the_ledgers_clock_and_time_never_goes_back(clerk: Clerk, ledger: Ledger):
    before = (await ledger.head(PROJECT)).clock
    for _ in range(5):
        await clerk.say(Note())
    after = (await ledger.head(PROJECT)).clock
    stamps = [event.recorded_at for event in await events_of(ledger)]
    assert all(one <= other for one, other in pairwise([before, *stamps, after]))


async def test_the_test_clock_decides_and_stands_still(test_clock_ledger: Ledger):
    desk = desk_on(test_clock_ledger)
    clerk = Clerk(desk)
    await test_clock_ledger.set_test_clock(NINE - timedelta(microseconds=1))
    refused = await clerk.say(Wait(NINE))
    assert refused.status == "refused"
    assert refused.recorded[0].recorded_at == NINE - timedelta(microseconds=1)
    await test_clock_ledger.set_test_clock(NINE)
    assert await desk.now(PROJECT) == NINE
    accepted = await clerk.say(Wait(NINE))
    assert accepted.status == "accepted"
    assert accepted.recorded[0].recorded_at == NINE
    await test_clock_ledger.set_test_clock(NINE + timedelta(days=400))
    assert (await clerk.say(Note())).recorded[0].recorded_at == NINE + timedelta(days=400)
    await desk.close()


async def test_a_clock_that_moves_while_a_batch_is_decided_is_taken_and_the_batch_decided_again(
    test_clock_ledger: Ledger, monkeypatch: pytest.MonkeyPatch
):
    desk = desk_on(test_clock_ledger)
    clerk = Clerk(desk)
    await test_clock_ledger.set_test_clock(NINE - timedelta(hours=1))
    await clerk.say(Note())
    append = test_clock_ledger.append
    moved = False

    async def late(project: str, rows: Sequence[Row]) -> datetime:
        nonlocal moved
        if not moved:
            moved = True
            await test_clock_ledger.set_test_clock(NINE)
        return await append(project, rows)

    monkeypatch.setattr(test_clock_ledger, "append", late)
    # Decided at eight o'clock it would be refused; what is recorded was decided at nine.
    assert (await clerk.say(Wait(NINE))).status == "accepted"
    assert [event.recorded_at for event in await events_of(test_clock_ledger)][1:] == [NINE]
    await desk.close()


async def test_while_the_clock_does_not_agree_nothing_is_recorded(
    clerk: Clerk, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
):
    await clerk.say(Note())

    async def disagrees(project: str, rows: Sequence[Row]) -> datetime:
        raise ClockDisagrees

    monkeypatch.setattr(ledger, "append", disagrees)
    said = await asyncio.gather(clerk.say(Note()), clerk.say(Note()), return_exceptions=True)
    assert [type(one) for one in said] == [CannotStampTime] * 2
    assert (await clerk.say(Nothing())).status == "accepted"
    monkeypatch.undo()
    assert (await clerk.say(Note())).position == 2


async def test_who_waited_behind_another_ones_open_transaction_goes_on_when_that_is_over(dsns, ledger: Ledger):
    async with clerk_at(dsns.app) as clerk:
        await clerk.say(Note())
        async with ledger.connection() as connection:
            blocking = connection.transaction()
            await blocking.start()
            head = await ledger.head(PROJECT)
            await connection.execute(
                "insert into ledger.event (project, position, stream, version, type, recorded_at, body, command_id, "
                "request_hash, command_events) select project, 2, 'x', 1, type, $1, convert_to((convert_from(body, "
                "'UTF8')::jsonb || jsonb_build_object('position', 2, 'stream', 'x', 'version', 1, 'recorded_at', "
                "to_char($1 at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'), 'command_id', "
                "'00000000-0000-4000-8000-000000000000'))::text, 'UTF8'), '00000000-0000-4000-8000-000000000000', "
                "request_hash, 1 from ledger.event where project = 'shop'",
                head.clock,
            )
            waiting = asyncio.create_task(clerk.say(Note()))
            await asyncio.sleep(1.5)
            assert not waiting.done()
            await blocking.rollback()
        assert (await waiting).position == 2
