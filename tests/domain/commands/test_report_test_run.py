"""ReportTestRun: a verdict on the release that was there throughout, by who holds the lease."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from interlock.domain.commands.environment import BreakLease, ObserveFact
from interlock.domain.commands.evidence import ReportTestRun, StartTestRun
from interlock.domain.errors import InvalidCommand
from interlock.events.catalogue.parts import TestCounts
from tests.domain.story import PRODUCTION, SANDBOX, TESTS, Story, digest, lacks, rehearsed, running

R = "4.12.0"


def counts(failed: int = 0, skipped: int = 0, passed: int = 412) -> TestCounts:
    return TestCounts(total=passed + failed + skipped, passed=passed, failed=failed, skipped=skipped)


def started(story: Story | None = None) -> tuple[Story, ReportTestRun]:
    if story is None:
        story = running().develop(R)
        story.deploy(R, TESTS)
    run = StartTestRun(environment=TESTS, trigger="manual", observed=story.observed(TESTS))
    event = story.do("ci-1", run).facts[-1].event
    return story, ReportTestRun(
        environment=TESTS,
        run=event.run,
        fencing_token=event.fencing_token,
        verdict="passed",
        suite_digest=digest("suite"),
        counts=counts(),
        report=digest("report"),
        started_at=story.now,
        finished_at=story.now,
    )


def red(report: ReportTestRun) -> ReportTestRun:
    return replace(report, verdict="failed", counts=counts(failed=1), failed=("test_orders",))


def test_a_passed_run_is_the_verdict_on_the_release_that_was_there() -> None:
    story, report = started()
    names = [type(new.event).__name__ for new in story.do("ci-1", report).facts]
    assert names == ["TestRunFinished", "TestsPassed", "LeaseReleased"]
    assert "tests-passed" not in lacks(story.gate(R, SANDBOX))


def test_the_latest_verdict_wins() -> None:
    story, report = started()
    story.do("ci-1", report)
    story.test(failed=("test_orders",))
    outcome = lacks(story.gate(R, SANDBOX))["tests-passed"]
    assert (outcome.observed, outcome.next) == ("the last run: 1 failed", "dt test")
    story.test()
    assert lacks(story.gate(R, SANDBOX)) == {}


def test_a_run_on_nothing_is_nobody_s_verdict() -> None:
    story, report = started(running())
    assert [type(new.event).__name__ for new in story.do("ci-1", report).facts] == ["TestRunFinished", "LeaseReleased"]


def test_the_end_of_a_run_keeps_its_counts_and_its_log_whether_it_is_a_verdict_or_not() -> None:
    for story in (None, running()):
        told, report = started(story)
        finished = told.do("ci-1", replace(report, log=digest("log"))).facts[0].event
        assert (finished.counts, finished.log, finished.report) == (counts(), digest("log"), digest("report"))


def test_a_run_is_about_the_content_it_began_with() -> None:
    story, report = started()
    story.do("anton", story.content(R, salt="2"))
    story.do("ci-1", report)
    assert "tests-passed" in lacks(story.gate(R, SANDBOX))


def test_a_run_under_which_something_else_was_seen_there_is_nobody_s_verdict() -> None:
    story, report = started()
    story.do("qa-1", ObserveFact(environment=TESTS, kind="deploy", source="kubectl", description="by hand"))
    story.do("ci-1", report)
    assert "TestsPassed" not in story.types()


def test_a_late_verdict_is_refused() -> None:
    story, report = started()
    story.now += timedelta(minutes=15)
    assert set(lacks(story.refuse("ci-1", report).decision)) == {"lease-held"}
    story.watch()
    assert story.event("TestRunAborted").reason == "its lease expired"
    story.refuse("ci-1", report, "lease-held")


def test_a_late_verdict_is_refused_by_its_token_under_the_next_run() -> None:
    story, late = started()
    story.do("rm-1", BreakLease(environment=TESTS, lease=story.event("LeaseGranted").lease, reason="stuck"))
    _, report = started(story)
    story.refuse("ci-1", late, "lease-held")
    story.refuse("ci-1", replace(late, run=report.run), "lease-held")
    story.refuse("ci-1", replace(report, run=late.run), "lease-held")
    story.do("ci-1", report)


@pytest.mark.parametrize("run", ["D-2", "R-1", "deploy", "L-2"])
def test_a_deploy_s_lease_carries_no_verdict(run: str) -> None:
    story = running().develop(R)
    story.start(R, TESTS)
    lease = story.situation.environment(TESTS).lease
    assert lease is not None
    report = ReportTestRun(
        environment=TESTS,
        run=run,
        fencing_token=lease.token,
        verdict="passed",
        suite_digest=digest("suite"),
        counts=counts(),
        report=digest("report"),
        started_at=story.now,
        finished_at=story.now,
    )
    assert "lease-held" in lacks(story.refuse("ci-1", report).decision)


@pytest.mark.parametrize("who", ["anton", "qa-1", "rm-1"])
def test_no_person_reports_for_the_runner(who: str) -> None:
    story, report = started()
    story.refuse(who, report, "reported-by-runner", "lease-held")


def test_a_red_run_on_what_is_in_production_is_a_problem_of_production() -> None:
    story = running().released(R)
    story, report = started(story)
    story.do("ci-1", red(report))
    problem = story.event("ProblemReported")
    assert (problem.environment, problem.release, problem.source) == (PRODUCTION, R, "test-run")


def test_a_red_run_on_any_other_release_is_its_own_verdict_only() -> None:
    story, report = started(rehearsed())
    story.do("ci-1", red(report))
    assert "ProblemReported" not in story.types()


WRONG: list[tuple[str, dict[str, Any]]] = [
    ("counts", {"counts": TestCounts(total=3, passed=1, failed=0, skipped=0)}),
    ("verdict", {"counts": counts(failed=1)}),
    ("verdict", {"failed": ("test_orders",)}),
    ("counts", {"counts": counts(passed=0)}),
    ("counts", {"counts": counts(passed=0, skipped=5)}),
    ("counts", {"verdict": "failed"}),
]


@pytest.mark.parametrize("field, more", WRONG)
def test_a_report_that_contradicts_itself_is_none(field: str, more: dict[str, Any]) -> None:
    story, report = started()
    with pytest.raises(InvalidCommand, match=field):
        story.ask("ci-1", replace(report, **more))


def test_reporting_it_again_changes_nothing() -> None:
    story, report = started()
    story.do("ci-1", report)
    assert not story.do("ci-1", report).facts


def test_a_run_has_one_report() -> None:
    story, report = started()
    story.do("ci-1", red(report))
    story.refuse("ci-1", report, "lease-held")
