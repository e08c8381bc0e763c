"""ResolveProblem, DismissProblem: by nobody whose release it blocks or fixes."""

from __future__ import annotations

from datetime import timedelta

import pytest

from interlock.domain.commands.problem import DismissProblem, ResolveProblem
from interlock.domain.commands.release import OpenRelease
from tests.domain import examples, given
from tests.domain.given import PRODUCTION, SANDBOX, Story
from tests.domain.story import SUNDAY_09

BOTH = pytest.mark.parametrize("end", [
    lambda name: ResolveProblem(problem=name, how="restarted"),
    lambda name: DismissProblem(problem=name, reason="a holiday"),
], ids=["resolve", "dismiss"])  # fmt: skip


def written_by(author: str) -> tuple[Story, str]:
    """A release of this author runs in production, with a problem."""
    story = given.running().released("4.12.0", author=author)
    return story, story.problem(who="dora")


@BOTH
def test_somebody_independent_ends_it(end) -> None:
    story, name = written_by("anton")
    story.do("qa-1", end(name))
    assert name not in story.situation.problems


@BOTH
def test_no_author_of_the_release_that_it_concerns_does(end) -> None:
    story, name = written_by("rm-1")
    story.refuse("rm-1", end(name), "resolver-independent")


@BOTH
def test_no_author_does_after_his_release_has_left_either(end) -> None:
    story, name = written_by("rm-1")
    story.prepared("4.13.0", fixes=(name,)).at(SUNDAY_09).check_logs().deploy("4.13.0", PRODUCTION)
    story.prepared("4.14.0", fixes=(name,)).at(SUNDAY_09 + timedelta(days=6)).check_logs()
    story.deploy("4.14.0", PRODUCTION)
    assert "4.12.0" not in story.situation.releases
    story.refuse("rm-1", end(name), "resolver-independent")


@BOTH
def test_no_author_of_an_open_release_that_it_blocks_does(end) -> None:
    story, name = written_by("anton")
    story.do("rm-1", OpenRelease(name="4.13.0", kind="normal", title="Next"))
    story.refuse("rm-1", end(name), "resolver-independent")


@BOTH
def test_no_author_of_a_release_that_names_it_as_fixed_does(end) -> None:
    story = given.in_sandbox()
    name = story.problem(SANDBOX)
    story.develop("4.13.0", author="rm-1", fixes=(name,))
    story.refuse("rm-1", end(name), "resolver-independent")


@BOTH
def test_no_author_of_its_hotfix_does_even_where_the_hotfix_does_not_say_what_it_fixes(end) -> None:
    story, name = written_by("anton")
    story.do("rm-1", OpenRelease(name="4.12.1", kind="hotfix", title="Fix", problem=name))
    story.refuse("rm-1", end(name), "resolver-independent")


def test_the_fixer_does_not_resolve_it() -> None:
    story = given.in_sandbox()
    name = story.problem(SANDBOX)
    story.develop("4.13.0", author="rm-1")
    story.refuse("rm-1", ResolveProblem(problem=name, how="mine", fixed_by_release="4.13.0"), "resolver-independent")


def test_who_could_do_it_is_named() -> None:
    story, name = written_by("rm-1")
    [missing] = story.refuse("rm-1", ResolveProblem(problem=name, how="x")).decision.missing
    assert missing.who == ("qa-1", "qa-2", "reviewer-1")


def test_one_of_a_failed_deploy_stays_open_while_production_is_unsure_and_not_longer() -> None:
    story = given.half_deployed()
    [name] = [p.problem for p in story.situation.problems.values() if p.failed_deploy]
    story.refuse("qa-1", ResolveProblem(problem=name, how="x"), "production-sure")
    given.stated(story)
    story.do("qa-1", ResolveProblem(problem=name, how="stated"))


def test_one_that_nobody_reacted_to_in_time_says_so_when_it_ends() -> None:
    story, name = examples.reported()
    story.now += timedelta(minutes=20)
    before = len(story.events)
    story.do("qa-1", ResolveProblem(problem=name, how="restarted"))
    assert story.types(before) == ["ReactionOverdue", "ProblemResolved"]
