"""RenewLease: the holder's sign of life."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from tests.domain.examples import EXAMPLES
from tests.domain.given import TESTS


def test_a_sign_of_life_moves_the_end() -> None:
    story, who, command = EXAMPLES["RenewLease"]()
    story.do(who, command)
    assert story.event("LeaseRenewed").expires_at == story.now + timedelta(minutes=15)


def test_more_than_three_in_a_lease_are_heartbeats_and_no_events() -> None:
    story, who, command = EXAMPLES["RenewLease"]()
    before = len(story.events)
    for _ in range(15):
        story.do(who, command)
        story.now += timedelta(minutes=1)
    assert story.types(before) == ["LeaseRenewed"] * 3


def test_only_the_holder_renews_and_only_with_its_token() -> None:
    story, who, command = EXAMPLES["RenewLease"]()
    story.refuse("dora", command, "lease-held")
    story.refuse(who, replace(command, fencing_token=command.fencing_token + 1), "lease-held")


def test_a_lease_that_is_over_is_not_renewed_even_before_anybody_noticed() -> None:
    story, who, command = EXAMPLES["RenewLease"]()
    story.now += timedelta(minutes=9)
    story.refuse(who, command, "lease-held")
    assert story.situation.environment(TESTS).lease is not None
