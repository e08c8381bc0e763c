"""4.12.0 on its way to each environment, and what can be done to stop it there."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import cache

from interlock.domain.commands.deploy import RequestDeploy
from interlock.domain.commands.environment import (
    FreezeEnvironment,
    ObserveFact,
    StateContent,
)
from interlock.domain.commands.problem import ResolveProblem
from interlock.domain.commands.release import HoldRelease, OpenRelease, WithdrawRelease
from interlock.events.decision import CheckOutcome
from tests.domain.story import (
    DEVELOPMENT,
    PRODUCTION,
    SANDBOX,
    SATURDAY_09,
    STAGE,
    TESTS,
    Story,
    digest,
    lacks,
    running,
)

R = "4.12.0"
ORDER = (DEVELOPMENT, TESTS, SANDBOX, STAGE, PRODUCTION)
TESTERS = ("qa-1", "qa-2")
Breaker = Callable[[Story], object]


def before(environment: str, **content: object) -> Story:
    """4.12.0 may go to `environment`, now."""
    return _told(environment, **content) if content else _plain(environment).copy()


@cache
def _plain(environment: str) -> Story:
    return _told(environment)


def _told(environment: str, **content: object) -> Story:
    content.setdefault("contains", ("4.11.0",))
    story = running()
    story.do("anton", OpenRelease(name=R, kind="normal", title=R))
    story.do("anton", story.content(R, **content))
    if environment != DEVELOPMENT:
        story.confirm(R)
    if environment in {SANDBOX, STAGE, PRODUCTION}:
        story.to_tests(R)
    if environment in {STAGE, PRODUCTION}:
        story.to_sandbox(R)
    if environment == PRODUCTION:
        story.rehearse(R).at(SATURDAY_09).check_logs()
    return story


def ask(story: Story, environment: str, who: str = "anton") -> dict[str, CheckOutcome]:
    """What stands in the way of the deploy; nothing where it is accepted."""
    return lacks(story.ask(who, RequestDeploy(release=R, environment=environment)).decision)


def held(story: Story) -> None:
    story.do("rm-1", HoldRelease(release=R, reason="wait"))


def withdrawn(story: Story) -> None:
    story.do("anton", WithdrawRelease(release=R, reason="no"))


def freeze(environment: str, since: datetime | None = None, until: datetime | None = None) -> FreezeEnvironment:
    return FreezeEnvironment(environment=environment, reason="audit", since=since, until=until)


def without(**content: object) -> Callable[[str], Story]:
    return lambda environment: before(environment, **content)


def drifted(story: Story) -> None:
    """Something was seen in production, and two persons said that all is as it was."""
    story.do(
        "qa-1",
        ObserveFact(
            environment=PRODUCTION,
            kind="drift",
            source="cron",
            description="another image",
            observed_digest=digest("x"),
        ),
    )
    story.both(
        "rm-1",
        "qa-1",
        StateContent(
            environment=PRODUCTION, state="content", release="4.11.0", content_digest=digest("4.11.0"), reason="looked"
        ),
    )
    story.do("rm-1", ResolveProblem(problem=story.event("ProblemReported").problem, how="a false alarm"))


def displaced(story: Story) -> None:
    story.develop("4.13.0").to_tests("4.13.0").to_sandbox("4.13.0")
    story.deploy("4.13.0", STAGE)
