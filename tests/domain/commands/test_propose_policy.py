"""ProposePolicy, ApprovePolicy, RejectPolicy: proposing and approving are two persons."""

from __future__ import annotations

from typing import Any

import pytest

from interlock.domain import policy as policies
from interlock.domain.commands.environment import BaselineEnvironment
from interlock.domain.commands.governance import ApprovePolicy, ProposePolicy, RejectPolicy
from interlock.domain.errors import InvalidCommand, NotFound
from interlock.events.codec import digest_of
from tests.domain import given
from tests.domain.given import PRODUCTION, TESTS, Story
from tests.domain.story import SATURDAY_09, TUESDAY_10


def proposed(story: Story, who: str = "rm-1", **changes: Any) -> ApprovePolicy:
    document = {**policies.shipped(), **changes}
    event = story.do(who, ProposePolicy(document=document, reason="a try")).facts[0].event
    return ApprovePolicy(version=event.version, document_digest=digest_of(document))


def active(story: Story, **changes: Any) -> Story:
    story.do("admin-2", proposed(story, **changes))
    return story


def test_a_proposal_changes_nothing_until_another_person_approves_it() -> None:
    story = given.team()
    approve = proposed(story, "admin-1", snapshot_age_hours=24)
    assert story.situation.policy_version == 1
    story.refuse("admin-1", approve, "proposer-is-another")
    story.do("admin-2", approve)
    assert story.situation.policy_version == 2


def test_who_approves_names_the_digest_of_what_was_read() -> None:
    story = given.team()
    approve = proposed(story, snapshot_age_hours=24)
    with pytest.raises(InvalidCommand, match="document_digest"):
        story.do("admin-1", ApprovePolicy(version=approve.version, document_digest=digest_of({})))


def test_what_goes_under_the_floor_cannot_be_proposed() -> None:
    with pytest.raises(InvalidCommand, match="verifications"):
        proposed(given.team(), verifications=1)


def test_environments_keep_their_names() -> None:
    environments = policies.shipped()["environments"]
    environments[0]["name"] = "sandbox-boris"
    with pytest.raises(InvalidCommand, match="names and their order"):
        proposed(given.team(), environments=environments)


def test_a_rejected_proposal_is_over() -> None:
    story = given.team()
    approve = proposed(story, snapshot_age_hours=24)
    story.do("admin-1", RejectPolicy(version=approve.version, reason="no"))
    with pytest.raises(NotFound):
        story.do("admin-2", approve)


def test_a_proposal_that_another_one_overtook_does_not_bring_back_the_old_policy() -> None:
    story = given.team()
    older = proposed(story, snapshot_age_hours=24)
    active(story, log_check_grace_minutes=5)
    with pytest.raises(NotFound):
        story.do("admin-1", older)
    assert story.situation.policy_version == 3


def test_a_release_satisfies_the_policy_it_was_opened_under_and_the_active_one() -> None:
    free = active(given.team(), **policies.shipped("weekdays-free"))
    free.both("admin-1", "rm-1", BaselineEnvironment(environment=PRODUCTION, empty=True))
    strict_since = free.prepared("1.0.0")
    active(strict_since, **policies.shipped("weekend"))
    assert strict_since.gate("1.0.0", PRODUCTION).allowed_at == SATURDAY_09
    opened_strict = given.empty().prepared("1.0.0")
    active(opened_strict, **policies.shipped("weekdays-free"))
    assert opened_strict.at(TUESDAY_10).gate("1.0.0", PRODUCTION).allowed_at == SATURDAY_09


def test_an_added_check_stands_in_the_gate_of_older_releases_too() -> None:
    story = active(given.developed(), additional_checks={TESTS: ["log-watch-current"]})
    story.now = story.now.replace(hour=12)
    assert [o.check for o in story.gate("4.12.0", TESTS).missing] == ["log-watch-current"]


def test_a_dropped_addition_still_binds_the_release_that_was_opened_under_it() -> None:
    story = active(given.running(), additional_checks={TESTS: ["log-watch-current"]})
    story.develop("4.12.0")
    active(story, snapshot_age_hours=100)
    story.now = story.now.replace(hour=12)
    assert [o.check for o in story.gate("4.12.0", TESTS).missing] == ["log-watch-current"]
