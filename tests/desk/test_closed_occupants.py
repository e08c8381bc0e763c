"""A release that is over and forgotten runs again: the desk loads it for whatever decides about what runs there."""

from __future__ import annotations

from dataclasses import replace
from time import monotonic
from uuid import uuid4

from bench.project import event_id
from interlock.desk import Desk
from interlock.domain.commands.environment import StartRestore
from interlock.domain.commands.evidence import StartTestRun
from interlock.domain.commands.problem import AcknowledgeProblem
from interlock.domain.obligation import WhoMustAct
from interlock.events.codec import request_hash
from interlock.ledger import Ledger
from tests.desk.desks import PROJECT, events_of
from tests.domain import given
from tests.domain.story import PRODUCTION, STAGE, TESTS, Story
from tests.domain.test_closed_occupants import NEW, OLD, back
from tests.domain.test_forgotten_contents import came_back, followed


async def told_again(story: Story, ledger: Ledger, since: int = 0) -> None:
    """Give the desk every command of the story, at its moment, but the first `since`."""
    desk = Desk(ledger, monotonic=monotonic, event_ids=event_id)
    for _, actor, command, now in story.taken[since:]:
        await ledger.set_test_clock(now)
        who = replace(actor, credential=None)
        asked = request_hash(type(command).__name__, command, actor=who.id)
        await desk.submit(PROJECT, command, who, command_id=uuid4(), request_hash=asked)
    recorded = await events_of(ledger)
    assert [(one.stream, one.event) for one in recorded] == [(one.stream, one.event) for one in story.events]
    assert OLD not in (await desk.situation(PROJECT)).releases
    await desk.close()


async def test_what_was_over_is_tested_and_restored_for_where_it_runs_again(test_clock_ledger: Ledger):
    story = back(STAGE, TESTS)
    story.do("ci-1", StartTestRun(environment=TESTS, trigger="manual", observed=story.observed(TESTS)))
    story.do("ci-1", StartRestore(environment=STAGE, source=PRODUCTION, observed=story.observed(STAGE)))
    await told_again(story, test_clock_ledger)
    recorded = await events_of(test_clock_ledger)
    assert [one.event.release for one in recorded if one.type == "LeaseGranted"][-2:] == [OLD, OLD]


async def test_what_is_loaded_leads_to_more_until_nothing_is_wanted(test_clock_ledger: Ledger):
    """What the release that is left fixed stands in its stream, and what it was about in the problem's."""
    story, fixed, always = followed(author="rm-1")
    story.do("qa-1", AcknowledgeProblem(problem=always))
    came_back(story)
    story.rollback(always)
    await told_again(story, test_clock_ledger)
    begun = len(story.taken)
    story.finish(NEW, PRODUCTION)
    assert story.event("ProblemReopened").problem == fixed
    report = story.taken[begun][2]
    desk = Desk(test_clock_ledger, monotonic=monotonic, event_ids=event_id)
    assert (await desk.situation(PROJECT, report)).problems.keys() == {fixed, always}
    await told_again(story, test_clock_ledger, since=begun)
    desk = Desk(test_clock_ledger, monotonic=monotonic, event_ids=event_id)
    plain = await desk.situation(PROJECT)
    seen = await desk.completed(PROJECT, plain, WhoMustAct(), position=plain.position)
    assert seen == await desk.situation(PROJECT, WhoMustAct())
    assert replace(seen, project="demo") == given.seen(story, WhoMustAct())
    assert (OLD in plain.releases, OLD in seen.releases) == (False, True)
    await desk.close()
