"""What another policy would have decided, each time in the situation of that moment."""

from __future__ import annotations

from typing import Any

import pytest

from interlock.domain.again import Said
from interlock.domain.commands.deploy import RequestDeploy
from interlock.domain.commands.environment import CheckLogs
from interlock.domain.commands.governance import ApprovePolicy, ProposePolicy
from interlock.domain.commands.release import SetReleaseContent
from interlock.domain.policy import NotAPolicy, shipped
from interlock.domain.simulation import Simulated, simulate
from interlock.domain.simulation import _flip as flip_of
from interlock.events.codec import digest_of
from interlock.events.decision import Decision
from tests.domain import adjusting, given
from tests.domain.story import PRODUCTION, SANDBOX, SATURDAY_09, STAGE, Story
from tests.governance.histories import EVERY, Events, walked


def flips(events: Events, **changes: Any) -> list[Simulated]:
    return [each for each in simulate(events, {**shipped(), **changes}) if each.flips is not None]


def says(result: Any = "allowed", *followed: str, at: Any = None, error: str | None = None) -> Said:
    """What the rules say: that, with these events that hold a decision."""
    decision = Decision(action="x", result=result, position=1, policy_version=1, allowed_at=at)
    if error is not None:
        return Said(decision=None, error=error)
    return Said(decision=decision, decisions=tuple((name, decision) for name in followed))


@pytest.mark.parametrize(
    "before, after, flip",
    [
        (says(), says(error="there is none"), "it could not have been asked: there is none"),
        (says(error="there is none"), says(error="there is none"), None),
        (says(error="there is none"), says(), None),
        (says("refused"), says(), "refused, and would have been allowed"),
        (says(), says("allowed", "Authorized"), "Authorized would have followed"),
        (says("allowed", "Authorized"), says(), "Authorized would not have followed"),
        (says(), says(at=SATURDAY_09), "allowed, and would have waited for the window"),
        (says(at=SATURDAY_09), says(), "allowed, and would not have waited for the window"),
        (says("refused"), says("refused", at=SATURDAY_09), None),
    ],
)
def test_what_counts_as_otherwise_is_the_result_and_what_follows_from_it(
    before: Said, after: Said, flip: str | None
) -> None:
    assert flip_of(before, after) == flip


@pytest.mark.parametrize("name", [name for name in EVERY if "walk" in name])
def test_under_the_policy_that_was_in_force_nothing_flips(name: str) -> None:
    events = EVERY[name]()
    activated = [event.event.document for event in events if event.type == "PolicyActivated"]
    if len(activated) == 1:
        assert [each for each in simulate(events, activated[0]) if each.flips is not None] == []


def test_what_was_done_in_a_place_that_the_policy_names_not_could_not_have_been_asked() -> None:
    story = adjusting.with_scratch()
    story.do("ci-1", adjusting.start_rehearsal(story, environment=adjusting.SCRATCH))
    reason = "it could not have been asked: there is no environment 'scratch' in this project"
    assert {(flip.kind, flip.flips) for flip in flips(story.events)} == {
        ("EnvironmentRegistered", reason),
        ("LeaseGranted", reason),
    }


def test_a_window_on_every_day_would_have_let_the_refused_deploy_go() -> None:
    story = given.rehearsed()
    story.ask("anton", story_request())
    [flip] = flips(story.events, environments=shipped("weekdays-free")["environments"])
    assert flip.flips == "refused, and would have been allowed"
    assert flip.before is not None
    assert flip.after is not None
    assert [check.check for check in flip.before.missing] == ["release-window"]
    assert flip.after.missing == ()


def story_request() -> RequestDeploy:
    return RequestDeploy(release="4.12.0", environment=PRODUCTION)


def test_a_queued_deploy_would_not_have_waited() -> None:
    story = given.rehearsed()
    story.do("anton", RequestDeploy(release="4.12.0", environment=PRODUCTION, at_window=True))
    [flip] = flips(story.events, environments=shipped("weekdays-free")["environments"])
    assert flip.flips == "allowed, and would not have waited for the window"


def test_what_the_watch_decided_at_the_windows_opening_flips_too() -> None:
    story = given.rehearsed()
    story.do("anton", RequestDeploy(release="4.12.0", environment=PRODUCTION, at_window=True))
    story.at(SATURDAY_09)
    cancelled = story.event("DeployCancelled")
    assert [check.check for check in cancelled.decision.missing] == ["log-watch-current"]
    story = given.rehearsed()
    story.do("anton", RequestDeploy(release="4.12.0", environment=PRODUCTION, at_window=True))
    since = story.situation.environment(PRODUCTION).logs_from
    story.tick(minutes=1)
    assert since is not None
    story.do("qa-1", CheckLogs(environment=PRODUCTION, since=since, until=story.now, result="clean"))
    kept = [e for e in flips(story.at(SATURDAY_09).events, snapshot_age_hours=24) if e.kind == "DeployCancelled"]
    # It was cancelled anyhow: another reason more is no other result.
    assert kept == []


