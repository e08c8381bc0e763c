"""OpenRelease: a name for ever, and a hotfix only for a problem in production."""

from __future__ import annotations

import pytest

from interlock.domain.commands.problem import ResolveProblem
from interlock.domain.commands.release import OpenRelease
from interlock.domain.errors import InvalidCommand
from tests.domain.story import SANDBOX, lacks, rehearsed, running


def normal(name: str) -> OpenRelease:
    return OpenRelease(name=name, kind="normal", title=name)


def test_who_opens_a_release_is_its_first_author() -> None:
    story = running()
    story.do("anton", normal("4.12.0"))
    assert story.situation.releases["4.12.0"].authors == {"anton"}


def test_a_name_is_used_once_for_ever() -> None:
    story = running()
    story.released("4.12.0")
    story.prepared("4.13.0")
    story.do("anton", normal("4.14.0"))
    for taken in ("4.12.0", "4.11.0", "4.13.0"):
        story.refuse("anton", normal(taken), "name-unused")
    story.refuse("dora", normal("4.14.0"), "name-unused")


def test_a_hotfix_names_an_open_problem_in_production() -> None:
    story = running()
    elsewhere = story.problem(SANDBOX)
    refused = story.refuse("dora", OpenRelease(name="H", kind="hotfix", title="H", problem=elsewhere), "problem-linked")
    assert lacks(refused.decision)["problem-linked"].next == "dt problem report production"
    story.do("dora", OpenRelease(name="H", kind="hotfix", title="H", problem=story.problem()))
    assert story.situation.releases["H"].kind == "hotfix"


def test_a_problem_that_is_resolved_is_no_reason_for_a_hotfix() -> None:
    story = running()
    problem = story.problem()
    story.do("rm-1", ResolveProblem(problem=problem, how="the feed came back"))
    story.refuse("dora", OpenRelease(name="H", kind="hotfix", title="H", problem=problem), "problem-linked")


@pytest.mark.parametrize(
    "kind, problem", [("hotfix", None), ("normal", "P-1")], ids=["a hotfix without", "a normal release with"]
)
def test_a_hotfix_has_a_problem_and_a_normal_release_has_none(kind: str, problem: str | None) -> None:
    story = running()
    story.problem()
    with pytest.raises(InvalidCommand, match="problem"):
        story.ask("dora", OpenRelease(name="X", kind=kind, title="X", problem=problem))  # type: ignore[arg-type]


@pytest.mark.parametrize("who", ["qa-1", "reviewer-1", "admin-1", "ci-1", "nobody"])
def test_developers_and_release_managers_open_releases_and_nobody_else(who: str) -> None:
    assert running().refuse(who, normal("4.12.0"), "role-held").reason == "role"


def test_opening_it_again_changes_nothing() -> None:
    story = running()
    story.do("anton", normal("4.12.0"))
    assert not story.do("anton", normal("4.12.0")).facts


def test_a_release_that_waits_is_no_obstacle_for_another() -> None:
    story = rehearsed()
    story.do("dora", normal("4.13.0"))
    assert story.situation.releases["4.13.0"].open
