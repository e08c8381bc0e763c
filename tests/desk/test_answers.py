"""A command has one answer for ever."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import pytest

from interlock.desk import CommandIdReused
from interlock.domain.errors import Changed, NotFound
from interlock.events.catalogue.refusals import ActionRefused
from interlock.ledger import Ledger
from tests.desk.desks import Clerk, clerk_at, events_of
from tests.desk.tiny import Close, Note, Nothing, Open


async def test_the_answer_tells_what_was_recorded_and_where(clerk: Clerk, ledger: Ledger):
    answer = await clerk.say(Open("4.12.0"))
    assert (answer.status, answer.position, answer.subject, answer.repeated) == ("accepted", 2, "release/4.12.0", False)
    assert list(answer.recorded) == await events_of(ledger)
    first, second = answer.recorded
    assert (first.stream, first.version, first.position, first.ordinal) == ("release/4.12.0", 1, 1, 0)
    assert (first.causation, first.correlation, first.policy_version) == (None, 1, 7)
    assert (second.stream, second.version, second.position, second.ordinal) == ("annotations", 1, 2, 1)
    assert (second.causation, second.correlation) == (1, 1)
    assert first.id.version == 7


async def test_a_later_command_belongs_to_the_story_that_its_subject_began(clerk: Clerk):
    await clerk.say(Note())
    opened = await clerk.say(Open("4.12.0"))
    closed = await clerk.say(Close("4.12.0"))
    assert closed.recorded[0].correlation == opened.recorded[0].position == 2


async def test_a_repeated_command_gets_its_first_answer(clerk: Clerk, ledger: Ledger):
    command_id = uuid4()
    first = await clerk.say(Open("4.12.0"), command_id=command_id)
    again = await clerk.say(Open("4.12.0"), command_id=command_id)
    assert again == first
    assert again.repeated
    assert len(await events_of(ledger)) == 2


async def test_another_desk_that_never_saw_the_command_gives_the_same_answer(clerk: Clerk, dsns):
    await clerk.say(Note())
    command_id = uuid4()
    await clerk.say(Open("4.12.0"))
    closed = await clerk.say(Close("4.12.0"), command_id=command_id)
    async with clerk_at(dsns.app) as other:
        # Today's rules would say: there is no such open release.
        assert await other.say(Close("4.12.0"), command_id=command_id) == closed


async def test_a_repeated_refusal_gets_the_first_decision(clerk: Clerk, dsns):
    await clerk.say(Open("4.12.0"))
    command_id = uuid4()
    refused = await clerk.say(Open("4.12.0"), command_id=command_id)
    assert refused.status == "refused"
    assert isinstance(refused.recorded[0].event, ActionRefused)
    assert refused.refusal == refused.position == 3
    await clerk.say(Note(times=3))
    again = await clerk.say(Open("4.12.0"), command_id=command_id)
    assert again == refused
    assert again.repeated
    async with clerk_at(dsns.app) as other:
        assert await other.say(Open("4.12.0"), command_id=command_id) == refused


async def test_the_same_refusal_again_names_the_first_ones_position_and_records_nothing(clerk: Clerk, ledger: Ledger):
    await clerk.say(Open("4.12.0"))
    first = await clerk.say(Open("4.12.0"))
    second = await clerk.say(Open("4.12.0"))
    assert (second.status, second.recorded, second.refusal) == ("refused", (), first.position)
    assert len(await events_of(ledger)) == 3


async def test_an_id_that_was_used_for_another_request_is_refused(clerk: Clerk, dsns, ledger: Ledger):
    command_id = uuid4()
    await clerk.say(Open("4.12.0"), command_id=command_id)
    with pytest.raises(CommandIdReused, match=str(command_id)):
        await clerk.say(Open("4.13.0"), command_id=command_id)
    async with clerk_at(dsns.app) as other:
        with pytest.raises(CommandIdReused):
            await other.say(Nothing(), command_id=command_id)
        with pytest.raises(CommandIdReused):
            await other.say(Open("4.14.0"), command_id=command_id)
    assert len(await events_of(ledger)) == 2


async def test_one_id_sent_ten_times_at_once_is_done_once(clerk: Clerk, ledger: Ledger):
    command_id = uuid4()
    answers = await asyncio.gather(*(clerk.say(Open("4.12.0"), command_id=command_id) for _ in range(10)))
    assert len(await events_of(ledger)) == 2
    assert all(answer == answers[0] for answer in answers)
    assert [answer.repeated for answer in answers] == [False] + [True] * 9


async def test_an_answer_that_left_no_event_is_decided_anew(clerk: Clerk):
    command_id = uuid4()
    with pytest.raises(NotFound):
        await clerk.say(Close("4.12.0"), command_id=command_id)
    assert (await clerk.say(Nothing())).recorded == ()
    await clerk.say(Open("4.12.0"))
    assert (await clerk.say(Close("4.12.0"), command_id=command_id)).status == "accepted"


async def test_if_version_is_looked_at_after_the_command_id(clerk: Clerk):
    command_id = uuid4()
    opened = await clerk.say(Open("4.12.0"), if_version=0, command_id=command_id)
    with pytest.raises(Changed, match="you read version 0, it is at 1"):
        await clerk.say(Close("4.12.0"), if_version=0)
    assert await clerk.say(Open("4.12.0"), if_version=0, command_id=command_id) == opened
    assert (await clerk.say(Close("4.12.0"), if_version=1)).status == "accepted"
    with pytest.raises(Changed, match="you read version 1, it is at 2"):
        await clerk.say(Open("4.12.0"), if_version=1)


async def test_what_is_closed_is_loaded_before_it_is_decided(clerk: Clerk, dsns):
    await clerk.say(Open("4.12.0"))
    await clerk.say(Close("4.12.0"))
    assert (await clerk.say(Open("4.12.0"))).status == "refused"
    async with clerk_at(dsns.app) as other:
        assert (await other.say(Open("4.12.0"))).status == "refused"
        # It was there for that decision only.
        assert (await other.desk.situation("shop")).closed == frozenset()
        assert (await other.desk.situation("shop", Open("4.12.0"))).closed == {"4.12.0"}


async def test_what_was_opened_and_closed_in_one_batch_is_known_in_it(clerk: Clerk):
    await clerk.say(Nothing())
    opened, closed, again = await asyncio.gather(
        clerk.say(Open("4.12.0")), clerk.say(Close("4.12.0")), clerk.say(Open("4.12.0"))
    )
    assert (opened.status, closed.status, again.status) == ("accepted", "accepted", "refused")
    assert opened.recorded[0].recorded_at == again.recorded[0].recorded_at
