"""What an example is, and the moments that several examples begin with."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from interlock.domain import policy as policies
from interlock.domain.commands import deploy, environment, evidence, governance
from interlock.events.catalogue.parts import (
    AppliedMigration,
    CredentialGiven,
    TestCounts,
)
from interlock.events.envelope import Actor
from interlock.events.values import Trigger
from tests.domain import given
from tests.domain.given import PRODUCTION, STAGE, TESTS
from tests.domain.story import MONDAY, Story, digest

Example = tuple[Story, str | Actor, Any]
EXAMPLES: dict[str, Callable[[], Example]] = {}


def example(make: Callable[[], Example]) -> Callable[[], Example]:
    """Register the example under its function's name, which is the command's."""
    EXAMPLES[make.__name__] = make
    return make


def enrolments() -> tuple[CredentialGiven, ...]:
    return tuple(
        CredentialGiven(credential=f"K-{n}", principal=f"admin-{n}", secret_digest=digest(f"code {n}"),
                        purpose="enrolment", scopes=("write",), expires_at=MONDAY + timedelta(days=7))
        for n in (1, 2)
    )  # fmt: skip


def tightened() -> dict[str, Any]:
    return {**policies.shipped(), "snapshot_age_hours": 24}


def asked(story: Story) -> tuple[Story, str]:
    """Somebody asked for something that takes two."""
    ask = story.do("admin-1", governance.GrantRole(principal="dora", role="reviewer")).facts[0].event.ask
    return story, ask


def waiting() -> tuple[Story, str]:
    """A deploy waits for its window."""
    story = given.rehearsed()
    command = deploy.RequestDeploy(release="4.12.0", environment=PRODUCTION, at_window=True)
    return story, story.do("anton", command).facts[0].event.deploy


def restoring() -> tuple[Story, str]:
    story = given.in_stage()
    event = (
        story.do("ci-1", environment.StartRestore(environment=STAGE, source=PRODUCTION, observed=story.observed(STAGE)))
        .facts[0]
        .event
    )
    return story, event.subject.split()[1]


def migrating() -> tuple[Story, str]:
    story = given.in_stage()
    story.tick(minutes=1).restore()
    event = (
        story.do(
            "ci-1", environment.StartMigration(release="4.12.0", environment=STAGE, observed=story.observed(STAGE))
        )
        .facts[0]
        .event
    )
    return story, event.subject.split()[1]


def testing(trigger: Trigger = "manual") -> tuple[Story, str]:  # noqa: PT028 - no test, a moment in a story
    story = given.developed()
    story.deploy("4.12.0", TESTS)
    command = evidence.StartTestRun(environment=TESTS, trigger=trigger, observed=story.observed(TESTS))
    return story, story.do("ci-1", command).facts[-1].event.run


def reported(**more: Any) -> tuple[Story, str]:
    story = given.released()
    return story, story.problem(**more)


def report_of(story: Story, run: str) -> evidence.ReportTestRun:
    return evidence.ReportTestRun(
        environment=TESTS, run=run, fencing_token=given.token(story, TESTS), verdict="passed",
        suite_digest=digest("suite"), report=digest(run), started_at=story.now, finished_at=story.now,
        counts=TestCounts(total=3, passed=3, failed=0, skipped=0),
    )  # fmt: skip


def migrated(story: Story, migration: str) -> environment.ReportMigrated:
    content = story.situation.releases["4.12.0"].content
    assert content is not None
    return environment.ReportMigrated(
        release="4.12.0", environment=STAGE, migration=migration, fencing_token=given.token(story, STAGE),
        migrations=tuple(AppliedMigration(id=m.id, digest=m.digest, duration_ms=1) for m in content.migrations),
        schema_before=digest("before"), schema_after=digest("after"),
    )  # fmt: skip
