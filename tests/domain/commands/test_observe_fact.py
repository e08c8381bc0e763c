"""ObserveFact: what happened around Interlock happened."""

from __future__ import annotations

from datetime import timedelta

import pytest

from interlock.domain.commands.environment import ObserveFact
from interlock.domain.commands.evidence import ApproveManualQA, StartTestRun
from interlock.domain.errors import InvalidCommand
from tests.domain import given, guards
from tests.domain.given import PRODUCTION, STAGE, TESTS
from tests.domain.story import SATURDAY_09, digest


def seen(kind: str, **more: object) -> ObserveFact:
    fields = {"source": "scan", "description": "another image", **more}
    if kind == "drift":
        fields.setdefault("observed_digest", digest("other"))
    return ObserveFact(environment=PRODUCTION, kind=kind, **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["deploy", "restore", "migration", "adjustment", "erase", "drift"])
def test_what_was_not_asked_for_is_recorded_opens_a_problem_and_leaves_the_environment_unsure(kind) -> None:
    story = given.released()
    before = len(story.events)
    story.do("dora", seen(kind))
    first = "DriftDetected" if kind == "drift" else "FactObserved"
    assert story.types(before) == [first, "EnvironmentUnsure", "ProblemReported"]
    assert story.event("ProblemReported").release == "4.12.0"
    place = story.situation.environment(PRODUCTION)
    assert place.occupant is None
    assert place.unsure is not None


def test_a_remark_about_something_else_leaves_the_environment_sure() -> None:
    story = given.released()
    story.do("dora", seen("other"))
    assert story.situation.environment(PRODUCTION).unsure is None


def test_what_the_record_says_is_no_drift() -> None:
    story = given.released()
    occupant = story.situation.environment(PRODUCTION).occupant
    assert occupant is not None
    with pytest.raises(InvalidCommand, match="no drift"):
        story.do("dora", seen("drift", observed_digest=occupant.content))


@pytest.mark.parametrize("which", ["the one that comes", "the one that goes"])
def test_what_is_found_under_a_running_deploy_and_belongs_to_it_is_no_drift(which) -> None:
    story = given.rehearsed().at(SATURDAY_09).check_logs()
    story.start("4.12.0", PRODUCTION)
    deploy = story.situation.environment(PRODUCTION).deploy
    assert deploy is not None
    assert deploy.before is not None
    content = deploy.content if which == "the one that comes" else deploy.before.content
    with pytest.raises(InvalidCommand, match="no drift"):
        story.do("dora", seen("drift", observed_digest=content))


def test_drift_names_the_content_that_was_found() -> None:
    with pytest.raises(InvalidCommand, match="which content"):
        given.released().do(
            "dora", ObserveFact(environment=PRODUCTION, kind="drift", source="scan", description="another image")
        )


def test_the_same_thing_seen_again_after_all_was_settled_has_happened_again() -> None:
    story = given.released()
    story.do("dora", seen("drift"))
    given.stated(story)
    before = len(story.events)
    story.do("dora", seen("drift"))
    assert story.types(before) == ["DriftDetected", "EnvironmentUnsure", "ProblemReported"]


def test_while_a_test_run_goes_on_what_is_seen_makes_it_no_verdict() -> None:
    story = given.developed()
    story.deploy("4.12.0", TESTS)
    run = (
        story.do("ci-1", StartTestRun(environment=TESTS, trigger="manual", observed=story.observed(TESTS)))
        .facts[-1]
        .event.run
    )
    guards.drift(story, TESTS)
    before = len(story.events)
    story.report(run)
    assert "TestsPassed" not in story.types(before)
    assert story.situation.releases["4.12.0"].tests is None


def test_a_deploy_that_began_before_does_not_end_the_doubt() -> None:
    story = given.in_sandbox()
    story.do("qa-1", ApproveManualQA(release="4.12.0", environment="sandbox"))
    story.start("4.12.0", STAGE)
    guards.drift(story, STAGE)
    story.finish("4.12.0", STAGE)
    assert story.situation.environment(STAGE).unsure is not None
    assert story.situation.environment(STAGE).occupant is None


def test_a_deploy_that_changed_nothing_does_not_end_it_either() -> None:
    story = given.in_stage()
    story.start("4.12.0", STAGE)
    guards.drift(story, STAGE)
    story.fail("4.12.0", STAGE, left="unchanged")
    place = story.situation.environment(STAGE)
    assert (place.occupant, place.unsure is not None) == (None, True)


def test_what_happened_before_it_was_reported_keeps_both_times_and_what_follows_begins_now() -> None:
    story = given.released()
    before = len(story.events)
    happened = story.now - timedelta(hours=1)
    story.do("dora", seen("deploy", happened_at=happened))
    fact, *following = story.events[before:]
    assert (fact.occurred_at, fact.recorded_at) == (happened, story.now)
    assert all(one.occurred_at == one.recorded_at == story.now for one in following)


def test_what_lies_in_the_future_has_not_happened() -> None:
    story = given.released()
    with pytest.raises(InvalidCommand, match="future"):
        story.do("dora", seen("deploy", happened_at=story.now + timedelta(seconds=1)))
