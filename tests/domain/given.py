"""How far a project has come when a test begins: told once, copied for each test."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

from interlock.domain.commands.environment import StateContent
from interlock.domain.commands.evidence import ApproveManualQA
from interlock.domain.needs import completed
from interlock.domain.situation import Situation
from interlock.events.envelope import Actor
from tests.domain import story as tell
from tests.domain.story import DEVELOPMENT, PRODUCTION, SANDBOX, STAGE, TESTS, Story


def copied(story: Story) -> Story:
    """The same story, to be told on in another way."""
    return replace(story, events=list(story.events), taken=list(story.taken))


@cache
def _told(make: Callable[[], Story]) -> Story:
    return make()


def _opened() -> Story:
    return tell.opened()


def _team() -> Story:
    return tell.team()


def _empty() -> Story:
    return tell.empty_production()


def _running() -> Story:
    return tell.running()


def _developed() -> Story:
    return running().develop("4.12.0", contains=("4.11.0",))


def _tested() -> Story:
    return developed().to_tests("4.12.0")


def _in_sandbox() -> Story:
    story = tested()
    story.deploy("4.12.0", SANDBOX)
    return story


def _in_stage() -> Story:
    story = in_sandbox()
    story.do("qa-1", ApproveManualQA(release="4.12.0", environment=SANDBOX))
    story.deploy("4.12.0", STAGE)
    return story


def _rehearsed() -> Story:
    return running().prepared("4.12.0")


def _released() -> Story:
    return running().released("4.12.0")


def _half_deployed() -> Story:
    story = rehearsed().at(tell.SATURDAY_09).check_logs()
    story.start("4.12.0", PRODUCTION)
    story.tick(minutes=1)
    story.fail("4.12.0", PRODUCTION)
    return story


def opened() -> Story:
    """Two founders, and nothing else."""
    return copied(_told(_opened))


def team() -> Story:
    """Everybody is there, every environment registered; nobody said what production runs."""
    return copied(_told(_team))


def empty() -> Story:
    """Production is declared empty."""
    return copied(_told(_empty))


def running() -> Story:
    """Production runs 4.11.0, declared as its base."""
    return copied(_told(_running))


def developed() -> Story:
    """4.12.0 is confirmed in the developer's sandbox."""
    return copied(_told(_developed))


def tested() -> Story:
    """4.12.0 passed the automatic tests."""
    return copied(_told(_tested))


def in_sandbox() -> Story:
    """4.12.0 is in the team's sandbox."""
    return copied(_told(_in_sandbox))


def in_stage() -> Story:
    """4.12.0 is in stage; nothing is rehearsed yet."""
    return copied(_told(_in_stage))


def rehearsed() -> Story:
    """4.12.0 lacks only its window."""
    return copied(_told(_rehearsed))


def released() -> Story:
    """4.12.0 runs in production, since Saturday."""
    return copied(_told(_released))


def half_deployed() -> Story:
    """The deploy of 4.12.0 to production failed half way."""
    return copied(_told(_half_deployed))


def actor(story: Story, who: str | Actor) -> Actor:
    """Who that is."""
    return who if isinstance(who, Actor) else story.actor(who)


def seen(story: Story, command: Any) -> Situation:
    """The situation as the command's decision sees it, with the closed things that it names."""
    return completed(story.situation, command, story.stream)


def stated(story: Story, environment: str = PRODUCTION, **what: str) -> Story:
    """Two persons state what is there: by default nothing certain."""
    fields = {"state": "mixed", "reason": "we looked", **what}
    story.both("rm-1", "dora", StateContent(environment=environment, **fields))  # type: ignore[arg-type]
    return story


def token(story: Story, environment: str) -> int:
    """The fencing token of the lease that is held there."""
    lease = story.situation.environment(environment).lease
    assert lease is not None
    return lease.token


def lease(story: Story, environment: str) -> str:
    """The id of the lease that is held there."""
    held = story.situation.environment(environment).lease
    assert held is not None
    return held.lease


__all__ = ["DEVELOPMENT", "PRODUCTION", "SANDBOX", "STAGE", "TESTS", "Story"]
