"""Commands that queue during a commit are decided together, and none of them harms another."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime
from uuid import uuid4

import pytest

from interlock.desk import CommandTooLarge, DeskClosed, Overloaded, deciding, project
from interlock.domain.errors import NotFound
from interlock.ledger import Ledger, Row
from tests.desk.desks import PROJECT, Clerk, desk_on, events_of
from tests.desk.tiny import Bug, Close, Note, Nothing, Open


class Watched:
    """The ledger's appends, as they went by: sizes of batches, and a gate that a test can close."""

    def __init__(self, ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
        self.batches: list[int] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.appending = asyncio.Event()
        append = ledger.append

        async def watched(name: str, rows: Sequence[Row]) -> datetime:
            self.batches.append(len(rows))
            self.appending.set()
            await self.gate.wait()
            return await append(name, rows)

        monkeypatch.setattr(ledger, "append", watched)


@pytest.fixture
def watched(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> Watched:
    return Watched(ledger, monkeypatch)


async def test_what_queued_during_a_commit_is_the_next_batch(clerk: Clerk, watched: Watched):
    watched.gate.clear()
    async with asyncio.TaskGroup() as group:
        group.create_task(clerk.say(Note()))
        await watched.appending.wait()
        for _ in range(20):
            group.create_task(clerk.say(Note()))
        await asyncio.sleep(0.01)
        watched.gate.set()
    assert watched.batches == [1, 20]


async def test_a_batch_has_bounded_commands_and_events(
    clerk: Clerk, watched: Watched, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(project, "BATCH_COMMANDS_MAX", 8)
    monkeypatch.setattr(deciding, "BATCH_EVENTS_MAX", 10)
    await clerk.say(Note(times=15))
    await asyncio.gather(*(clerk.say(Note(times=3)) for _ in range(9)), *(clerk.say(Note()) for _ in range(20)))
    assert max(watched.batches[1:]) <= 10
    assert sum(watched.batches) == len(await events_of(ledger)) == 15 + 27 + 20


async def test_commands_are_answered_in_the_order_in_which_they_came(clerk: Clerk, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(deciding, "BATCH_EVENTS_MAX", 7)
    answers = await asyncio.gather(*(clerk.say(Note(times=1 + n % 3)) for n in range(40)))
    positions = [answer.position for answer in answers]
    assert positions == sorted(positions)


async def test_a_refusal_or_an_error_fails_no_other_command(clerk: Clerk, ledger: Ledger):
    await clerk.say(Open("taken"))
    said = await asyncio.gather(
        clerk.say(Open("4.12.0")),
        clerk.say(Bug()),
        clerk.say(Close("nowhere")),
        clerk.say(Open("taken")),
        clerk.say(Note("\ud800")),
        clerk.say(Note("x" * 70_000)),
        clerk.say(Note(times=501)),
        clerk.say(Nothing()),
        clerk.say(Open("4.13.0")),
        return_exceptions=True,
    )
    assert [type(one) for one in said[1:3]] == [ZeroDivisionError, NotFound]
    assert "surrogate" in str(said[4])
    assert isinstance(said[5], CommandTooLarge)
    assert isinstance(said[6], CommandTooLarge)
    kept = [one.status for one in (said[0], said[3], said[7], said[8]) if not isinstance(one, BaseException)]
    assert kept == ["accepted", "refused", "accepted", "accepted"]
    assert len(await events_of(ledger)) == 2 + 2 + 1 + 2


async def test_what_the_ledger_itself_refuses_fails_alone(clerk: Clerk, ledger: Ledger):
    # The reader refuses this name for a stream, which no rule would make: the ledger's columns hold no NUL.
    said = await asyncio.gather(
        clerk.say(Note()), clerk.say(Note(to="a\x00b")), clerk.say(Note()), return_exceptions=True
    )
    assert isinstance(said[1], Exception)
    assert [one.status for one in (said[0], said[2]) if not isinstance(one, BaseException)] == ["accepted"] * 2
    assert len(await events_of(ledger)) == 2


async def test_a_cancelled_caller_does_not_cancel_its_command(clerk: Clerk, watched: Watched, ledger: Ledger):
    command_id = uuid4()
    watched.gate.clear()
    first = asyncio.create_task(clerk.say(Open("4.12.0"), command_id=command_id))
    other = asyncio.create_task(clerk.say(Note()))
    await watched.appending.wait()
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    watched.gate.set()
    await other
    answer = await clerk.say(Open("4.12.0"), command_id=command_id)
    assert answer.repeated
    assert len(await events_of(ledger)) == 3


async def test_a_cancelled_caller_in_the_queue_does_not_cancel_its_command(clerk: Clerk, watched: Watched):
    await clerk.say(Note())
    watched.gate.clear()
    watched.appending.clear()
    first = asyncio.create_task(clerk.say(Note()))
    await watched.appending.wait()
    queued = asyncio.create_task(clerk.say(Open("4.12.0")))
    await asyncio.sleep(0.01)
    queued.cancel()
    watched.gate.set()
    await first
    assert (await clerk.say(Close("4.12.0"))).status == "accepted"


async def test_a_full_queue_says_so_at_once_and_takes_commands_again(
    clerk: Clerk, watched: Watched, monkeypatch: pytest.MonkeyPatch
):
    await clerk.say(Note())
    monkeypatch.setattr(project, "QUEUE_COMMANDS_MAX", 5)
    watched.gate.clear()
    watched.appending.clear()
    first = asyncio.create_task(clerk.say(Note()))
    await watched.appending.wait()
    queued = [asyncio.create_task(clerk.say(Note())) for _ in range(5)]
    await asyncio.sleep(0.01)
    with pytest.raises(Overloaded, match="repeat the command later with the same id"):
        await clerk.say(Note())
    watched.gate.set()
    await asyncio.gather(first, *queued)
    assert (await clerk.say(Note())).status == "accepted"


async def test_a_closing_desk_answers_who_waits_and_takes_no_more(ledger: Ledger, watched: Watched):
    desk = desk_on(ledger)
    clerk = Clerk(desk)
    await clerk.say(Note())
    watched.gate.clear()
    waiting = [asyncio.create_task(clerk.say(Note())) for _ in range(5)]
    await asyncio.sleep(0.01)
    closing = asyncio.create_task(desk.close())
    await asyncio.sleep(0.01)
    with pytest.raises(DeskClosed):
        await clerk.say(Note())
    watched.gate.set()
    await closing
    assert all(task.done() and task.result().status == "accepted" for task in waiting)


async def test_projects_do_not_wait_for_each_other(ledger: Ledger, clerk: Clerk, watched: Watched):
    await clerk.say(Note())
    other = Clerk(clerk.desk, "another")
    watched.gate.clear()
    watched.appending.clear()
    waiting = asyncio.create_task(clerk.say(Note()))
    await watched.appending.wait()
    assert (await other.say(Nothing())).status == "accepted"
    assert not waiting.done()
    watched.gate.set()
    await waiting


async def test_projects_that_nobody_waits_for_are_forgotten_and_read_again(
    clerk: Clerk, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("interlock.desk.desk.PROJECTS_REMEMBERED_MAX", 3)
    await clerk.say(Open("4.12.0"))
    for number in range(6):
        await Clerk(clerk.desk, f"project-{number}").say(Note())
    assert len(clerk.desk._projects) == 3
    assert (await clerk.say(Close("4.12.0"))).position == 3


async def test_names_that_are_no_projects_push_no_project_out(clerk: Clerk, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("interlock.desk.desk.PROJECTS_REMEMBERED_MAX", 3)
    await clerk.say(Open("4.12.0"))
    for number in range(6):
        await clerk.desk.situation(f"made-up-{number}")
    assert list(clerk.desk._projects) == [PROJECT]
