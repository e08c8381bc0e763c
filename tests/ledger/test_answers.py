"""A command that comes again gets its first answer, for ever; a lost answer is found by the command's id."""

from __future__ import annotations

import asyncio
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path

import asyncpg
import pytest

from interlock.ledger import Ledger, LedgerUnavailable, OutcomeUnknown, Overtaken
from interlock.ledger.embedded import Dsns
from interlock.ledger.lending import CONNECTIONS_MAX
from tests.ledger.proxy import wire_to
from tests.ledger.rows import PROJECT, append_one, command, rows_of, stamp


async def test_an_answer_is_all_of_the_commands_events(ledger: Ledger) -> None:
    await append_one(ledger, 1, events=1)
    await append_one(ledger, 2, events=3)
    await append_one(ledger, 3, events=2)
    answers = await ledger.answers(PROJECT, [command(2), command(3), command("never sent"), command(2)])
    assert {one: [event.position for event in answer.events] for one, answer in answers.items()} == {
        command(2): [2, 3, 4],
        command(3): [5, 6],
    }
    assert answers[command(2)].request_hash == "sha256:asked"
    assert answers[command(2)].events[0] == (await ledger.read(PROJECT, after=1, limit=1))[0]


async def test_another_project_does_not_know_the_command(ledger: Ledger) -> None:
    await append_one(ledger, 1)
    assert await ledger.answers("other", [command(1)]) == {}
    assert await ledger.answers(PROJECT, []) == {}


async def test_an_answer_cut_off_the_wire_is_unknown_and_found_by_its_command_id(dsns: Dsns) -> None:
    with tempfile.TemporaryDirectory() as directory:
        async with wire_to(dsns.app, Path(directory)) as wire:
            ledger = await Ledger.open(wire.dsn)
            await append_one(ledger, 0)
            head = await ledger.head(PROJECT)
            rows = rows_of(command(1), stamp(head), first=2, streams=[("a", 1)])
            wire.cut_at_answer = True
            with pytest.raises(OutcomeUnknown) as unknown:
                await ledger.append(PROJECT, rows)
            assert unknown.value.unknown_outcome
            # The commit happened all the same; the pool heals by itself.
            assert [event.position for event in (await ledger.answers(PROJECT, [command(1)]))[command(1)].events] == [2]
            with pytest.raises(Overtaken):
                await ledger.append(PROJECT, rows)
            await ledger.close()


async def test_a_wire_gone_silent_is_noticed_by_both_deadlines_and_the_pool_heals(dsns: Dsns) -> None:
    with tempfile.TemporaryDirectory() as directory:
        async with wire_to(dsns.app, Path(directory)) as wire:
            ledger = await Ledger.open(wire.dsn, command_timeout=1.5, acquire_timeout=1.5)
            await append_one(ledger, 0)
            head = await ledger.head(PROJECT)
            wire.silent = True
            rows = rows_of(command(1), stamp(head), first=2, streams=[("a", 1)])
            with pytest.raises(OutcomeUnknown):  # the command's deadline
                await ledger.append(PROJECT, rows)
            with pytest.raises(LedgerUnavailable) as away:  # the deadline of a new connection
                await ledger.append(PROJECT, rows)
            assert not away.value.unknown_outcome
            wire.silent = False
            assert (await ledger.head(PROJECT)).position == 1
            await ledger.append(
                PROJECT, rows_of(command(1), stamp(await ledger.head(PROJECT)), first=2, streams=[("a", 1)])
            )
            await ledger.close()


async def test_who_finds_every_connection_in_use_waits_no_longer_than_the_limit(dsns: Dsns) -> None:
    ledger = await Ledger.open(dsns.app, acquire_timeout=1.0)
    async with AsyncExitStack() as held:
        for _ in range(CONNECTIONS_MAX):
            await held.enter_async_context(ledger.connection())
        with pytest.raises(LedgerUnavailable) as away:
            await append_one(ledger, 1)
        assert not away.value.unknown_outcome
    assert await append_one(ledger, 1) == 1
    await ledger.close()


async def test_a_writer_behind_somebodys_open_transaction_waits_no_longer_than_the_limit(
    ledger: Ledger, dsns: Dsns
) -> None:
    owner = await asyncpg.connect(dsns.app, timeout=10)
    head = await ledger.head(PROJECT)
    row = rows_of(command("slow"), head.clock, first=1, streams=[("slow", 1)])[0]
    transaction = owner.transaction()
    await transaction.start()
    await owner.execute(
        "insert into ledger.event values ($1, 1, 'slow', 1, 'Annotated', $2, $3, $4, 'sha256:asked', 1)",
        PROJECT,
        row.recorded_at,
        row.body,
        row.command_id,
    )
    with pytest.raises(LedgerUnavailable) as waited:
        await ledger.append(PROJECT, rows_of(command(1), head.clock, first=1, streams=[("a", 1)]))
    assert not waited.value.unknown_outcome  # the statement failed: nothing was recorded
    await transaction.rollback()
    await owner.close()
    assert await append_one(ledger, 1) == 1


async def test_a_cancelled_append_gives_no_broken_connection_to_the_next(ledger: Ledger) -> None:
    head = await ledger.head(PROJECT)
    appending = asyncio.create_task(
        ledger.append(PROJECT, rows_of(command(1), head.clock, first=1, streams=[("a", 1)]))
    )
    await asyncio.sleep(0)
    appending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await appending
    for number in range(20):
        await append_one(ledger, f"after {number}")
    assert (await ledger.head(PROJECT)).position in {20, 21}
