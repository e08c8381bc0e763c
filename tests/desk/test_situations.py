"""The situation that a desk keeps is the fold of the log, however it came by it."""

from __future__ import annotations

import logging
from functools import reduce
from typing import Any

import asyncpg
import pytest

from interlock.desk import NoSuchPosition, past, project, reading
from interlock.desk.rules import Rules
from interlock.desk.snapshots import KIND
from interlock.events.codec import decode
from interlock.ledger import Ledger, LedgerUnavailable
from tests.desk.desks import PROJECT, Clerk, clerk_at, desk_on, events_of
from tests.desk.tiny import TINY, Close, Note, Open, Tally


async def replay(ledger: Ledger, rules: Rules = TINY, *, up_to: int | None = None) -> Any:
    return reduce(rules.evolve, (await events_of(ledger))[:up_to], rules.empty)


async def some_history(clerk: Clerk) -> None:
    for number in range(6):
        await clerk.say(Open(f"4.{number}.0"))
        await clerk.say(Open(f"4.{number}.0"))
        if number % 2:
            await clerk.say(Close(f"4.{number}.0"))
            await clerk.say(Open(f"4.{number}.0"))


async def test_what_the_desk_keeps_is_equal_to_a_replay(clerk: Clerk, ledger: Ledger):
    await some_history(clerk)
    situation = await clerk.desk.situation(PROJECT)
    assert situation == await replay(ledger)
    assert situation.closed == frozenset()


async def test_the_situation_has_caught_up_with_what_others_recorded(clerk: Clerk, dsns):
    await clerk.say(Note())
    async with clerk_at(dsns.app) as other:
        await other.say(Open("4.12.0"))
    assert (await clerk.desk.situation(PROJECT)).open == {"4.12.0"}
    assert (await clerk.desk.situation(PROJECT)).position == 3


async def test_a_project_without_events_has_the_empty_situation(clerk: Clerk):
    assert await clerk.desk.situation("nothing here") == Tally()
    with pytest.raises(NoSuchPosition):
        await clerk.desk.situation("nothing here", at_position=1)


async def test_a_past_situation_is_the_fold_up_to_there(clerk: Clerk, ledger: Ledger, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(past, "STEP_EVENTS", 4)
    monkeypatch.setattr(past, "PAST_SITUATIONS_MAX", 5)
    monkeypatch.setattr(past, "PAGE_EVENTS", 3)
    await some_history(clerk)
    last = (await clerk.desk.situation(PROJECT)).position
    for position in [*range(last, -1, -1), 3, 17, 3]:
        situation = await clerk.desk.situation(PROJECT, at_position=position)
        assert situation == await replay(ledger, up_to=position)
    assert len(clerk.desk._past._kept) <= 5
    for position in (-1, last + 1):
        with pytest.raises(NoSuchPosition, match=f"the last one is {last}"):
            await clerk.desk.situation(PROJECT, at_position=position)


async def test_a_past_situation_knows_of_closed_things_only_what_had_happened_by_then(clerk: Clerk):
    await clerk.say(Note())
    await clerk.say(Open("4.12.0"))
    await clerk.say(Close("4.12.0"))
    command = Open("4.12.0")
    assert (await clerk.desk.situation(PROJECT, command, at_position=1)).closed == frozenset()
    assert (await clerk.desk.situation(PROJECT, command)).closed == {"4.12.0"}


class TestSnapshots:
    """Stored in the background every so many events, read at a cold start, and never trusted blindly."""

    @pytest.fixture(autouse=True)
    def often(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(project, "SNAPSHOT_EVENTS", 10)

    async def stored(self, ledger: Ledger) -> tuple[int, bytes]:
        desk = desk_on(ledger)
        await some_history(Clerk(desk))
        await desk.close()
        found = await ledger.load_snapshot(PROJECT, KIND, TINY.snapshot_version)
        assert found is not None
        return found

    async def test_a_cold_start_from_a_snapshot_is_equal_to_a_replay(
        self, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
    ):
        position, _ = await self.stored(ledger)
        decoded: list[int] = []

        def counting(body: bytes):
            event = decode(body)
            decoded.append(event.position)
            return event

        monkeypatch.setattr(reading, "decode", counting)
        clerk = Clerk(desk_on(ledger))
        assert await clerk.desk.situation(PROJECT) == await replay(ledger)
        assert decoded == list(range(position + 1, len(await events_of(ledger)) + 1))
        # Versions and beginnings of streams are no part of the snapshot; the ledger has them.
        answer = await clerk.say(Close("4.0.0"))
        assert (answer.recorded[0].version, answer.recorded[0].correlation) == (2, 1)

    async def test_a_snapshot_of_another_version_is_not_read(self, ledger: Ledger):
        position, _ = await self.stored(ledger)
        await ledger.store_snapshot(PROJECT, KIND, TINY.snapshot_version + 1, position, b"of tomorrow")
        assert await desk_on(ledger).situation(PROJECT) == await replay(ledger)

    @pytest.mark.parametrize("harm", ["bit", "cut", "empty", "unsealed", "other log", "future"])
    async def test_a_broken_snapshot_is_ignored_and_said_so(
        self, ledger: Ledger, dsns, caplog: pytest.LogCaptureFixture, harm: str
    ):
        position, body = await self.stored(ledger)
        broken = {
            "bit": body[:-5] + bytes([body[-5] ^ 1]) + body[-4:],
            "cut": body[:-7],
            "empty": b"",
            "unsealed": body.partition(b"\n")[2],
            "other log": b"0" * 64 + body[64:],
            "future": body,
        }[harm]
        connection = await asyncpg.connect(dsns.app)
        await connection.execute(
            "update snapshot.folded set body = $1, position = $2", broken, 10_000 if harm == "future" else position
        )
        await connection.close()
        with caplog.at_level(logging.WARNING):
            clerk = Clerk(desk_on(ledger))
            assert await clerk.desk.situation(PROJECT) == await replay(ledger)
        assert "is ignored, all its events are read" in caplog.text
        assert (await clerk.say(Note())).status == "accepted"

    async def test_a_snapshot_that_cannot_be_stored_costs_nothing_but_the_next_start(
        self, ledger: Ledger, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ):
        async def away(*_: Any) -> None:
            raise LedgerUnavailable("no route")

        monkeypatch.setattr(ledger, "store_snapshot", away)
        desk = desk_on(ledger)
        await some_history(Clerk(desk))
        await desk.close()
        assert "was not stored" in caplog.text
        assert await ledger.load_snapshot(PROJECT, KIND, TINY.snapshot_version) is None
        assert await desk_on(ledger).situation(PROJECT) == await replay(ledger)
