"""VerifyAdjustment: distinct independent persons stand for exactly this plan; the last one needed authorizes it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from interlock.domain.commands.adjustment import AmendAdjustment
from interlock.events.envelope import Actor
from tests.domain import adjusting, given
from tests.domain.adjusting import NAME, OPERATOR, verification
from tests.domain.given import Story
from tests.domain.story import digest, lacks


def high_risk() -> Story:
    story = adjusting.ready()
    adjusting.request(story, risk="high")
    adjusting.rehearse(story)
    return story


def test_two_verify_and_the_second_one_authorizes_it() -> None:
    story = adjusting.rehearsed()
    facts = story.do("qa-1", verification(story)).facts
    assert [type(new.event).__name__ for new in facts] == ["DataAdjustVerified"]
    facts = story.do("qa-2", verification(story)).facts
    assert [type(new.event).__name__ for new in facts] == ["DataAdjustVerified", "DataAdjustAuthorized"]
    assert [e.event.ordinal for e in story.events if e.type == "DataAdjustVerified"] == [1, 2]


def test_the_authorization_names_the_verifications_the_operator_the_time_and_why() -> None:
    story = adjusting.authorized()
    event = story.event("DataAdjustAuthorized")
    verified = [recorded for recorded in story.events if recorded.type == "DataAdjustVerified"]
    assert event.verifications == tuple(recorded.position for recorded in verified)
    assert (event.operator, event.bound_digest) == (OPERATOR, adjusting.of(story).bound_digest)
    assert event.valid_until == story.now + timedelta(hours=24)
    assert event.decision.allowed
    assert event.decision.position == verified[-1].position
    assert [outcome.check for outcome in event.decision.checks] == [
        "role-held", "adjustment-rehearsed", "adjustment-verified", "verifiers-independent", "operator-designated",
    ]  # fmt: skip


def test_a_verification_names_the_rehearsal_that_was_read() -> None:
    story = adjusting.verified()
    rehearsal = adjusting.of(story).rehearsal
    assert rehearsal is not None
    assert story.event("DataAdjustVerified").rehearsal == rehearsal.position


def test_high_risk_takes_three() -> None:
    story = high_risk()
    adjusting.verify(story, "qa-1", "qa-2")
    assert adjusting.of(story).authorization is None
    adjusting.verify(story, "vera")
    assert adjusting.of(story).authorization is not None


@pytest.mark.parametrize("credential", ["key-of-qa-1", "another key", None])
def test_one_person_counts_once_with_whichever_key(credential: str | None) -> None:
    story = adjusting.verified()
    again = Actor(id="qa-1", kind="person", credential=credential)
    assert not story.do(again, verification(story)).facts
    assert adjusting.of(story).authorization is None


def test_nobody_verifies_what_was_not_rehearsed() -> None:
    story = adjusting.requested()
    assert set(lacks(story.refuse("qa-1", verification(story)).decision)) == {"adjustment-rehearsed"}


@pytest.mark.parametrize("who", ["dora", "rm-1", "admin-1", "reviewer-1"])
def test_only_verifiers_verify(who: str) -> None:
    story = adjusting.rehearsed()
    story.refuse(who, verification(story), "role-held")


def test_the_operator_does_not_verify_what_he_will_execute() -> None:
    story = adjusting.rehearsed()
    adjusting.designate(story, "qa-1")
    refused = lacks(story.refuse("qa-1", verification(story)).decision)
    assert set(refused) == {"verifier-independent"}
    assert refused["verifier-independent"].who == ("qa-2", "vera")


def test_only_what_was_read_is_verified() -> None:
    story = adjusting.rehearsed()
    for other in (digest("something else"), adjusting.bound("another plan")):
        command = replace(verification(story), bound_digest=other)
        assert set(lacks(story.refuse("qa-1", command).decision)) == {"adjustment-unchanged"}


def test_who_verified_the_old_plan_verifies_the_new_one_again() -> None:
    story = adjusting.verified()
    story.do("anton", AmendAdjustment(adjustment=NAME, plan=adjusting.plan(salt=" 2"), reason="more"))
    adjusting.rehearse(story)
    assert story.do("qa-1", verification(story)).facts
    assert story.event("DataAdjustVerified").ordinal == 1


def test_where_nobody_is_operator_the_verifications_wait_for_one() -> None:
    story = adjusting.rehearsed()
    story.situation = replace(story.situation, team=replace(story.situation.team, operators={}))
    story.do("qa-1", verification(story))
    facts = story.do("qa-2", verification(story)).facts
    assert [type(new.event).__name__ for new in facts] == ["DataAdjustVerified"]
    adjusting.designate(story, OPERATOR)
    story.tick(minutes=1)
    assert story.types()[-1] == "DataAdjustAuthorized"


def test_a_third_verification_of_what_is_authorized_authorizes_nothing_anew() -> None:
    story = adjusting.authorized()
    before = adjusting.of(story).authorization
    adjusting.verify(story, "vera")
    assert adjusting.of(story).authorization == before


def test_what_says_who_is_needed_names_who_may_still_verify() -> None:
    story = adjusting.verified()
    missing = lacks(adjusting.gate(story))["adjustment-verified"]
    assert (missing.state, missing.who, missing.observed) == ("needed", ("qa-2", "vera"), "1 of 2: qa-1")
    assert missing.next == f"dt adjust verify {NAME}"


def test_where_the_watch_was_away_the_end_of_the_authorization_is_told_first() -> None:
    story = adjusting.authorized()
    story.now += timedelta(hours=24)
    story.do("vera", verification(story))
    assert story.types()[-2:] == ["DataAdjustExpired", "DataAdjustVerified"]
    assert story.event("DataAdjustVerified").ordinal == 1
    assert set(adjusting.of(story).verifications) == {"vera"}
    assert adjusting.of(story).authorization is None


def test_the_end_of_an_authorization_during_its_execution_is_not_put_off_by_one_more_verification() -> None:
    story = adjusting.authorized()
    story.now += timedelta(hours=24) - timedelta(minutes=1)
    story.do(OPERATOR, adjusting.starting(story))
    story.tick(minutes=2)
    story.do("vera", verification(story))
    assert story.types()[-1] == "DataAdjustVerified"
    story.refuse(OPERATOR, adjusting.starting(story), "authorization-valid")
    story.do(OPERATOR, adjusting.failed_report(story))
    story.tick(seconds=1)
    assert story.event("DataAdjustExpired").what == "authorization"
    assert adjusting.of(story).verifications == {}


def test_nobody_verifies_what_is_over() -> None:
    story = adjusting.verified()
    command = verification(story)
    expired = given.copied(story).at(story.now + timedelta(days=7))
    expired.refuse("qa-2", command, "adjustment-open")
    executed = adjusting.executed()
    executed.refuse("vera", verification(executed), "adjustment-open")
