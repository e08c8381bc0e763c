"""HoldRelease, LiftReleaseHold, WithdrawRelease: stop a release for now, or for good."""

from __future__ import annotations

import pytest

from interlock.domain.commands.deploy import RequestDeploy, StartDeploy
from interlock.domain.commands.environment import StateContent
from interlock.domain.commands.release import HoldRelease, LiftReleaseHold, WithdrawRelease
from tests.domain.story import DEVELOPMENT, PRODUCTION, SATURDAY_09, TESTS, Story, digest, lacks, rehearsed, running

R = "4.12.0"
HOLD = HoldRelease(release=R, reason="wait for the auditors")
LIFT = LiftReleaseHold(release=R, reason="they agree")
WITHDRAW = WithdrawRelease(release=R, reason="not wanted")


@pytest.mark.parametrize("environment", [DEVELOPMENT, TESTS, PRODUCTION])
def test_nothing_of_a_held_release_starts(environment: str) -> None:
    story = rehearsed().at(SATURDAY_09).check_logs()
    story.do("qa-1", HOLD)
    outcome = lacks(story.gate(R, environment))["no-hold"]
    assert (outcome.state, outcome.observed, outcome.who) == ("failed", "wait for the auditors", ("rm-1",))
    story.do("rm-1", LIFT)
    assert "no-hold" not in lacks(story.gate(R, environment))


def test_a_hold_stops_what_was_requested_before_it() -> None:
    story = rehearsed().at(SATURDAY_09).check_logs()
    deploy = story.do("anton", RequestDeploy(release=R, environment=PRODUCTION)).facts[0].event.deploy
    story.do("qa-1", HOLD)
    start = StartDeploy(release=R, deploy=deploy, observed=story.observed(PRODUCTION))
    story.refuse("ci-1", start, "no-hold")
    story.do("rm-1", LIFT)
    story.do("ci-1", start)


def test_who_may_hold_may_not_lift() -> None:
    story = rehearsed()
    story.refuse("anton", HOLD, "role-held")
    story.do("qa-1", HOLD)
    story.refuse("qa-1", LIFT, "role-held")


@pytest.mark.parametrize("command", [HOLD, LIFT, WITHDRAW])
def test_the_second_time_changes_nothing(command: object) -> None:
    story = rehearsed()
    if command is LIFT:
        story.do("rm-1", HOLD)
    story.do("rm-1", command)
    assert not story.do("rm-1", command).facts


def test_a_withdrawn_release_starts_nowhere_and_its_requests_are_cancelled() -> None:
    story = rehearsed()
    story.do("anton", RequestDeploy(release=R, environment=PRODUCTION, at_window=True))
    story.do("anton", WITHDRAW)
    assert story.types()[-2:] == ["DeployCancelled", "ReleaseWithdrawn"]
    story.refuse("anton", RequestDeploy(release=R, environment=TESTS), "release-open")


def running_in(environment: str) -> Story:
    story = rehearsed().at(SATURDAY_09).check_logs()
    story.start(R, environment)
    return story


@pytest.mark.parametrize("environment", [TESTS, PRODUCTION])
def test_nobody_withdraws_a_release_while_a_deploy_of_it_runs(environment: str) -> None:
    running_in(environment).refuse("anton", WITHDRAW, "deploy-settled")


def test_a_production_deploy_that_is_not_settled_forbids_withdrawing() -> None:
    story = running_in(PRODUCTION)
    story.fail(R, PRODUCTION)
    outcome = lacks(story.refuse("anton", WITHDRAW, "deploy-settled").decision)["deploy-settled"]
    assert outcome.next == "dt env show production"
    story.both(
        "rm-1",
        "qa-1",
        StateContent(
            environment=PRODUCTION, state="content", release="4.11.0", content_digest=digest("4.11.0"), reason="looked"
        ),
    )
    story.do("anton", WITHDRAW)


def test_a_lost_production_deploy_forbids_withdrawing_too() -> None:
    story = running_in(PRODUCTION).tick(minutes=16)
    story.refuse("anton", WITHDRAW, "deploy-settled")


def test_a_release_that_reached_production_is_not_withdrawn() -> None:
    running().released(R).refuse("rm-1", WITHDRAW, "release-unfinished")
