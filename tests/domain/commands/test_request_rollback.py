"""RequestRollback: back to the last sure occupant, with an open production problem, and never forward again."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from interlock.domain.commands.deploy import RequestDeploy, RequestRollback, StartDeploy
from interlock.domain.commands.environment import BaselineEnvironment, FreezeEnvironment
from interlock.domain.commands.governance import ConfirmAsked
from interlock.domain.commands.problem import ResolveProblem
from interlock.domain.commands.release import HoldRelease, OpenRelease
from interlock.domain.gates import ROLLBACK
from interlock.events.catalogue.parts import Migration
from tests.domain.story import (
    PRODUCTION,
    SANDBOX,
    SATURDAY_09,
    STAGE,
    Story,
    digest,
    empty_production,
    lacks,
    rehearsed,
    running,
    team,
)

R = "4.12.0"
NEXT_SATURDAY_09 = SATURDAY_09 + timedelta(days=7)


def released(**content: Any) -> tuple[Story, str]:
    """4.12.0 runs in production since Saturday, it is Monday, and there is a problem."""
    story = (running().released(R, **content) if content else _released()).tick(days=2)
    return story, story.problem()


def _released() -> Story:
    story = rehearsed().at(SATURDAY_09).check_logs()
    story.deploy(R, PRODUCTION)
    return story


def back(problem: str, release: str | None = None) -> RequestRollback:
    return RequestRollback(environment=PRODUCTION, problem=problem, release=release)


def test_a_rollback_goes_to_the_last_sure_occupant_at_any_time_and_without_fresh_evidence() -> None:
    story, problem = released()
    requested = story.do("rm-1", back(problem)).facts[0].event
    assert (requested.release, requested.intent, requested.problem) == ("4.11.0", "rollback", problem)
    assert [outcome.check for outcome in requested.decision.checks] == ["role-held", *ROLLBACK]


@pytest.mark.parametrize("place", [SANDBOX, STAGE])
def test_only_an_open_problem_in_production_lets_it_go_back(place: str) -> None:
    story, problem = released()
    elsewhere = story.problem(place, title="a typo")
    outcome = lacks(story.refuse("rm-1", back(elsewhere), "problem-linked").decision)["problem-linked"]
    assert outcome.next == "dt problem report production"
    story.do("rm-1", ResolveProblem(problem=problem, how="by itself"))
    story.refuse("rm-1", back(problem), "problem-linked")


def test_the_problem_must_still_be_open_at_the_start() -> None:
    story, problem = released()
    deploy = story.do("rm-1", back(problem)).facts[0].event.deploy
    story.do("rm-1", ResolveProblem(problem=problem, how="by itself"))
    start = StartDeploy(release="4.11.0", deploy=deploy, observed=story.observed(PRODUCTION))
    story.refuse("ci-1", start, "problem-linked")


def test_a_rollback_is_stopped_by_neither_freeze_nor_hold() -> None:
    story, problem = released()
    story.do("rm-1", FreezeEnvironment(environment=PRODUCTION, reason="audit"))
    story.do("rm-1", HoldRelease(release=R, reason="wait"))
    story.rollback(problem)


def test_a_rollback_needs_a_free_environment() -> None:
    story, problem = released()
    story.start(R, PRODUCTION, problem=problem)
    story.refuse("rm-1", back(problem), "environment-free")


def test_a_rollback_needs_the_registered_environment_at_its_start() -> None:
    story, problem = released()
    event = story.do("rm-1", back(problem)).facts[0].event
    start = StartDeploy(release=event.release, deploy=event.deploy, observed=story.observed(STAGE))
    assert set(lacks(story.refuse("ci-1", start).decision)) == {"environment-identified"}


def test_where_nothing_ran_before_the_way_is_forward() -> None:
    story = empty_production().released(R)
    outcome = lacks(story.refuse("rm-1", back(story.problem()), "rollback-target").decision)["rollback-target"]
    assert outcome.observed == "there is none: the way is forward, by hotfix"


def test_a_base_is_rolled_back_to_only_if_it_was_declared_with_artifacts() -> None:
    story = team()
    story.both(
        "admin-1",
        "rm-1",
        BaselineEnvironment(
            environment=PRODUCTION, release="4.11.0", content_digest=digest("4.11.0"), schema_digest=digest("schema")
        ),
    )
    story.released(R)
    outcome = lacks(story.refuse("rm-1", back(story.problem()), "rollback-target").decision)["rollback-target"]
    assert outcome.observed == "4.11.0 was declared as base without artifacts"


@pytest.mark.parametrize("environment", [SANDBOX, STAGE])
def test_only_production_is_rolled_back(environment: str) -> None:
    story, problem = released()
    story.refuse("rm-1", RequestRollback(environment=environment, problem=problem), "rollback-target")


def incompatible(release: str) -> dict[str, Any]:
    return {"migrations": (Migration(id=f"{release}-1", digest=digest("m"), backward_compatible=False),)}


def test_a_migration_that_is_not_backward_compatible_bars_the_way_back() -> None:
    story, problem = released(**incompatible(R))
    outcome = lacks(story.refuse("rm-1", back(problem)).decision)
    assert set(outcome) == {"rollback-compatible"}
    assert outcome["rollback-compatible"].observed == "not compatible: 4.12.0-1; the way is forward, by hotfix"


def test_a_migration_of_a_deploy_that_failed_half_way_bars_it_too() -> None:
    story = running().prepared(R, **incompatible(R)).at(SATURDAY_09).check_logs()
    story.start(R, PRODUCTION)
    story.fail(R, PRODUCTION)
    problem = story.event("ProblemReported").problem
    story.refuse("rm-1", back(problem), "rollback-compatible")


def two_released(**first: Any) -> tuple[Story, str]:
    story = running().released(R, **first)
    story.released("4.13.0", at=NEXT_SATURDAY_09)
    return story, story.problem()


def test_further_back_takes_a_second_person() -> None:
    story, problem = two_released()
    asked = story.do("rm-1", back(problem, "4.11.0"))
    assert asked.facts[0].event.action == "roll production back to 4.11.0"
    confirm = ConfirmAsked(ask=asked.facts[0].event.ask)
    story.refuse("rm-1", confirm, "second-person")
    requested = story.do("dora", confirm).facts[-1].event
    assert (requested.release, requested.second_person) == ("4.11.0", "dora")
    story.do("ci-1", StartDeploy(release="4.11.0", deploy=requested.deploy, observed=story.observed(PRODUCTION)))


def test_further_back_every_migration_in_between_counts() -> None:
    story, problem = two_released(**incompatible(R))
    story.refuse("rm-1", back(problem, "4.11.0"), "rollback-compatible")
    story.do("rm-1", back(problem))


def test_a_release_that_never_ran_is_no_target() -> None:
    story, problem = released()
    story.do("anton", OpenRelease(name="4.13.0", kind="normal", title="4.13.0"))
    story.refuse("rm-1", back(problem, "4.13.0"), "rollback-target")


def test_what_was_rolled_back_from_is_no_target_any_more() -> None:
    story, problem = two_released()
    story.rollback(problem)
    story.finish(R, PRODUCTION)
    assert story.do("rm-1", back(problem)).facts[0].event.release == "4.11.0"
    story.refuse("rm-1", back(problem, "4.13.0"), "rollback-target")


def test_a_rollback_that_failed_half_way_may_be_tried_again() -> None:
    story, problem = released()
    story.rollback(problem)
    story.fail("4.11.0", PRODUCTION)
    story.rollback(problem)
    story.finish("4.11.0", PRODUCTION)
    occupant = story.situation.environment(PRODUCTION).occupant
    assert occupant is not None
    assert occupant.release == "4.11.0"


def test_a_rollback_that_left_all_unchanged_gives_the_release_its_place_and_its_future_back() -> None:
    story, problem = released()
    story.rollback(problem)
    story.fail("4.11.0", PRODUCTION, "unchanged")
    occupant = story.situation.environment(PRODUCTION).occupant
    assert occupant is not None
    assert occupant.release == R
    story.do("anton", RequestDeploy(release=R, environment=PRODUCTION, problem=problem))


@pytest.mark.parametrize("who", ["qa-1", "reviewer-1", "admin-1", "ci-1"])
def test_developers_and_release_managers_roll_back(who: str) -> None:
    story, problem = released()
    story.refuse(who, back(problem), "role-held")


def test_asking_again_changes_nothing() -> None:
    story, problem = released()
    story.do("rm-1", back(problem))
    assert not story.do("anton", back(problem)).facts


def test_a_request_whose_time_is_over_is_no_answer_also_before_anybody_settled_it() -> None:
    story, problem = released()
    story.do("rm-1", back(problem))
    story.now += timedelta(days=1)
    assert [type(new.event).__name__ for new in story.do("rm-1", back(problem)).facts] == ["DeployRequested"]


def test_a_rollback_reopens_what_the_leaving_release_had_fixed() -> None:
    story = running()
    fixed = story.problem(title="orders are lost")
    story.prepared(R, fixes=(fixed,)).at(SATURDAY_09).check_logs()
    story.deploy(R, PRODUCTION)
    story.do("rm-1", ResolveProblem(problem=fixed, how="released", fixed_by_release=R))
    story.rollback(story.problem())
    story.finish("4.11.0", PRODUCTION)
    assert story.event("ProblemReopened").problem == fixed
    assert story.situation.problems[fixed].open