def test_a_shorter_life_of_snapshots_refuses_the_start_that_stood_on_an_old_one() -> None:
    found = flips(given.released().events, snapshot_age_hours=24)
    assert [(flip.kind, flip.flips) for flip in found] == [
        ("DeployRequested", "allowed, and would have been refused"),
        ("LeaseGranted", "allowed, and would have been refused"),
    ]
    assert all([c.check for c in flip.after.missing] == ["production-data-restored"] for flip in found if flip.after)


def test_what_holds_no_decision_flips_as_well() -> None:
    areas = ("orders", "quotes", "positions", "risk")
    found = flips(given.rehearsed().events, core_areas=areas)
    assert [(flip.kind, flip.flips) for flip in found] == [("ManualQAApproved", "allowed, and would have been refused")]


def test_the_situation_stays_as_it_was_recorded() -> None:
    # The approval that would have been refused still stands in the situation of what came after it.
    areas = ("orders", "quotes", "positions", "risk")
    found = flips(given.released().events, core_areas=areas)
    missing = {check.check for flip in found if flip.after for check in flip.after.missing}
    assert missing == {"areas-covered", "core-areas-approved"}


def test_the_other_policy_stands_in_for_the_one_that_a_release_was_opened_under_too() -> None:
    story = in_two_policies()
    # Since the second policy the windows are free; the release still obeys the first one's, and so it was refused.
    story.refuse("anton", story_request(), "release-window")
    [flip] = flips(story.events, environments=shipped("weekdays-free")["environments"])
    assert flip.flips == "refused, and would have been allowed"


def in_two_policies() -> Story:
    story = given.rehearsed()
    document = shipped("weekdays-free")
    story.do("rm-1", ProposePolicy(document=document, reason="weekdays too"))
    story.do("admin-1", ApprovePolicy(version=2, document_digest=digest_of(document)))
    return story


def test_an_added_check_is_asked_where_it_was_not() -> None:
    story = given.in_sandbox()
    found = flips(story.events, additional_checks={SANDBOX: ["release-window"]})
    # Nothing opens the sandbox's windows or closes them: where an environment has none, the check is not applicable.
    assert found == []
    found = flips(given.in_stage().events, additional_checks={STAGE: ["includes-production"]})
    assert found == []
    without = given.running()
    without.develop("4.12.0", contains=())
    without.to_tests("4.12.0")
    without.to_sandbox("4.12.0")
    without.deploy("4.12.0", STAGE)
    found = flips(without.events, additional_checks={STAGE: ["includes-production"]})
    assert {flip.kind for flip in found} == {"DeployRequested", "LeaseGranted"}


def test_what_cannot_be_known_is_counted_and_never_flips() -> None:
    story = given.released()
    long = story.content("4.12.0", salt="new", contains=tuple(f"4.{n}.0-{'x' * 50}" for n in range(400)))
    assert isinstance(long, SetReleaseContent)
    story.ask("anton", long)
    last = list(simulate(story.events, shipped()))[-1]
    assert (last.known, last.before, last.after, last.flips) == ("unknown", None, None, None)


def test_a_simulation_changes_nothing() -> None:
    events = walked(0)
    before = [event.raw for event in events]
    stricter = {**shipped(), "core_areas": ["orders", "quotes", "positions", "risk"]}
    first = list(simulate(events, stricter))
    assert [event.raw for event in events] == before
    assert first == list(simulate(events, stricter))
    assert any(each.flips for each in first)


def test_an_authorization_that_would_not_have_followed_flips_although_the_verification_stands() -> None:
    story = adjusting.executed()
    found = {flip.kind: flip.flips for flip in flips(story.events, verifications=3)}
    assert found["DataAdjustVerified"] == "DataAdjustAuthorized would not have followed"
    assert found["DataAdjustStarted"] == "allowed, and would have been refused"


def test_one_verification_fewer_cannot_be_simulated_into_being_enough() -> None:
    # Two are the floor: a document that asks fewer is no policy, whatever would have followed from it.
    with pytest.raises(NotAPolicy):
        flips(adjusting.verified().events, verifications=1)
