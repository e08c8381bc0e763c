"""Stories of going back, and of the way forward that is barred."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from interlock.domain.commands.problem import ResolveProblem
from interlock.domain.commands.release import OpenRelease
from tests.domain.story import PRODUCTION, SATURDAY_09, STAGE, Story, lacks, rehearsed

R = "4.12.0"
NEXT_SATURDAY_09 = SATURDAY_09 + timedelta(days=7)


def rolled_back() -> Story:
    story = rehearsed().at(SATURDAY_09).check_logs()
    story.deploy(R, PRODUCTION)
    problem = story.tick(hours=1).problem()
    story.rollback(problem)
    story.finish("4.11.0", PRODUCTION)
    story.do("rm-1", ResolveProblem(problem=problem, how="rolled back"))
    return story


def test_after_a_rollback_the_release_before_is_the_occupant_and_nothing_was_restored() -> None:
    story = rolled_back()
    occupant = story.situation.environment(PRODUCTION).occupant
    assert occupant is not None
    assert (occupant.release, story.event("DeploySucceeded").intent) == ("4.11.0", "rollback")
    restored_into = {e.event.environment for e in story.events if e.type == "DataRestored"}
    assert restored_into == {STAGE}


def test_there_is_no_rollback_forward() -> None:
    story = rolled_back().rehearse(R).at(NEXT_SATURDAY_09).check_logs()
    assert set(lacks(story.gate(R, PRODUCTION))) == {"not-rolled-back"}


def test_nor_under_any_other_name() -> None:
    story = rolled_back()
    story.do("dora", OpenRelease(name="4.12.0-again", kind="normal", title="the same content"))
    content = story.content(R, contains=("4.11.0",))
    story.do("dora", replace(content, release="4.12.0-again"))
    again = story.situation.releases["4.12.0-again"].content
    assert again is not None
    assert again.digest in story.situation.rolled_back
    story.confirm("4.12.0-again").to_tests("4.12.0-again").to_sandbox("4.12.0-again").rehearse("4.12.0-again")
    story.at(NEXT_SATURDAY_09).check_logs()
    assert set(lacks(story.gate("4.12.0-again", PRODUCTION))) == {"not-rolled-back"}


def test_nor_as_a_hotfix() -> None:
    story = rolled_back()
    problem = story.problem(title="it is needed all the same")
    story.do("dora", OpenRelease(name="H", kind="hotfix", title="H", problem=problem))
    story.do("dora", replace(story.content(R, contains=("4.11.0",)), release="H"))
    assert "not-rolled-back" in lacks(story.gate("H", PRODUCTION))


def test_the_way_forward_is_new_content() -> None:
    story = rolled_back().prepared("4.12.1", contains=("4.11.0", R)).at(NEXT_SATURDAY_09).check_logs()
    story.deploy("4.12.1", PRODUCTION)
    occupant = story.situation.environment(PRODUCTION).occupant
    assert occupant is not None
    assert occupant.release == "4.12.1"


def test_a_rollback_makes_every_rehearsal_stale() -> None:
    story = rehearsed().at(SATURDAY_09).check_logs()
    story.deploy(R, PRODUCTION)
    story.prepared("4.13.0").at(SATURDAY_09 + timedelta(days=1)).check_logs()
    assert lacks(story.gate("4.13.0", PRODUCTION)) == {}
    problem = story.problem()
    story.rollback(problem)
    story.finish("4.11.0", PRODUCTION)
    story.do("rm-1", ResolveProblem(problem=problem, how="rolled back"))
    assert {"rehearsal-current", "includes-production"} <= set(lacks(story.gate("4.13.0", PRODUCTION)))
