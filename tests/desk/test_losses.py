"""The ledger goes away: every error says what became of the command. What holds under kills, tests/fire shows."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import uuid4

import pytest

from interlock.desk import Unavailable, UnknownOutcome, project
from interlock.ledger import Ledger, LedgerUnavailable, OutcomeUnknown, Row
from interlock.serve.readiness import Readiness, deciding
from tests.desk.desks import PROJECT, Clerk, events_of
from tests.desk.tiny import Close, Note, Open


@pytest.mark.parametrize("recorded", [True, False])
async def test_a_lost_outcome_is_resolved_by_the_same_id(
    clerk: Clerk, ledger: Ledger, monkeypatch: pytest.MonkeyPatch, recorded: bool
):
    await clerk.say(Note())
    append = ledger.append

    async def lost(project: str, rows: Sequence[Row]) -> datetime:
        if recorded:
            await append(project, rows)
        raise OutcomeUnknown("the connection was lost")

    monkeypatch.setattr(ledger, "append", lost)
    ids = [uuid4() for _ in range(5)]
    said = await asyncio.gather(
        *(clerk.say(Open(f"4.{n}.0"), command_id=one) for n, one in enumerate(ids)), return_exceptions=True
    )
    assert all(isinstance(one, UnknownOutcome) and "repeat it with the same id" in str(one) for one in said)
    monkeypatch.undo()
    answers = await asyncio.gather(*(clerk.say(Open(f"4.{n}.0"), command_id=one) for n, one in enumerate(ids)))
    assert [answer.status for answer in answers] == ["accepted"] * 5
    assert [answer.repeated for answer in answers] == [recorded] * 5
    assert [event.position for event in await events_of(ledger)] == list(range(1, 12))


async def test_a_ledger_that_is_away_costs_no_decision(clerk: Clerk, ledger: Ledger, monkeypatch: pytest.MonkeyPatch):
    await clerk.say(Open("4.12.0"))

    async def away(*_: Any, **__: Any) -> Any:
        raise LedgerUnavailable("no route")

    for name in ("append", "head", "read"):
        monkeypatch.setattr(ledger, name, away)
    command_id = uuid4()
    with pytest.raises(Unavailable, match="nothing was recorded: repeat the command with the same id") as raised:
        await clerk.say(Close("4.12.0"), command_id=command_id)
    assert not isinstance(raised.value, UnknownOutcome)
    with pytest.raises(Unavailable):
        await clerk.desk.situation(PROJECT)
    monkeypatch.undo()
    answer = await clerk.say(Close("4.12.0"), command_id=command_id)
    assert (answer.status, answer.position, answer.repeated) == ("accepted", 3, False)


async def test_a_ledger_that_takes_nothing_is_told_of_until_it_does_again(
    clerk: Clerk, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be read all the while: its disk is full."""
    ready = Readiness(ledger, {"desk": deciding(clerk.desk, {})}, {})
    await clerk.say(Open("4.12.0"))
    append = ledger.append

    async def full(*_: Any, **__: Any) -> Any:
        raise LedgerUnavailable("no space left on device")

    for _ in range(2):
        monkeypatch.setattr(ledger, "append", full)
        with pytest.raises(Unavailable):
            await clerk.say(Close("4.12.0"))
        assert (await ready())["desk"] == f"{PROJECT}: the ledger cannot be reached: no space left on device"
        # Nobody sends it anything meanwhile: so after a while the next command finds out.
        with monkeypatch.context() as later:
            later.setattr(project, "TROUBLE_SECONDS", 0.0)
            assert (await ready())["desk"] == "ok"
    monkeypatch.setattr(ledger, "append", append)
    await clerk.say(Close("4.12.0"))
    assert (await ready())["desk"] == "ok"
