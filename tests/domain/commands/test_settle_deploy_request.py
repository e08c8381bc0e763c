"""SettleDeployRequest: when the window opens everything is decided again; when the time is over, it is over."""

from __future__ import annotations

from datetime import timedelta

import pytest

from interlock.domain.commands.deploy import RequestDeploy, StartDeploy
from interlock.domain.commands.environment import FreezeEnvironment
from interlock.domain.commands.governance import ApprovePolicy, DeactivatePrincipal, ProposePolicy
from interlock.domain.commands.release import HoldRelease
from interlock.domain.commands.timely import SettleDeployRequest
from interlock.domain.due import due, next_due
from interlock.domain.policy import shipped
from tests.domain.story import PRODUCTION, SATURDAY_09, STAGE, SUNDAY_09, TUESDAY_10, Story, lacks, rehearsed

R = "4.12.0"


def queued() -> Story:
    story = rehearsed().at(TUESDAY_10).check_logs()
    story.do("anton", RequestDeploy(release=R, environment=PRODUCTION, at_window=True))
    # Let the logs have been read just before the window opens.
    story.at(SATURDAY_09 - timedelta(minutes=5)).check_logs()
    return story


def test_when_the_window_opens_and_all_holds_the_request_is_ready_and_may_be_started() -> None:
    story = queued()
    assert next_due(story.situation, story.now) == SATURDAY_09
    assert "DeployReady" in story.at(SATURDAY_09).types()
    ready = story.event("DeployReady")
    assert ready.decision.allowed
    assert {o.check: o.state for o in ready.decision.checks}["release-window"] == "passed"
    story.do("ci-1", StartDeploy(release=R, deploy=ready.deploy, observed=story.observed(PRODUCTION)))


@pytest.mark.parametrize(
    "who, command, check",
    [
        ("qa-1", HoldRelease(release=R, reason="wait"), "no-hold"),
        ("rm-1", FreezeEnvironment(environment=PRODUCTION, reason="audit"), "no-freeze"),
        ("admin-1", DeactivatePrincipal(principal="anton", reason="left"), "role-held"),
    ],
)
def test_when_anything_is_missing_it_is_cancelled_with_the_decision(who: str, command: object, check: str) -> None:
    story = queued()
    story.do(who, command)
    story.at(SATURDAY_09)
    cancelled = story.event("DeployCancelled")
    assert cancelled.reason == f"when the window opened, this was missing: {check}"
    assert set(lacks(cancelled.decision)) == {check}
    assert not story.situation.requests


def test_red_tests_since_the_request_cancel_it_at_the_opening() -> None:
    story = queued()
    story.test(failed=("test_orders",))
    story.at(SATURDAY_09)
    assert set(lacks(story.event("DeployCancelled").decision)) == {"tests-passed"}


def test_it_is_decided_once_also_when_the_watch_was_away_at_the_opening() -> None:
    story = queued().at(SATURDAY_09 + timedelta(minutes=40))
    assert story.types().count("DeployReady") == 1
    story.tick(minutes=10)
    assert story.types().count("DeployReady") == 1


def test_a_ready_request_is_still_checked_at_its_start() -> None:
    story = queued().at(SATURDAY_09)
    story.do("rm-1", HoldRelease(release=R, reason="wait"))
    start = StartDeploy(release=R, deploy=story.event("DeployReady").deploy, observed=story.observed(PRODUCTION))
    story.refuse("ci-1", start, "no-hold")


def test_it_expires_at_the_end_of_the_window_it_waited_for() -> None:
    story = queued().at(SATURDAY_09)
    deploy = story.event("DeployReady").deploy
    story.at(SATURDAY_09 + timedelta(hours=3))
    assert story.event("DeployExpired").deploy == deploy
    story.at(SUNDAY_09)
    assert not story.situation.requests


def test_a_watch_that_was_away_for_the_whole_window_finds_it_expired_not_ready() -> None:
    story = queued().at(SUNDAY_09)
    assert "DeployExpired" in story.types()
    assert "DeployReady" not in story.types()


def test_any_other_request_expires_after_a_day() -> None:
    story = rehearsed()
    story.do("anton", RequestDeploy(release=R, environment=STAGE))
    assert "DeployExpired" not in story.tick(hours=24, microseconds=-1).types()
    assert story.tick(microseconds=1).types()[-1] == "DeployExpired"


def test_before_its_time_and_for_nothing_that_waits_it_changes_nothing() -> None:
    story = queued()
    deploy = story.event("DeployRequested").deploy
    for name in (deploy, "D-99"):
        assert not story.do("watch", SettleDeployRequest(release=R, deploy=name)).facts
    assert not [c for c in due(story.situation, story.now) if isinstance(c, SettleDeployRequest)]


def test_a_release_waits_for_the_window_of_the_policy_it_was_opened_under_too() -> None:
    story = rehearsed().at(TUESDAY_10).check_logs()
    proposed = story.do("admin-1", ProposePolicy(document=shipped("weekdays-free"), reason="freedom")).facts[0].event
    story.do("admin-2", ApprovePolicy(version=proposed.version, document_digest=proposed.document_digest))
    story.do("anton", RequestDeploy(release=R, environment=PRODUCTION, at_window=True))
    assert story.event("DeployRequested").ready_from == SATURDAY_09
    story.at(SATURDAY_09 - timedelta(minutes=5)).check_logs()
    assert story.at(SATURDAY_09).types()[-1] == "DeployReady"


def test_time_alone_settles_and_no_person() -> None:
    story = queued()
    command = SettleDeployRequest(release=R, deploy=story.event("DeployRequested").deploy)
    for who in ("rm-1", "admin-1", "ci-1"):
        story.refuse(who, command, "role-held")
