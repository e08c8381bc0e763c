"""BreakLease: a release manager ends a stuck lease."""

from __future__ import annotations

import pytest

from interlock.domain.commands.environment import BreakLease
from interlock.domain.errors import NotFound
from tests.domain import examples, given
from tests.domain.examples import EXAMPLES
from tests.domain.given import STAGE, TESTS, Story


def broken(story: Story, place: str) -> list[str]:
    before = len(story.events)
    story.do("rm-1", BreakLease(environment=place, lease=given.lease(story, place), reason="stuck"))
    return story.types(before)


def test_a_test_run_is_aborted_and_has_not_failed() -> None:
    story, _ = examples.testing()
    assert broken(story, TESTS) == ["LeaseBroken", "TestRunAborted"]
    assert story.situation.environment(TESTS).occupant is not None


@pytest.mark.parametrize("make", [examples.restoring, examples.migrating])
def test_after_anything_else_nobody_knows_what_is_there(make) -> None:
    story, _ = make()
    assert broken(story, STAGE) == ["LeaseBroken", "EnvironmentUnsure", "ProblemReported"]
    assert story.situation.environment(STAGE).unsure is not None


def test_after_a_deploy_too() -> None:
    story, _, _ = EXAMPLES["ReportDeploySucceeded"]()
    assert broken(story, TESTS) == ["LeaseBroken", "EnvironmentUnsure", "ProblemReported"]


def test_a_lease_that_is_over_is_none() -> None:
    story, _ = examples.testing()
    with pytest.raises(NotFound):
        story.do("rm-1", BreakLease(environment=TESTS, lease="L-99", reason="stuck"))


def test_nobody_but_a_release_manager_breaks_it() -> None:
    story, _ = examples.testing()
    story.refuse("ci-1", BreakLease(environment=TESTS, lease=given.lease(story, TESTS), reason="mine"), "role-held")
