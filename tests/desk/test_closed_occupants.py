"""A release that is over and forgotten runs again: the desk loads it for whatever decides about what runs there."""

from __future__ import annotations

from dataclasses import replace
from time import monotonic
from uuid import uuid4

from bench.project import event_id
from interlock.desk import Desk
from interlock.domain.commands.environment import StartRestore
from interlock.domain.commands.evidence import StartTestRun
from interlock.events.codec import request_hash
from interlock.ledger import Ledger
from tests.desk.desks import PROJECT, events_of
from tests.domain.story import PRODUCTION, STAGE, TESTS, Story
from tests.domain.test_closed_occupants import OLD, back


async def told_again(story: Story, ledger: Ledger) -> None:
    """Give the desk every command of the story, at its moment."""
    desk = Desk(ledger, monotonic=monotonic, event_ids=event_id)
    for _, actor, command, now in story.taken:
        await ledger.set_test_clock(now)
        who = replace(actor, credential=None)
        asked = request_hash(type(command).__name__, command, actor=who.id)
        answer = await desk.submit(PROJECT, command, who, command_id=uuid4(), request_hash=asked)
        assert answer.status == "accepted", (command, answer.decision)
    assert OLD not in (await desk.situation(PROJECT)).releases
    await desk.close()


async def test_what_was_over_is_tested_and_restored_for_where_it_runs_again(test_clock_ledger: Ledger):
    story = back(STAGE, TESTS)
    story.do("ci-1", StartTestRun(environment=TESTS, trigger="manual", observed=story.observed(TESTS)))
    story.do("ci-1", StartRestore(environment=STAGE, source=PRODUCTION, observed=story.observed(STAGE)))
    await told_again(story, test_clock_ledger)
    recorded = await events_of(test_clock_ledger)
    assert [(one.stream, one.event) for one in recorded] == [(one.stream, one.event) for one in story.events]
    assert [one.event.release for one in recorded if one.type == "LeaseGranted"][-2:] == [OLD, OLD]
