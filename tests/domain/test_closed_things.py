"""Closed things leave the situation, and are there again for a decision that names them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from interlock.domain.commands.adjustment import CancelAdjustment, VerifyAdjustmentResult
from interlock.domain.commands.deploy import RequestDeploy, RequestRollback
from interlock.domain.commands.governance import ConfirmAsked
from interlock.domain.commands.problem import ReopenProblem, ResolveProblem
from interlock.domain.commands.release import OpenRelease
from interlock.domain.needs import streams_needed
from interlock.domain.situation import ANNOTATIONS_KEPT_MAX, OCCUPANTS_KEPT_MAX, REPORTS_KEPT_MAX, Situation
from interlock.domain.snapshot import dump
from tests.domain import adjusting, given
from tests.domain.given import PRODUCTION, Story
from tests.domain.story import SATURDAY_09

FEW, MANY = 50, 75


def lived(releases: int) -> Story:
    """As many releases went to production, each with a problem that it fixed, weekend after weekend."""
    story = given.running()
    for number in range(releases):
        name = f"5.{number}.0"
        problem = story.problem(PRODUCTION, title=f"problem {number}")
        opens = SATURDAY_09 + timedelta(days=7 * number)
        story.at(opens - timedelta(hours=2))
        story.released(name, at=opens, fixes=(problem,))
        story.do("reviewer-1", ResolveProblem(problem=problem, how="fixed", fixed_by_release=name))
    return story


@pytest.fixture(scope="module")
def long() -> Story:
    return lived(MANY)


HELD = (
    "releases", "requests", "problems", "adjustments", "proposals", "policies", "asks", "refusals", "versions",
)  # fmt: skip


def held(situation: Situation) -> dict[str, int]:
    return {name: len(getattr(situation, name)) for name in HELD}


def test_the_situation_holds_no_more_after_many_closed_releases_than_after_few(long) -> None:
    few = lived(FEW).situation
    assert held(long.situation) == held(few)
    for environment in long.situation.environments.values():
        assert len(environment.history) <= OCCUPANTS_KEPT_MAX
        assert max(len(environment.finished), len(environment.late_reports), len(environment.lost)) <= REPORTS_KEPT_MAX
    assert len(long.situation.annotations) <= ANNOTATIONS_KEPT_MAX
    assert len(dump(long.situation)) < len(dump(few)) * 1.01


def test_a_name_is_unique_for_ever(long) -> None:
    story = given.copied(long)
    command = OpenRelease(name="5.3.0", kind="normal", title="Again")
    assert "5.3.0" not in story.situation.releases
    assert streams_needed(story.situation, command) == ("release/5.3.0",)
    story.refuse("anton", command, "name-unused")
    assert "5.3.0" not in story.situation.releases


def test_the_declared_base_has_its_name_for_ever_too() -> None:
    given.released().refuse("anton", OpenRelease(name="4.11.0", kind="normal", title="Base"), "name-unused")


def test_a_closed_problem_is_loaded_for_its_reopening_and_stays_while_it_is_open(long) -> None:
    story = given.copied(long)
    story.do("qa-1", ReopenProblem(problem="P-2", reason="again"))
    assert story.situation.problems["P-2"].title == "problem 1"
    story.do("qa-2", ResolveProblem(problem="P-2", how="gone"))
    assert "P-2" not in story.situation.problems


def test_the_version_of_a_closed_stream_goes_on_where_it_was(long) -> None:
    story = given.copied(long)
    last = [recorded for recorded in story.events if recorded.stream == "problem/P-2"][-1].version
    story.do("qa-1", ReopenProblem(problem="P-2", reason="again"))
    assert story.events[-1].version == last + 1


def test_a_rollback_loads_the_release_it_goes_to_and_the_problems_it_reopens(long) -> None:
    story = given.copied(long)
    problem = story.problem()
    command = RequestRollback(environment=PRODUCTION, problem=problem)
    before = f"5.{MANY - 2}.0"
    assert f"release/{before}" in streams_needed(story.situation, command)
    story.rollback(problem)
    deploy = story.situation.environment(PRODUCTION).deploy
    assert deploy is not None
    assert deploy.release == before
    story.finish(before, PRODUCTION)
    assert story.types()[-1] == "ProblemReopened"


def test_what_a_confirmation_is_about_is_loaded_for_it(long) -> None:
    story = given.copied(long)
    problem = story.problem()
    further = RequestRollback(environment=PRODUCTION, problem=problem, release=f"5.{MANY - 4}.0")
    ask = story.do("rm-1", further).facts[0].event.ask
    assert f"release/5.{MANY - 4}.0" in streams_needed(story.situation, ConfirmAsked(ask=ask))
    story.do("dora", ConfirmAsked(ask=ask))
    assert story.event("DeployRequested").second_person == "dora"


def test_what_is_open_needs_nothing_loaded() -> None:
    story = given.rehearsed()
    for name in story.situation.releases:
        assert streams_needed(story.situation, RequestDeploy(release=name, environment=PRODUCTION)) == ()


def adjusted(times: int) -> Story:
    """As many adjustments were executed and found right, cancelled, or forgotten, one after the other."""
    story = adjusting.with_scratch()
    for number in range(1, times + 1):
        name = f"ADJ-{number}"
        if name not in story.situation.adjustments:
            adjusting.request(story, salt=str(number))
        if number % 3 == 0:
            story.do("dora", CancelAdjustment(adjustment=name, reason="no"))
            continue
        if number % 3 == 1:
            story.tick(days=7)
            continue
        story.restore(adjusting.SCRATCH)
        adjusting.rehearse(story, name, adjusting.SCRATCH)
        adjusting.verify(story, "qa-1", "qa-2", name=name)
        adjusting.execute(story, name)
        story.do("reviewer-1", VerifyAdjustmentResult(adjustment=name, method="counted"))
    return story


def test_the_situation_holds_no_more_after_many_closed_adjustments_than_after_few() -> None:
    few, many = adjusted(30).situation, adjusted(60).situation
    assert held(many) == held(few)
    assert not many.adjustments
    assert many.counters["ADJ"] == 60
    assert all(len(place.finished) <= REPORTS_KEPT_MAX for place in many.environments.values())
    assert len(dump(unreported(many))) < len(dump(unreported(few))) * 1.01


def unreported(situation: Situation) -> Situation:
    """The situation without the last reports, of which a bounded number is kept."""
    places = {name: replace(place, finished=()) for name, place in situation.environments.items()}
    return replace(situation, environments=places)


def test_a_closed_adjustment_is_loaded_for_whoever_names_it() -> None:
    story = adjusted(6)
    command = CancelAdjustment(adjustment="ADJ-2", reason="no")
    assert streams_needed(story.situation, command) == ("adjustment/ADJ-2",)
    story.refuse("dora", command, "adjustment-open")
    assert "adjustment/ADJ-2" not in story.situation.versions
