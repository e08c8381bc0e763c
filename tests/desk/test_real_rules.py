"""The desk with the rules of the release flow: what it keeps is a replay, and stays small."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from functools import reduce
from time import monotonic
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio

from bench.project import ADA, SANDBOX, Desks, command_of, event_id, open_project
from bench.story import STEPS
from interlock.desk import Answer, CredentialOver, Desk, project
from interlock.domain.commands.governance import Annotate, RevokeCredential
from interlock.domain.commands.problem import DismissProblem, ReopenProblem, ReportProblem
from interlock.domain.commands.release import HoldRelease, OpenRelease
from interlock.domain.errors import NotFound
from interlock.domain.evolve import evolve
from interlock.domain.situation import Situation
from interlock.domain.snapshot import NotASnapshot, dump, load
from interlock.events.envelope import VOUCHED
from interlock.ledger import Ledger
from tests.desk.desks import PROJECT, events_of


@pytest_asyncio.fixture
async def desks(ledger: Ledger) -> AsyncIterator[Desks]:
    opened = Desks(Desk(ledger, monotonic=monotonic, event_ids=event_id), PROJECT)
    await open_project(opened)
    yield opened
    await opened.desk.close()


async def replay(ledger: Ledger) -> Any:
    return reduce(evolve, await events_of(ledger), Situation())


async def test_the_answer_to_a_real_command_is_the_same_for_ever(desks: Desks, ledger: Ledger):
    said: list[tuple[Any, Any, Any]] = []
    for step in STEPS:
        command, command_id = command_of(step, "4.12.0"), uuid4()
        said.append((command, command_id, await desks.say(command, command_id=command_id)))
    # By somebody who holds no role for it, and by the rules.
    command, command_id = OpenRelease(name="4.13.0", kind="normal", title="x"), uuid4()
    refused = await desks.say(command, ADA, command_id=command_id)
    assert (refused.status, refused.reason) == ("refused", "role")
    again_open, again_id = OpenRelease(name="4.12.0", kind="normal", title="x"), uuid4()
    taken = await desks.say(again_open, command_id=again_id)
    assert (taken.status, taken.reason) == ("refused", "check")
    other = Desks(Desk(ledger, monotonic=monotonic, event_ids=event_id), PROJECT)
    for old, old_id, answer in [*said, (again_open, again_id, taken)]:
        again = await other.say(old, command_id=old_id)
        assert again == answer
        assert again.repeated
    assert await other.say(command, ADA, command_id=command_id) == refused


async def test_a_release_that_is_over_is_known_when_it_is_named(desks: Desks):
    for step in STEPS:
        await desks.must(command_of(step, "4.12.0"))
    situation = await desks.desk.situation(PROJECT)
    assert "4.12.0" not in situation.releases
    with pytest.raises(NotFound):
        await desks.say(HoldRelease(release="4.11.0", reason="not there"))
    refused = await desks.say(HoldRelease(release="4.12.0", reason="it is over"))
    assert (refused.status, refused.subject) == ("refused", "release/4.12.0")
    seen = await desks.desk.situation(PROJECT, HoldRelease(release="4.12.0", reason="it is over"))
    assert seen.releases["4.12.0"].state == "withdrawn"


async def test_a_problem_that_is_closed_can_be_opened_again(desks: Desks, ledger: Ledger):
    reported = await desks.must(ReportProblem(environment=SANDBOX, title="quotes freeze"))
    name = reported.recorded[0].event.problem
    await desks.must(DismissProblem(problem=name, reason="the feed was off"))
    assert name not in (await desks.desk.situation(PROJECT)).problems
    await desks.must(ReopenProblem(problem=name, reason="it froze again"))
    situation = await desks.desk.situation(PROJECT)
    assert situation.problems[name].open
    assert situation == await replay(ledger)


async def test_whatever_was_said_the_desk_keeps_a_replay(desks: Desks, ledger: Ledger, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(project, "SNAPSHOT_EVENTS", 20)

    async def tell(name: str) -> None:
        for step in STEPS:
            await desks.say(command_of(step, name))
            await desks.say(command_of(step, name))

    await asyncio.gather(*(tell(f"4.{number}.0") for number in range(8)))
    situation = await desks.desk.situation(PROJECT)
    assert situation == await replay(ledger)
    assert load(dump(situation)) == situation
    await desks.desk.close()
    cold = Desk(ledger, monotonic=monotonic, event_ids=event_id)
    assert await cold.situation(PROJECT) == situation
    middle = situation.position // 2
    assert await cold.situation(PROJECT, at_position=middle) == reduce(
        evolve, (await events_of(ledger))[:middle], Situation()
    )


def test_a_snapshot_that_is_none_is_refused():
    for body in (b"", b"{", b"[]", b'{"position": "many"}'):
        with pytest.raises(NotASnapshot):
            load(body)


async def test_a_credential_that_ends_before_the_decision_decides_nothing(desks: Desks, ledger: Ledger):
    credentials = (await desks.desk.situation(PROJECT)).team.credentials.values()
    of_ada = next(held.credential for held in credentials if held.principal == ADA.id)
    ada = replace(ADA, credential=of_ada)
    remark = Annotate(target=1, kind="remark", text="seen")
    repeated = uuid4()
    first = await desks.say(remark, ada, command_id=repeated)
    # They wait for the same batch: the second was let in before the first one was decided.
    gone, late = await asyncio.gather(
        desks.say(RevokeCredential(credential=of_ada, reason="lost"), ada),
        desks.say(Annotate(target=1, kind="remark", text="and on"), ada),
        return_exceptions=True,
    )
    assert isinstance(gone, Answer)
    assert gone.status == "accepted"
    assert isinstance(late, CredentialOver)
    for actor in (ada, replace(ADA, credential="K-999")):
        with pytest.raises(CredentialOver):
            await desks.say(remark, actor)
    assert (await events_of(ledger))[-1].type == "CredentialRevoked"
    # What was answered while it still opened stays answered so.
    cold = Desks(Desk(ledger, monotonic=monotonic, event_ids=event_id), PROJECT)
    assert await cold.say(remark, ada, command_id=repeated) == first


async def test_whom_an_identity_provider_vouches_for_is_decided_about_while_he_acts(desks: Desks, ledger: Ledger):
    vouched = replace(ADA, credential=f"{VOUCHED}1b4f0e98")
    remark = Annotate(target=1, kind="remark", text="seen through a page")
    said = await desks.say(remark, vouched)
    assert isinstance(said, Answer)
    assert said.status == "accepted"
    assert (await events_of(ledger))[-1].actor == vouched
    for nobody in (replace(vouched, id="nobody-here"), replace(vouched, credential="oidcK-1")):
        with pytest.raises(CredentialOver):
            await desks.say(Annotate(target=1, kind="remark", text="and on"), nobody)
