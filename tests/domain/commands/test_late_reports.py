"""What could not be reported at once keeps both times: when it happened, and when it was recorded."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.domain.examples import EXAMPLES
from tests.domain.story import Story

REPORTS = (
    "ReportDeploySucceeded", "ReportDeployFailed", "ReportRestored", "ReportRestoreFailed", "ReportMigrated",
    "ReportMigrationFailed",
)  # fmt: skip
EARLIER = timedelta(minutes=5)


def reported(name: str, *, minutes: float, ahead: bool = False) -> tuple[Story, int]:
    """A story in which that was reported `minutes` after its example, as having happened at the example's moment."""
    story, who, command = EXAMPLES[name]()
    happened = story.now + timedelta(hours=1) if ahead else story.now
    story.tick(minutes=minutes)
    before = len(story.events)
    story.do(who, replace(command, happened_at=happened))
    return story, before


@pytest.mark.parametrize("name", REPORTS)
def test_a_report_within_the_lease_counts_and_keeps_both_times(name: str) -> None:
    story, before = reported(name, minutes=5)
    first = story.events[before]
    assert first.type not in {"LeaseExpired", "FactObserved"}
    assert first.recorded_at - first.occurred_at == EARLIER
    # What follows from it, follows when it is known.
    assert [one for one in story.events[before:] if one.type in {"LeaseReleased", "EnvironmentUnsure"}]
    for one in story.events[before:]:
        follows = one.type in {"LeaseReleased", "EnvironmentUnsure", "ProblemReported", "EvidenceInvalidated"}
        assert not follows or one.occurred_at == one.recorded_at


@pytest.mark.parametrize("name", REPORTS)
def test_a_report_after_the_lease_is_an_observation_and_keeps_both_times(name: str) -> None:
    story, before = reported(name, minutes=16)
    [fact] = [one for one in story.events[before:] if one.type == "FactObserved"]
    assert fact.recorded_at - fact.occurred_at == timedelta(minutes=16)
    assert story.situation.environment(fact.event.environment).unsure is not None


@pytest.mark.parametrize("name", REPORTS)
def test_a_clock_that_runs_ahead_says_no_more_than_that_it_happened(name: str) -> None:
    story, before = reported(name, minutes=5, ahead=True)
    assert all(one.occurred_at == one.recorded_at for one in story.events[before:])
