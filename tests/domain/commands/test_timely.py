"""What time alone brings about: each once, also when the watch was away at the moment."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from interlock.domain.commands.evidence import StartTestRun
from interlock.domain.commands.governance import ConfirmAsked
from interlock.domain.commands.timely import RecordMissedTestRun
from tests.domain import examples, given
from tests.domain.examples import EXAMPLES
from tests.domain.given import TESTS, Story
from tests.domain.story import SATURDAY_09

TIMELY = [
    "ExpireLease", "SettleDeployRequest", "RecordMissedTestRun", "RecordMissedLogCheck", "RecordOverdueReaction",
    "ExpireAsked",
]  # fmt: skip
TUESDAY = datetime(2026, 11, 17, tzinfo=UTC)


@pytest.mark.parametrize("name", TIMELY)
def test_before_its_moment_it_changes_nothing(name) -> None:
    story, who, command = EXAMPLES[name]()
    # A reaction and a log check are late after their moment, the others at it.
    early = timedelta(minutes=1, microseconds=1)
    story.now -= early
    assert not story.do(who, command).facts


@pytest.mark.parametrize("name", TIMELY)
def test_it_comes_once_however_late_the_watch_is(name) -> None:
    story, who, command = EXAMPLES[name]()
    if name not in {"RecordMissedTestRun", "SettleDeployRequest"}:
        story.now += timedelta(hours=5)
    assert len([e for e in story.do(who, command).facts if type(e.event).__name__ != "TestRunAborted"]) == 1
    assert not story.do(who, command).facts


def run(story: Story, trigger: str = "scheduled"):
    """Start a run, and give its event."""
    story.do("ci-1", StartTestRun(environment=TESTS, trigger=trigger, observed=story.observed(TESTS)))  # type: ignore[arg-type]
    started = story.event("TestRunStarted")
    story.report(started.run)
    return started


def test_the_first_scheduled_run_of_a_day_fulfils_it_and_no_other_does() -> None:
    story = given.team().at(TUESDAY)
    assert run(story, "manual").fulfils is None
    assert (run(story).fulfils, run(story).fulfils) == ("2026-11-17", None)
    story.at(TUESDAY + timedelta(hours=5))
    assert "TestRunMissed" not in story.types()


def test_none_by_two_o_clock_is_missed_and_a_later_one_closes_it_as_late() -> None:
    story = given.team().at(TUESDAY + timedelta(hours=2))
    assert story.event("TestRunMissed").day == "2026-11-17"
    started = run(story.tick(hours=1))
    assert (started.fulfils, started.late) == ("2026-11-17", True)


def test_one_just_before_two_is_in_time() -> None:
    story = given.team()
    story.now = TUESDAY + timedelta(hours=2) - timedelta(microseconds=1)
    assert not run(story).late
    assert "TestRunMissed" not in story.at(TUESDAY + timedelta(hours=9)).types()


def test_a_late_run_is_late_also_where_the_watch_was_away() -> None:
    story = given.team()
    story.now = TUESDAY + timedelta(hours=3)
    before = len(story.events)
    started = run(story)
    assert story.types(before)[0] == "TestRunMissed"
    assert started.late


def test_every_night_that_was_missed_is_told_once_when_the_watch_comes_back() -> None:
    story = given.team()
    story.now = TUESDAY + timedelta(days=3, hours=1)
    story.watch()
    days = [r.event.day for r in story.events if r.type == "TestRunMissed"]
    assert days == ["2026-11-17", "2026-11-18", "2026-11-19"]
    assert not story.watch()


def test_a_night_is_told_in_its_turn() -> None:
    story = given.team()
    story.now = TUESDAY + timedelta(days=3, hours=1)
    assert not story.do("watch", RecordMissedTestRun(environment=TESTS, day="2026-11-19")).facts


def test_the_day_before_the_project_began_was_not_missed() -> None:
    story = given.team()
    story.now = TUESDAY - timedelta(seconds=1)
    assert not story.watch()


def test_an_expired_question_is_over() -> None:
    story, ask = examples.asked(given.team())
    story.tick(days=7)
    assert story.types()[-1] != "SecondPersonAsked"
    assert "SecondPersonExpired" in story.types()
    with pytest.raises(LookupError):
        story.do("admin-2", ConfirmAsked(ask=ask))


def test_a_queued_deploy_is_ready_when_the_window_opens_or_cancelled_with_the_decision() -> None:
    story, _ = examples.waiting()
    story.at(SATURDAY_09 - timedelta(minutes=5)).check_logs()
    story.at(SATURDAY_09)
    assert story.event("DeployReady").decision.allowed
    other, _ = examples.waiting()
    other.at(SATURDAY_09)
    cancelled = other.event("DeployCancelled")
    assert [o.check for o in cancelled.decision.missing] == ["log-watch-current"]
    assert "log-watch-current" in cancelled.reason


def test_a_ready_deploy_expires_at_its_windows_end_and_any_other_after_a_day() -> None:
    story, _ = examples.waiting()
    story.at(SATURDAY_09 - timedelta(minutes=5)).check_logs()
    story.at(SATURDAY_09).at(SATURDAY_09 + timedelta(hours=3) - timedelta(microseconds=1))
    assert story.situation.requests
    story.tick(microseconds=1)
    assert "DeployExpired" in story.types()
    other, who, command = EXAMPLES["RequestDeploy"]()
    other.do(who, command)
    other.tick(hours=24)
    assert "DeployExpired" in other.types()
    assert not other.situation.requests


def test_a_lease_that_expires_under_a_deploy_leaves_the_environment_unsure() -> None:
    story, _, _ = EXAMPLES["ReportDeploySucceeded"]()
    before = len(story.events)
    story.tick(minutes=15)
    assert story.types(before) == ["LeaseExpired", "EnvironmentUnsure", "ProblemReported"]
