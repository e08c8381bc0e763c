"""What a command names outside the ledger is looked at before its turn, whichever way it came in."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio

from interlock.desk import DeskClosed, Unavailable
from interlock.domain.errors import InvalidCommand
from interlock.ledger import Ledger, LedgerUnavailable
from tests.desk.desks import PROJECT, Clerk, desk_on, events_of
from tests.desk.tiny import Note


class Looks:
    """Admits everything until it is told otherwise; says which commands it saw."""

    def __init__(self) -> None:
        self.raises: Exception | None = None
        self.until = asyncio.Event()
        self.until.set()
        self.looked = asyncio.Event()
        self.seen: list[Any] = []

    async def __call__(self, project: str, command: Any) -> None:
        self.seen.append((project, command))
        self.looked.set()
        await self.until.wait()
        if self.raises is not None:
            raise self.raises


@pytest_asyncio.fixture
async def looks() -> Looks:
    return Looks()


@pytest_asyncio.fixture
async def strict(ledger: Ledger, looks: Looks) -> AsyncIterator[Clerk]:
    desk = desk_on(ledger, admits=looks)
    yield Clerk(desk)
    await desk.close()


async def test_what_is_not_admitted_is_not_recorded_and_the_next_one_is(strict: Clerk, looks: Looks, ledger: Ledger):
    looks.raises = InvalidCommand("plan.script_digest", "nothing is kept there")
    with pytest.raises(InvalidCommand, match="nothing is kept"):
        await strict.say(Note("first"))
    looks.raises = None
    assert (await strict.say(Note("second"))).position == 1
    assert [event.event.text for event in await events_of(ledger)] == ["second"]
    assert looks.seen == [(PROJECT, Note("first")), (PROJECT, Note("second"))]


async def test_a_command_that_was_admitted_once_keeps_its_answer(strict: Clerk, looks: Looks, ledger: Ledger):
    command_id = uuid4()
    first = await strict.say(Note(), command_id=command_id)
    looks.raises = InvalidCommand("plan.script_digest", "a newer version admits no such script")
    assert await strict.say(Note(), command_id=command_id) == first
    assert len(await events_of(ledger)) == 1


async def test_where_the_evidence_cannot_be_asked_nothing_is_decided(strict: Clerk, looks: Looks, ledger: Ledger):
    looks.raises = LedgerUnavailable("away")
    with pytest.raises(Unavailable):
        await strict.say(Note())
    assert await events_of(ledger) == []


async def test_a_desk_that_closed_meanwhile_takes_it_no_more(strict: Clerk, looks: Looks, ledger: Ledger):
    looks.until.clear()
    waiting = asyncio.create_task(strict.say(Note()))
    await looks.looked.wait()
    await strict.desk.close()
    looks.until.set()
    with pytest.raises(DeskClosed):
        await waiting
    assert await events_of(ledger) == []
