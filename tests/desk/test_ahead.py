"""While a batch is committed the next one is decided; nothing of it counts before the one before it is recorded."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio

from interlock.desk import UnknownOutcome
from interlock.desk.project import ALONE_SECONDS
from interlock.desk.rules import Verdict
from interlock.domain.errors import NotFound
from interlock.ledger import Ledger, LedgerUnavailable, OutcomeUnknown, Row
from tests.desk.desks import PROJECT, Clerk, clerk_at, desk_on, events_of
from tests.desk.tiny import TINY, Close, Note, Open, admit, decide

Said = asyncio.Task[Any]


class Held:
    """A clerk whose ledger holds back the append of one batch, and who is told what was decided."""

    def __init__(self, ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
        self.decided: list[Any] = []
        self.admitted: list[int] = []
        self.passed = 0.0
        rules = replace(TINY, decide=self._decide, admit=self._admit)
        self.clerk = Clerk(desk_on(ledger, rules, monotonic=lambda: time.monotonic() + self.passed))
        self.batches: list[int] = []
        self.fails: BaseException | None = None
        self.recorded_all_the_same = False
        self.answer_is_late = False
        self._gate = asyncio.Event()
        self._gate.set()
        self._appending = asyncio.Event()
        self._deciding = asyncio.Event()
        self._append = ledger.append
        monkeypatch.setattr(ledger, "append", self._held)

    def _decide(self, situation: Any, command: Any, actor: Any, now: datetime) -> Verdict:
        self.decided.append(command)
        self._deciding.set()
        return decide(situation, command, actor, now)

    def _admit(self, situation: Any, stream: str, events: Sequence[Any]) -> Any:
        self.admitted.append(len(events))
        return admit(situation, stream, events)

    async def _held(self, project: str, rows: Sequence[Row]) -> datetime:
        self.batches.append(len(rows))
        if self.answer_is_late:
            clock = await self._append(project, rows)
            self._appending.set()
            await self._gate.wait()
            return clock
        self._appending.set()
        await self._gate.wait()
        fails, self.fails = self.fails, None
        if fails is None:
            return await self._append(project, rows)
        if self.recorded_all_the_same:
            await self._append(project, rows)
        raise fails

    async def hold(self, command: Any, *more: Any, **how: Any) -> list[Said]:
        """Let `command` come as far as its append, and decide `more` meanwhile."""
        self._gate.clear()
        self._appending.clear()
        said = [asyncio.create_task(self.clerk.say(command, **how))]
        await self._appending.wait()
        return said + [await self.ahead(one) for one in more]

    async def hold_all(self, commands: Sequence[Any]) -> list[Said]:
        """Give all commands at once; return when the first batch of them is being appended and all are decided."""
        before = len(self.decided)
        self._gate.clear()
        self._appending.clear()
        said = [asyncio.create_task(self.clerk.say(one)) for one in commands]
        async with asyncio.timeout(60):
            await self._appending.wait()
            while len(self.decided) < before + len(commands):
                self._deciding.clear()
                await self._deciding.wait()
        return said

    async def ahead(self, command: Any, **how: Any) -> Said:
        """Give a command and return when it was decided; the append is still held back."""
        self._deciding.clear()
        said = asyncio.create_task(self.clerk.say(command, **how))
        async with asyncio.timeout(60):
            await self._deciding.wait()
        assert not said.done()
        return said

    async def go(self, *said: Said) -> list[Any]:
        """Let the batch be recorded, or fail; return the answers."""
        self._gate.set()
        return await asyncio.gather(*said, return_exceptions=True)


@pytest_asyncio.fixture
async def held(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Held]:
    held = Held(ledger, monkeypatch)
    await held.clerk.say(Open("old"))
    held.batches.clear()
    held.admitted.clear()
    yield held
    await held.go()
    await held.clerk.desk.close()


async def test_what_comes_during_a_commit_is_decided_on_what_will_be_and_appended_after_it(held: Held, ledger: Ledger):
    said = await held.hold(Open("4.12.0"), Close("4.12.0"), Close("nowhere"), Note())
    assert held.batches == [2]
    assert (await ledger.head(PROJECT)).position == 2
    first, closed, nowhere, note = await held.go(*said)
    assert isinstance(nowhere, NotFound)
    assert [answer.position for answer in (first, closed, note)] == [4, 5, 6]
    assert held.batches == [2, 2]
    # Once each: what was decided ahead was not decided again.
    assert held.decided[1:] == [Open("4.12.0"), Close("4.12.0"), Close("nowhere"), Note()]


async def test_where_the_batch_before_was_not_recorded_everything_is_decided_anew(held: Held, ledger: Ledger):
    held.fails = LedgerUnavailable("no route")
    said = await held.hold(Close("old"), Open("4.12.0"), Close("old"))
    first, opened, closed = await held.go(*said)
    assert isinstance(first, Exception)
    # Ahead it was not found, because the batch before would have closed it.
    assert closed.status == opened.status == "accepted"
    assert [event.position for event in await events_of(ledger)] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("recorded", [True, False])
async def test_where_its_outcome_is_unknown_the_next_batch_is_decided_on_what_the_ledger_holds(
    held: Held, ledger: Ledger, recorded: bool
):
    held.fails, held.recorded_all_the_same = OutcomeUnknown("the connection was lost"), recorded
    command_id = uuid4()
    first, opened = await held.go(*await held.hold(Open("4.12.0"), Open("4.12.0"), command_id=command_id))
    assert isinstance(first, UnknownOutcome)
    assert opened.status == ("refused" if recorded else "accepted")
    again = await held.clerk.say(Open("4.12.0"), command_id=command_id)
    assert (again.status, again.repeated) == ("accepted" if recorded else "refused", recorded)


async def test_where_somebody_else_was_faster_both_batches_are_decided_on_his_news_in_their_order(
    held: Held, dsns, ledger: Ledger
):
    said = await held.hold(Note(), Open("4.12.0"), Note())
    async with clerk_at(dsns.app) as other:
        await other.say(Open("4.12.0"))
    first, opened, last = await held.go(*said)
    assert opened.status == "refused"
    assert 4 < first.position < opened.position < last.position
    assert [event.position for event in await events_of(ledger)] == list(range(1, last.position + 1))


async def test_a_command_that_comes_again_while_it_is_recorded_gets_the_one_answer(held: Held, ledger: Ledger):
    command_id = uuid4()
    said = await held.hold(Note(), command_id=command_id)
    again = asyncio.create_task(held.clerk.say(Note(), command_id=command_id))
    other = await held.ahead(Note())
    first, repeated, _ = await held.go(*said, again, other)
    assert repeated.repeated
    assert repeated == first
    assert len(await events_of(ledger)) == 2 + 2


@pytest.mark.parametrize("recorded_when_read", [True, False])
async def test_a_stream_that_is_read_meanwhile_ends_with_what_is_recorded_just_now(
    held: Held, ledger: Ledger, recorded_when_read: bool
):
    held.answer_is_late = recorded_when_read
    # The batch on its way closes the release; whether or not the ledger holds that yet, its stream has two events.
    said = await held.hold(Close("old"), Open("old"))
    assert held.admitted == [2]
    closed, refused = await held.go(*said)
    assert (closed.status, refused.status) == ("accepted", "refused")
    assert [event.stream for event in await events_of(ledger)][3:] == ["refusals/anton"]


@pytest.mark.parametrize("waiting, sizes", [(15, [15]), (16, [8, 8]), (17, [9, 8])])
async def test_of_many_who_come_at_once_half_are_appended_while_the_others_are_decided(
    held: Held, waiting: int, sizes: list[int]
):
    said = await held.hold_all([Note() for _ in range(waiting)])
    assert held.batches == sizes[:1]
    assert len(held.decided) == 1 + waiting
    answers = await held.go(*said)
    assert sorted(answer.position for answer in answers) == [answer.position for answer in answers]
    assert held.batches == sizes


async def test_who_writes_without_a_pause_for_long_waits_for_somebody_elses_turn(held: Held, ledger: Ledger):
    said = await held.hold(Note(), Note())
    async with ledger.turn(PROJECT) as turn:
        held.passed = ALONE_SECONDS
        [first] = await held.go(said[0])
        async with asyncio.timeout(60), ledger.connection() as connection:
            while not await connection.fetchval("select exists (select from pg_locks where not granted)"):
                pass
        assert not said[1].done()
        assert (await turn.head(PROJECT)).position == first.position
    assert (await said[1]).position == first.position + 1
    # Not on the way of who is alone.
    assert held.batches == [1]
