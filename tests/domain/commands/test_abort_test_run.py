"""AbortTestRun: no report is no failure; a hotfix goes before a nightly run."""

from __future__ import annotations

import pytest

from interlock.domain.commands.evidence import AbortTestRun, StartTestRun
from interlock.domain.commands.problem import ResolveProblem
from interlock.domain.commands.release import OpenRelease
from interlock.domain.errors import NotFound
from tests.domain.story import SANDBOX, TESTS, Story, lacks, running

R = "4.12.0"


def started(trigger: str = "scheduled") -> tuple[Story, str, str]:
    story = running().develop(R).to_tests(R)
    problem = story.problem()
    story.do("dora", OpenRelease(name="4.11.1", kind="hotfix", title="4.11.1", problem=problem))
    run = StartTestRun(environment=TESTS, trigger=trigger, observed=story.observed(TESTS))  # type: ignore[arg-type]
    return story, story.do("ci-1", run).facts[-1].event.run, problem


def test_an_aborted_run_is_no_verdict() -> None:
    story, run, _ = started()
    story.do("ci-1", AbortTestRun(environment=TESTS, run=run, reason="out of memory"))
    assert story.types()[-2:] == ["TestRunAborted", "LeaseReleased"]
    assert lacks(story.gate(R, SANDBOX)) == {}
    assert story.situation.environment(TESTS).occupant is not None


def test_its_holder_aborts_a_run_and_nobody_else() -> None:
    story, run, _ = started()
    for who in ("anton", "rm-1"):
        story.refuse(who, AbortTestRun(environment=TESTS, run=run, reason="I need it"), "lease-held")


def test_a_hotfix_aborts_a_nightly_run() -> None:
    story, run, _ = started()
    story.do("dora", AbortTestRun(environment=TESTS, run=run, reason="production is down", hotfix="4.11.1"))
    assert story.situation.environment(TESTS).lease is None


def test_a_hotfix_aborts_no_other_run() -> None:
    story, run, _ = started("manual")
    abort = AbortTestRun(environment=TESTS, run=run, reason="production is down", hotfix="4.11.1")
    story.refuse("dora", abort, "hotfix-goes-first")


def test_a_normal_release_aborts_none() -> None:
    story, run, _ = started()
    story.refuse("anton", AbortTestRun(environment=TESTS, run=run, reason="hurry", hotfix=R), "hotfix-goes-first")


def test_a_hotfix_whose_problem_is_resolved_aborts_none() -> None:
    story, run, problem = started()
    story.do("rm-1", ResolveProblem(problem=problem, how="by itself"))
    abort = AbortTestRun(environment=TESTS, run=run, reason="hurry", hotfix="4.11.1")
    story.refuse("dora", abort, "hotfix-goes-first")


def test_what_does_not_run_is_not_aborted() -> None:
    story = running()
    with pytest.raises(NotFound, match="R-9"):
        story.ask("ci-1", AbortTestRun(environment=TESTS, run="R-9", reason="?"))


def test_aborting_it_again_changes_nothing() -> None:
    story, run, _ = started()
    abort = AbortTestRun(environment=TESTS, run=run, reason="out of memory")
    story.do("ci-1", abort)
    assert not story.do("ci-1", abort).facts
