"""RejectAdjustment: a verifier's no voids the authorization, and stands."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from interlock.domain.commands.adjustment import AmendAdjustment, RejectAdjustment
from interlock.domain.commands.governance import RevokeRole
from tests.domain import adjusting
from tests.domain.adjusting import NAME, OPERATOR, verification
from tests.domain.given import Story
from tests.domain.story import digest, lacks


def no(story: Story, reason: str = "a fill is missing") -> RejectAdjustment:
    return RejectAdjustment(adjustment=NAME, bound_digest=adjusting.of(story).bound_digest, reason=reason)


def test_it_voids_the_authorization_whoever_gave_the_others() -> None:
    story = adjusting.authorized()
    story.do("vera", no(story))
    assert adjusting.of(story).authorization is None
    missing = lacks(story.refuse(OPERATOR, adjusting.starting(story)).decision)
    assert set(missing) == {"adjustment-verified", "authorization-valid"}
    assert missing["adjustment-verified"].observed == "vera rejected it: a fill is missing"


def test_one_no_outweighs_every_yes_until_the_same_person_thinks_better_of_it() -> None:
    story = adjusting.rehearsed()
    story.do("vera", no(story))
    adjusting.verify(story, "qa-1", "qa-2")
    story.tick(minutes=1)
    assert adjusting.of(story).authorization is None
    story.do("vera", verification(story))
    assert adjusting.of(story).authorization is not None


def test_another_plan_is_another_question() -> None:
    story = adjusting.rehearsed()
    story.do("vera", no(story))
    story.do("dora", AmendAdjustment(adjustment=NAME, plan=adjusting.plan(salt=" 2"), reason="all of them"))
    adjusting.rehearse(story)
    adjusting.verify(story, "qa-1", "qa-2")
    assert adjusting.of(story).authorization is not None


def test_who_verified_may_think_again() -> None:
    story = adjusting.authorized()
    story.do("qa-1", no(story))
    assert not adjusting.of(story).verifications["qa-1"].good
    story.refuse(OPERATOR, adjusting.starting(story), "adjustment-verified")


def test_a_no_stands_also_where_who_gave_it_is_no_verifier_any_more() -> None:
    story = adjusting.rehearsed()
    story.do("vera", no(story))
    story.do("admin-1", RevokeRole(principal="vera", role="verifier", reason="other work"))
    adjusting.verify(story, "qa-1", "qa-2")
    assert adjusting.of(story).authorization is None


@pytest.mark.parametrize("who", ["dora", "rm-1", OPERATOR])
def test_only_verifiers_reject(who: str) -> None:
    story = adjusting.rehearsed()
    story.refuse(who, no(story), "role-held")


def test_what_was_read_is_rejected_and_nothing_else() -> None:
    story = adjusting.rehearsed()
    refused = story.refuse("vera", replace(no(story), bound_digest=digest("something else")))
    assert set(lacks(refused.decision)) == {"adjustment-unchanged"}


def test_what_was_not_even_rehearsed_may_be_rejected() -> None:
    story = adjusting.requested()
    story.do("vera", no(story))


def test_a_no_before_the_commit_is_decided_stops_it() -> None:
    story = adjusting.backed_up()
    story.do("vera", no(story))
    missing = lacks(story.refuse(OPERATOR, adjusting.committing(story)).decision)
    assert set(missing) == {"adjustment-verified", "authorization-valid"}


def test_a_no_after_it_comes_too_late_for_the_record_of_what_happened() -> None:
    story = adjusting.committed()
    story.do("vera", no(story))
    story.do(OPERATOR, adjusting.executed_report(story))
    assert adjusting.of(story).state == "executed"
    story.refuse("vera", no(story, "still not"), "adjustment-open")


def test_an_authorization_that_was_over_does_not_leave_its_verifications_behind() -> None:
    story = adjusting.authorized()
    story.now += timedelta(hours=24)
    story.do("vera", no(story))
    assert story.types()[-2:] == ["DataAdjustExpired", "DataAdjustRejected"]
    story.do("vera", verification(story))
    assert adjusting.of(story).authorization is None


def test_also_not_where_it_was_over_during_an_execution() -> None:
    story = adjusting.authorized()
    story.now += timedelta(hours=24) - timedelta(minutes=1)
    story.do(OPERATOR, adjusting.starting(story))
    story.tick(minutes=2)
    story.do("vera", no(story))
    assert set(adjusting.of(story).verifications) == {"vera"}


def test_the_same_no_again_is_no_event_and_another_reason_is() -> None:
    story = adjusting.rehearsed()
    story.do("vera", no(story))
    assert not story.do("vera", no(story)).facts
    assert story.do("vera", no(story, "the undo is wrong too")).facts
