"""What is over and was forgotten still tells what it fixes and migrates, who wrote it, and which policy binds it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from interlock.domain.commands.deploy import RequestDeploy, RequestRollback, StartDeploy
from interlock.domain.commands.problem import AcknowledgeProblem, ResolveProblem
from interlock.domain.commands.release import HoldRelease
from interlock.domain.obligation import WhoMustAct
from interlock.domain.obligations import Obligation, obligations
from interlock.domain.situation import OCCUPANTS_KEPT_MAX
from interlock.events.catalogue.parts import Migration
from tests.domain import adjusting, given
from tests.domain.given import DEVELOPMENT, PRODUCTION, SANDBOX, STAGE, TESTS, Story
from tests.domain.guards import drift
from tests.domain.story import SATURDAY_09, digest, lacks
from tests.domain.test_closed_occupants import NEW, OLD, rehearse

LAST = "4.14.0"
WEEK = timedelta(days=7)
BARRING = (Migration(id="m-1", digest=digest("m-1"), backward_compatible=False),)


def followed(**more: Any) -> tuple[Story, str, str]:
    """OLD fixed a problem, and NEW followed it so often that nothing but OLD's own stream tells of that any more.

    With the problem that it fixed, and with one that is open.
    """
    story = given.running()
    fixed, always = story.problem(title="it is slow"), story.problem()
    # It contains what comes after it, so that it may come back.
    story.released(OLD, contains=("4.11.0", NEW, LAST), fixes=(fixed, always), **more)
    story.do("reviewer-1", ResolveProblem(problem=fixed, how="fixed", fixed_by_release=OLD))
    story.at(SATURDAY_09 + WEEK - timedelta(hours=2)).released(NEW, at=SATURDAY_09 + WEEK, fixes=(always,))
    for _ in range(OCCUPANTS_KEPT_MAX):
        story.deploy(NEW, PRODUCTION)
    assert OLD not in {occupant.release for occupant in story.situation.environment(PRODUCTION).history}
    assert OLD not in story.situation.releases
    return story, fixed, always


def came_back(story: Story) -> None:
    rehearse(story, base=NEW)
    story.deploy(OLD, PRODUCTION)


def was_put_back(story: Story, name: str = OLD) -> None:
    """Somebody did it around Interlock, and two persons found out."""
    found = drift(story, PRODUCTION)
    content = given.seen(story, HoldRelease(release=name, reason="?")).releases[name].content
    assert content is not None
    given.stated(story, PRODUCTION, state="content", release=name, content_digest=content.digest)
    story.do("qa-1", ResolveProblem(problem=found, how="stated"))


def came_back_twice(story: Story) -> None:
    came_back(story)
    was_put_back(story, NEW)
    came_back(story)


def came_back_half_way(story: Story) -> None:
    """Its deploy failed, and two persons found that it is there nevertheless."""
    rehearse(story, base=NEW)
    story.start(OLD, PRODUCTION)
    content = story.event("DeployStarted").content_digest
    story.fail(OLD, PRODUCTION)
    given.stated(story, PRODUCTION, state="content", release=OLD, content_digest=content)


BACK = pytest.mark.parametrize("back", [came_back, came_back_twice, came_back_half_way, was_put_back])


@BACK
def test_nothing_goes_back_over_what_it_had_migrated(back) -> None:
    story, _, always = followed(migrations=BARRING)
    back(story)
    asked = RequestRollback(environment=PRODUCTION, problem=always)
    assert set(lacks(story.refuse("rm-1", asked).decision)) == {"rollback-compatible"}


@BACK
def test_a_rollback_from_it_reopens_what_it_had_fixed(back) -> None:
    story, fixed, always = followed()
    back(story)
    assert fixed not in story.situation.problems
    story.rollback(always)
    story.finish(NEW, PRODUCTION)
    assert story.event("ProblemReopened").problem == fixed
    assert fixed in story.situation.problems


def test_its_author_settles_nothing_that_it_names_as_fixed_once_it_left_again() -> None:
    story, _, always = followed(author="rm-1")
    came_back(story)
    story.rollback(always)
    story.finish(NEW, PRODUCTION)
    for _ in range(OCCUPANTS_KEPT_MAX):
        for environment in (DEVELOPMENT, TESTS, SANDBOX, STAGE):
            story.deploy(NEW, environment)
    story.refuse("rm-1", ResolveProblem(problem=always, how="gone"), "resolver-independent")


def test_a_rollback_that_was_asked_for_looks_again_at_what_it_leaves() -> None:
    story, _, always = followed(migrations=BARRING)
    story.at(SATURDAY_09 + 2 * WEEK - timedelta(hours=2)).released(LAST, at=SATURDAY_09 + 2 * WEEK, fixes=(always,))
    request = story.do("rm-1", RequestRollback(environment=PRODUCTION, problem=always)).facts[-1].event
    assert request.release == NEW
    rehearse(story, base=LAST)
    story.deploy(OLD, PRODUCTION)
    start = StartDeploy(release=NEW, deploy=request.deploy, observed=story.observed(PRODUCTION))
    story.refuse("ci-1", start, "rollback-compatible")


def test_its_success_tells_what_it_fixes() -> None:
    story, fixed, always = followed()
    came_back(story)
    assert story.event("DeploySucceeded").fixes == (fixed, always)


def test_what_two_persons_state_to_be_there_counts_with_what_its_release_migrates() -> None:
    story = given.running()
    always = story.problem()
    story.prepared(OLD, migrations=BARRING, fixes=(always,))
    content = story.situation.releases[OLD].content
    assert content is not None
    drift(story, PRODUCTION)
    given.stated(story, PRODUCTION, state="content", release=OLD, content_digest=content.digest)
    asked = RequestRollback(environment=PRODUCTION, problem=always)
    assert set(lacks(story.refuse("rm-1", asked).decision)) == {"rollback-compatible"}


# -- who may settle


def settlers(story: Story, problem: str) -> tuple[str, ...]:
    found: list[Obligation] = list(obligations(given.seen(story, WhoMustAct()), story.now))
    [one] = [each for each in found if each.subject == problem and "settle" in each.what]
    return one.who


def test_nobody_is_asked_to_settle_what_his_forgotten_release_names_as_fixed() -> None:
    story = given.running()
    problem = story.problem()
    story.released(OLD, fixes=(problem,), author="rm-1")
    story.at(SATURDAY_09 + WEEK - timedelta(hours=2)).released(NEW, at=SATURDAY_09 + WEEK, fixes=(problem,))
    story.do("qa-1", AcknowledgeProblem(problem=problem))
    assert OLD not in story.situation.releases
    assert settlers(story, problem) == ("qa-1", "qa-2", "reviewer-1")
    story.refuse("rm-1", ResolveProblem(problem=problem, how="fixed"), "resolver-independent")


# -- which policy binds


def test_a_release_obeys_the_policy_it_was_opened_under_though_both_were_forgotten() -> None:
    story = given.running()
    adjusting.tightened(story, additional_checks={TESTS: ["log-watch-current"]})
    story.released(OLD)
    adjusting.tightened(story, additional_checks={})
    story.at(SATURDAY_09 + WEEK - timedelta(hours=2)).released(NEW, at=SATURDAY_09 + WEEK)
    assert (OLD in story.situation.releases, sorted(story.situation.policies)) == (False, [3])
    story.tick(hours=3)
    asked = RequestDeploy(release=OLD, environment=TESTS)
    assert set(lacks(story.refuse("anton", asked).decision)) == {"log-watch-current"}
    story.check_logs()
    story.do("anton", asked)
    assert sorted(story.situation.policies) == [3]


def test_no_policy_is_loaded_where_all_are_known() -> None:
    story, _, _ = followed()
    assert sorted(story.situation.policies) == [1]
    seen = given.seen(story, RequestDeploy(release=OLD, environment=TESTS))
    assert seen.versions.keys() - story.situation.versions.keys() == {f"release/{OLD}"}
