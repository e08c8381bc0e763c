"""AuthorizeAdjustment and ExpireAdjustment: what the rule and time alone bring."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from interlock.domain.commands.adjustment import RejectAdjustment
from interlock.domain.commands.timely import AuthorizeAdjustment, ExpireAdjustment
from interlock.domain.due import due, next_due
from interlock.domain.explain import adjustment_gate
from tests.domain import adjusting, given
from tests.domain.adjusting import NAME, OPERATOR
from tests.domain.given import STAGE, Story
from tests.domain.story import lacks

AUTHORIZE, EXPIRE = AuthorizeAdjustment(adjustment=NAME), ExpireAdjustment(adjustment=NAME)


def watched(story: Story) -> list[str]:
    return [type(command).__name__ for command in due(story.situation, story.now)]


@pytest.mark.parametrize("who", [OPERATOR, "qa-1", "admin-1", "ci-1"])
def test_nobody_but_the_rule_authorizes(who: str) -> None:
    story = adjusting.authorized()
    adjusting.designate(story, "anton")
    story.refuse(who, AUTHORIZE, "role-held")
    story.refuse(who, EXPIRE, "role-held")


def test_another_operator_is_authorized_anew_by_himself() -> None:
    story = adjusting.authorized()
    adjusting.designate(story, "anton")
    assert adjusting.of(story).authorization is None
    assert watched(story) == ["AuthorizeAdjustment"]
    story.tick(minutes=1)
    assert story.event("DataAdjustAuthorized").operator == "anton"
    assert watched(story) == []


def test_a_deputy_s_end_is_a_moment_to_look_at() -> None:
    story = adjusting.authorized()
    adjusting.designate(story, "anton", hours=2)
    story.watch()
    until = story.now + timedelta(hours=2)
    moment = story.now
    while moment < until:
        upcoming = next_due(story.situation, moment)
        assert upcoming is not None
        moment = upcoming
    assert moment == until
    story.at(until)
    assert story.event("DataAdjustAuthorized").operator == OPERATOR


def test_a_rehearsal_that_comes_last_authorizes_it() -> None:
    story = adjusting.verified()
    story.do("ci-1", adjusting.start_rehearsal(story))
    story.tick(minutes=16)
    story.refuse("qa-2", adjusting.verification(story), "adjustment-rehearsed")
    adjusting.rehearse(story)
    adjusting.verify(story, "qa-2")
    assert adjusting.of(story).authorization is not None


def test_the_rule_refuses_what_lacks_something() -> None:
    story = adjusting.verified()
    assert set(lacks(story.refuse("watch", AUTHORIZE).decision)) == {"adjustment-verified"}


def test_what_is_authorized_for_the_operator_of_now_is_not_authorized_again() -> None:
    story = adjusting.authorized()
    assert not story.do("watch", AUTHORIZE).facts


@pytest.mark.parametrize("make", [adjusting.executed, adjusting.unknown])
def test_what_is_executed_or_may_be_is_not_authorized_any_more(make) -> None:
    story = make()
    adjusting.designate(story, "anton")
    assert not story.do("watch", AUTHORIZE).facts
    assert "AuthorizeAdjustment" not in watched(story)


# -- time


def test_an_authorization_is_over_after_a_day_and_the_verifications_with_it() -> None:
    story = adjusting.authorized()
    story.tick(hours=24)
    assert story.event("DataAdjustExpired").what == "authorization"
    adjustment = adjusting.of(story)
    assert (adjustment.authorization, adjustment.verifications) == (None, {})
    assert adjustment.rehearsal is not None
    adjusting.verify(story, "qa-1", "qa-2")
    assert adjusting.of(story).authorization is not None


def test_the_gate_of_what_expired_but_was_not_told_yet_does_not_pass() -> None:
    story = adjusting.authorized()
    story.now += timedelta(hours=24)
    assert set(lacks(adjustment_gate(story.situation, NAME, story.now))) == {"authorization-valid"}


def test_a_request_is_over_after_a_week_and_leaves() -> None:
    story = adjusting.verified()
    story.tick(hours=167)
    assert NAME in story.situation.adjustments
    story.tick(hours=1)
    assert story.event("DataAdjustExpired").what == "request"
    assert NAME not in story.situation.adjustments


def test_an_authorization_never_lasts_longer_than_the_request() -> None:
    story = adjusting.ready()
    adjusting.request(story)
    story.tick(hours=160)
    story.restore()
    adjusting.rehearse(story)
    adjusting.verify(story, "qa-1", "qa-2")
    authorization = adjusting.of(story).authorization
    assert authorization is not None
    assert authorization.valid_until == adjusting.of(story).expires_at
    story.tick(hours=8)
    assert story.event("DataAdjustExpired").what == "request"


def test_nothing_expires_while_it_is_executed_or_rehearsed() -> None:
    story = adjusting.authorized()
    story.now += timedelta(hours=24) - timedelta(minutes=1)
    for make in (adjusting.starting, adjusting.backup, adjusting.committing):
        story.do(OPERATOR, make(story))
    story.tick(minutes=2)
    assert not story.do("watch", EXPIRE).facts
    story.do(OPERATOR, adjusting.executed_report(story))
    story.tick(days=8)
    assert adjusting.of(story).state == "executed"
    assert "DataAdjustExpired" not in story.types()
    rehearsing = adjusting.requested()
    rehearsing.now += timedelta(days=7) - timedelta(minutes=1)
    rehearsing.restore()
    rehearsing.do("ci-1", adjusting.start_rehearsal(rehearsing))
    rehearsing.tick(minutes=2)
    assert NAME in rehearsing.situation.adjustments
    token = given.token(rehearsing, STAGE)
    rehearsing.do("ci-1", replace(adjusting.rehearsed_report(rehearsing), fencing_token=token))
    rehearsing.tick(seconds=1)
    assert NAME not in rehearsing.situation.adjustments


def test_an_unknown_outcome_never_expires() -> None:
    story = adjusting.unknown()
    story.tick(days=8)
    assert adjusting.attempt(story).unknown


def test_who_said_no_still_does_when_an_authorization_is_over() -> None:
    story = adjusting.rehearsed()
    bound = adjusting.of(story).bound_digest
    story.do("vera", RejectAdjustment(adjustment=NAME, bound_digest=bound, reason="no"))
    adjusting.verify(story, "qa-1", "qa-2")
    story.tick(hours=48)
    assert not adjusting.of(story).verifications["vera"].good


def test_a_stricter_policy_shortens_an_authorization_that_is_there() -> None:
    story = adjusting.authorized()
    adjusting.tightened(story, authorization_minutes=60)
    story.tick(minutes=59)
    assert adjusting.of(story).authorization is not None
    story.tick(minutes=1)
    assert story.event("DataAdjustExpired").what == "authorization"


def test_a_laxer_one_does_not_lengthen_it() -> None:
    story = adjusting.ready()
    adjusting.tightened(story, authorization_minutes=60)
    adjusting.request(story)
    adjusting.tightened(story, authorization_minutes=1440)
    adjusting.rehearse(story)
    adjusting.verify(story, "qa-1", "qa-2")
    authorization = adjusting.of(story).authorization
    assert authorization is not None
    assert authorization.valid_until - authorization.at == timedelta(minutes=60)


def test_an_authorization_that_was_over_during_its_execution_is_not_given_anew_to_another_operator() -> None:
    story = adjusting.rehearsed()
    adjusting.designate(story, "anton", hours=24, minutes=5)
    adjusting.verify(story, "qa-1", "qa-2")
    story.at(story.now + timedelta(hours=24) - timedelta(minutes=1))
    story.do("anton", adjusting.starting(story))
    story.tick(minutes=10)
    assert story.situation.team.operators["production"].at(story.now) == OPERATOR
    story.do("vera", adjusting.verification(story))
    story.tick(seconds=1)
    assert story.types().count("DataAdjustAuthorized") == 1
