"""FreezeEnvironment, UnfreezeEnvironment: nothing starts there, from and until as said."""

from __future__ import annotations

from datetime import timedelta

import pytest

from interlock.domain.commands.deploy import RequestDeploy, RequestRollback, StartDeploy
from interlock.domain.commands.environment import FreezeEnvironment, UnfreezeEnvironment
from interlock.domain.errors import InvalidCommand
from tests.domain import examples, given
from tests.domain.given import PRODUCTION, TESTS, Story

TO_TESTS = RequestDeploy(release="4.12.0", environment=TESTS)


def frozen(story: Story, *, begins: float = 0, ends: float | None = None) -> Story:
    since = story.now + timedelta(hours=begins) if begins else None
    until = story.now + timedelta(hours=ends) if ends is not None else None
    story.do("rm-1", FreezeEnvironment(environment=TESTS, reason="audit", since=since, until=until))
    return story


def test_nothing_starts_in_a_frozen_environment() -> None:
    frozen(given.developed()).refuse("anton", TO_TESTS, "no-freeze")


def test_a_freeze_that_lies_ahead_does_not_block_today() -> None:
    story = frozen(given.developed(), begins=24)
    story.do("anton", TO_TESTS)
    assert story.gate("4.12.0", TESTS).allowed


def test_it_blocks_from_its_first_moment_up_to_but_not_at_its_end() -> None:
    story = frozen(given.developed(), begins=1, ends=2)
    story.now += timedelta(hours=1)
    refused = story.refuse("anton", TO_TESTS, "no-freeze")
    assert refused.decision.allowed_at == story.now + timedelta(hours=1)
    story.now += timedelta(hours=1)
    story.do("anton", TO_TESTS)


def test_a_request_made_before_the_freeze_does_not_start_in_it() -> None:
    story = given.developed()
    name = story.do("anton", TO_TESTS).facts[0].event.deploy
    frozen(story)
    start = StartDeploy(release="4.12.0", deploy=name, observed=story.observed(TESTS))
    story.refuse("ci-1", start, "no-freeze")
    story.do("rm-1", UnfreezeEnvironment(environment=TESTS, reason="over"))
    story.do("ci-1", start)


def test_a_freeze_stops_no_rollback() -> None:
    story, name = examples.reported()
    story.do("rm-1", FreezeEnvironment(environment=PRODUCTION, reason="audit"))
    story.do("rm-1", RequestRollback(environment=PRODUCTION, problem=name))


@pytest.mark.parametrize("since,until", [(None, -1), (2, 1), (2, 2)])
def test_a_freeze_that_ends_before_it_begins_is_invalid(since, until) -> None:
    story = given.developed()
    with pytest.raises(InvalidCommand):
        story.do(
            "rm-1",
            FreezeEnvironment(
                environment=TESTS,
                reason="audit",
                since=story.now + timedelta(hours=since) if since else None,
                until=story.now + timedelta(hours=until),
            ),
        )


def test_another_freeze_replaces_it() -> None:
    story = frozen(frozen(given.developed()), ends=1)
    story.now += timedelta(hours=1)
    story.do("anton", TO_TESTS)
