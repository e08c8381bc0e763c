"""StartTestRun: one run at a time, on what is in `tests`, or on nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from interlock.domain.commands.environment import FreezeEnvironment, ObserveFact, StateContent
from interlock.domain.commands.evidence import StartTestRun
from interlock.domain.errors import InvalidCommand
from tests.domain.story import MONDAY, SANDBOX, TESTS, Story, identity, lacks, running

R = "4.12.0"
TUESDAY_00 = MONDAY.replace(day=17, hour=0)


def run(story: Story, trigger: str = "manual", environment: str = TESTS) -> StartTestRun:
    return StartTestRun(environment=environment, trigger=trigger, observed=story.observed(TESTS))  # type: ignore[arg-type]


def in_tests() -> Story:
    story = running().develop(R)
    story.deploy(R, TESTS)
    return story


def test_a_run_takes_the_lease_and_is_about_what_is_there() -> None:
    story = in_tests()
    granted, started = (new.event for new in story.do("ci-1", run(story)).facts)
    content = story.situation.releases[R].content
    assert content is not None
    assert (granted.kind, granted.fencing_token) == ("test-run", started.fencing_token)
    assert (started.release, started.content_digest) == (R, content.digest)


def test_with_nothing_deployed_there_a_run_is_about_nothing() -> None:
    story = running()
    started = story.do("ci-1", run(story, "scheduled")).facts[-1].event
    assert (started.release, started.content_digest) == (None, None)


def test_two_runs_never_overlap() -> None:
    story = in_tests()
    story.do("ci-1", run(story))
    outcome = lacks(story.refuse("ci-1", run(story)).decision)
    assert set(outcome) == {"environment-free"}
    assert outcome["environment-free"].observed == "test-run R-1 by ci-1"


def test_no_run_while_a_deploy_runs_there() -> None:
    story = in_tests()
    story.start(R, TESTS)
    story.refuse("ci-1", run(story), "environment-free")


def test_no_run_where_nobody_knows_what_is_there() -> None:
    story = in_tests()
    story.start(R, TESTS)
    story.fail(R, TESTS)
    story.refuse("ci-1", run(story), "environment-sure", "release-present")


def test_no_run_on_what_was_only_stated_to_be_there() -> None:
    story = running().develop(R)
    content = story.situation.releases[R].content
    assert content is not None
    story.do("qa-1", ObserveFact(environment=TESTS, kind="deploy", source="kubectl", description="by hand"))
    story.both(
        "anton",
        "dora",
        StateContent(environment=TESTS, state="content", release=R, content_digest=content.digest, reason="we looked"),
    )
    assert set(lacks(story.refuse("ci-1", run(story)).decision)) == {"release-present"}


def test_no_run_on_another_server_than_the_registered_one() -> None:
    story = in_tests()
    wrong = replace(run(story), observed=replace(story.observed(TESTS), identity=identity(SANDBOX)))
    assert set(lacks(story.refuse("ci-1", wrong).decision)) == {"environment-identified"}


def test_no_run_in_a_frozen_environment() -> None:
    story = in_tests()
    story.do("rm-1", FreezeEnvironment(environment=TESTS, reason="moving the server"))
    story.refuse("ci-1", run(story), "no-freeze")


@pytest.mark.parametrize("who", ["anton", "dora", "qa-1", "rm-1"])
def test_no_person_runs_the_tests(who: str) -> None:
    story = in_tests()
    story.refuse(who, run(story), "reported-by-runner")


@pytest.mark.parametrize("environment", [SANDBOX, "production"])
def test_runs_belong_to_tests(environment: str) -> None:
    story = in_tests()
    with pytest.raises(InvalidCommand, match="test runs belong to tests"):
        story.ask("ci-1", run(story, environment=environment))


# -- the night ------------------------------------------------------------------------------------------


def night(story: Story, hours: float, trigger: str = "scheduled") -> tuple[str | None, bool]:
    """Start a run so many hours after midnight; which day it fulfils, and whether late."""
    story.at(TUESDAY_00 + timedelta(hours=hours))
    started = story.do("ci-1", run(story, trigger)).facts[-1].event
    return started.fulfils, started.late


def test_the_first_scheduled_run_of_a_day_fulfils_it() -> None:
    story = running()
    assert night(story, 0) == ("2026-11-17", False)
    story.report("R-1")
    assert night(story, 1) == (None, False)
    story.report("R-2")
    assert "TestRunMissed" not in story.at(TUESDAY_00 + timedelta(hours=3)).types()


def test_a_run_that_somebody_starts_by_hand_fulfils_no_night() -> None:
    story = running()
    assert night(story, 1, "manual") == (None, False)
    story.report("R-1")
    story.at(TUESDAY_00 + timedelta(hours=2))
    assert story.event("TestRunMissed").day == "2026-11-17"


def test_none_by_two_is_missed_and_a_later_one_closes_it_as_late() -> None:
    story = running()
    story.at(TUESDAY_00 + timedelta(hours=2))
    missed = story.event("TestRunMissed")
    assert (missed.day, missed.expected_at) == ("2026-11-17", TUESDAY_00)
    assert night(story, 3) == ("2026-11-17", True)
    assert story.types().count("TestRunMissed") == 1


def test_a_late_run_is_late_also_when_the_watch_was_away_at_two() -> None:
    story = running()
    story.now = TUESDAY_00 + timedelta(hours=3)
    accepted = story.do("ci-1", run(story, "scheduled"))
    assert [type(new.event).__name__ for new in accepted.facts] == ["TestRunMissed", "LeaseGranted", "TestRunStarted"]
    assert accepted.facts[-1].event.late
