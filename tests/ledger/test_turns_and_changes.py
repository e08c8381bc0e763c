"""Turns keep writers out of each other's way; changes wake readers."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest

from interlock.ledger import Changes, Ledger, Overtaken
from interlock.ledger.embedded import Dsns
from tests.fixtures.postgres import started_postgres
from tests.ledger.rows import PROJECT, append_one, command, rows_of, stamp


async def test_in_a_turn_one_reads_and_appends_and_others_wait(ledger: Ledger) -> None:
    order: list[str] = []

    async def take(name: str) -> None:
        async with ledger.turn(PROJECT) as turn:
            assert turn.held
            order.append(f"{name} begins")
            head = await turn.head(PROJECT)
            await turn.append(
                PROJECT, rows_of(command(name), stamp(head), first=head.position + 1, streams=[(name, 1)])
            )
            await asyncio.sleep(0.02)
            order.append(f"{name} ends")

    await asyncio.gather(*(take(f"writer-{number}") for number in range(6)))
    assert [word.split()[0] for word in order[::2]] == [word.split()[0] for word in order[1::2]]
    assert (await ledger.head(PROJECT)).position == 6  # nobody was overtaken


async def test_projects_have_turns_of_their_own(ledger: Ledger) -> None:
    async with ledger.turn("one") as first, ledger.turn("two") as second:
        assert first.held
        assert second.held


async def test_a_turn_that_cannot_be_had_in_time_goes_on_without_and_the_fence_still_stands(ledger: Ledger) -> None:
    async with ledger.turn(PROJECT) as first:
        async with ledger.turn(PROJECT) as second:
            assert (first.held, second.held) == (True, False)
            await append_one(ledger, 1)
    async with ledger.turn(PROJECT) as third:
        assert third.held


async def test_a_turn_is_given_back_when_its_holder_fails(ledger: Ledger) -> None:
    with pytest.raises(ZeroDivisionError):
        async with ledger.turn(PROJECT):
            raise ZeroDivisionError
    async with ledger.turn(PROJECT) as turn:
        assert turn.held


async def test_a_turn_is_given_back_after_a_refusal_too(ledger: Ledger) -> None:
    with pytest.raises(Overtaken):
        async with ledger.turn(PROJECT) as turn:
            await turn.append(
                PROJECT, rows_of(command(1), (await turn.head(PROJECT)).clock, first=2, streams=[("a", 1)])
            )
    async with ledger.turn(PROJECT) as turn:
        assert turn.held


async def test_each_batch_wakes_with_the_projects_name_once(ledger: Ledger, dsns: Dsns) -> None:
    heard: list[str] = []
    listener = await asyncpg.connect(dsns.app, timeout=10)
    await listener.add_listener("interlock", lambda *words: heard.append(words[3]))
    await append_one(ledger, 1, events=5)
    await append_one(ledger, 1, events=2, project="other")
    for _ in range(20):  # each answer brings along what was said before it
        await listener.execute("select pg_sleep(0.05)")
    await listener.close()
    assert heard == [PROJECT, "other"]


async def test_changes_name_the_projects_that_moved(ledger: Ledger) -> None:
    async with ledger.changes() as changes:
        assert await changes.wait(0.05) == set()
        await append_one(ledger, 1)
        assert await changes.wait(10) == {PROJECT}
        await append_one(ledger, 2)
        async for project in changes:
            assert project == PROJECT
            break


async def test_closing_ends_a_waiting_reader(ledger: Ledger) -> None:
    changes = ledger.changes()
    names = asyncio.create_task(collect(changes))
    await asyncio.sleep(0.05)
    await changes.close()
    assert await names == []


async def collect(changes: Changes) -> list[str]:
    return [project async for project in changes]


async def test_changes_come_back_after_the_server_was_killed() -> None:
    with started_postgres() as server:
        dsns = await server.prepare()
        ledger = await Ledger.open(dsns.app)
        async with ledger.changes() as changes:
            await append_one(ledger, 1)
            assert await changes.wait(10) == {PROJECT}
            await asyncio.to_thread(server.kill)
            assert await changes.wait(0.1) == set()
            assert await changes.wait(0.1) == set()
            await asyncio.to_thread(server.start)
            assert await changes.wait(0.1) == set()
            await append_one(ledger, 2)
            assert await changes.wait(10) == {PROJECT}
        await ledger.close()
