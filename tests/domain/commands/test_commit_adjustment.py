"""CommitAdjustment: everything is decided again, with what the open transaction found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from interlock.domain.commands.environment import MarkDataCorrupt
from interlock.domain.commands.governance import DeactivatePrincipal, RevokeRole
from interlock.domain.errors import InvalidCommand
from interlock.domain.gates import COMMIT_ADJUSTMENT
from interlock.events.catalogue.parts import Observed
from tests.domain import adjusting, given
from tests.domain.adjusting import NAME, OPERATOR, ROWS, committing
from tests.domain.given import PRODUCTION, STAGE, Story
from tests.domain.story import digest, identity, lacks


def refused(story: Story, who: str = OPERATOR, **more: Any) -> set[str]:
    return set(lacks(story.refuse(who, committing(story, **more)).decision))


def test_from_here_on_it_may_have_been_committed() -> None:
    story = adjusting.backed_up()
    event = story.do(OPERATOR, committing(story)).facts[0].event
    attempt = adjusting.attempt(story)
    assert (event.marker, event.fencing_token) == (f"{NAME}/{attempt.token}", attempt.token)
    assert (event.rows, event.identity, event.lease) == (ROWS, identity(PRODUCTION), attempt.lease)
    assert attempt.started == story.situation.position
    assert [outcome.check for outcome in event.decision.checks] == ["role-held", *COMMIT_ADJUSTMENT]


def other_operator(story: Story) -> None:
    adjusting.designate(story, "anton")


def other_operator_authorized(story: Story) -> None:
    other_operator(story)
    story.tick(minutes=1)
    authorization = adjusting.of(story).authorization
    assert authorization is not None
    assert authorization.operator == "anton"


def role_lost(story: Story) -> None:
    story.do("admin-1", RevokeRole(principal="qa-1", role="verifier", reason="other work"))


def operator_left(story: Story) -> None:
    story.do("admin-1", DeactivatePrincipal(principal=OPERATOR, reason="left"))


def verifier_operates(story: Story) -> None:
    adjusting.designate(story, "qa-1")


def corrupt(story: Story) -> None:
    story.do("qa-1", MarkDataCorrupt(environment=STAGE, reason="edited"))


def stricter(story: Story) -> None:
    adjusting.tightened(story, verifications=3)


@pytest.mark.parametrize("spoil,checks", [
    (other_operator, {"operator-designated", "authorization-valid"}),
    (other_operator_authorized, {"operator-designated"}),
    (role_lost, {"adjustment-verified"}),
    (operator_left, {"role-held", "operator-designated"}),
    (verifier_operates, {"operator-designated", "authorization-valid", "adjustment-verified"}),
    (corrupt, {"adjustment-rehearsed"}),
    (stricter, {"adjustment-verified"}),
])  # fmt: skip
def test_what_changed_while_the_transaction_was_open_counts(spoil: Callable[[Story], None], checks: set[str]) -> None:
    story = adjusting.backed_up()
    spoil(story)
    assert checks <= refused(story)
    assert adjusting.attempt(story).started is None


@pytest.mark.parametrize("more,checks", [
    ({"rows": ROWS - 1}, {"within-expected-effect"}),
    ({"rows": ROWS + 1}, {"within-expected-effect"}),
    ({"effect_holds": False}, {"within-expected-effect"}),
    ({"observed": Observed(identity=identity(STAGE), schema_digest=digest("schema"))},
     {"environment-identified", "target-identified"}),
    ({"observed": Observed(identity=identity(PRODUCTION), schema_digest=digest("other"))}, {"adjustment-rehearsed"}),
])  # fmt: skip
def test_what_the_transaction_found_counts(more: dict[str, Any], checks: set[str]) -> None:
    assert refused(adjusting.backed_up(), **more) == checks


def test_not_without_a_backup() -> None:
    assert refused(adjusting.started()) == {"backup-taken"}


def test_only_the_holder_of_the_lease() -> None:
    assert refused(adjusting.backed_up(), "anton") == {"operator-designated", "lease-held"}


def test_not_after_the_lease() -> None:
    story = adjusting.backed_up()
    command = committing(story)
    story.now += timedelta(minutes=15)
    assert set(lacks(story.refuse(OPERATOR, command).decision)) == {"lease-held"}
    story.tick(minutes=1)
    story.refuse(OPERATOR, command, "lease-held", "backup-taken")


@pytest.mark.parametrize("token", [2, 99])
def test_only_with_its_token(token: int) -> None:
    story = adjusting.backed_up()
    command = committing(story, fencing_token=token, marker=f"{NAME}/{token}")
    assert set(lacks(story.refuse(OPERATOR, command).decision)) == {"lease-held", "backup-taken"}


def test_not_once_the_authorization_is_over_however_early_it_was_begun() -> None:
    story = adjusting.authorized()
    story.now += timedelta(hours=24) - timedelta(minutes=1)
    story.do(OPERATOR, adjusting.starting(story))
    story.do(OPERATOR, adjusting.backup(story))
    in_time = given.copied(story)
    in_time.do(OPERATOR, committing(in_time))
    story.now += timedelta(minutes=1)
    assert refused(story) == {"authorization-valid"}


@pytest.mark.parametrize("marker", ["ADJ-1/7", "ADJ-2/1", "anything"])
def test_the_marker_is_the_attempt_s_own(marker: str) -> None:
    story = adjusting.backed_up()
    with pytest.raises(InvalidCommand, match="marker"):
        story.ask(OPERATOR, committing(story, marker=marker))


def test_asked_again_it_is_decided_again_and_recorded_once() -> None:
    story = adjusting.committed()
    assert not story.do(OPERATOR, committing(story)).facts
    with pytest.raises(InvalidCommand, match="rows"):
        story.ask(OPERATOR, committing(story, after=digest("something else")))
    adjusting.designate(story, "anton")
    assert {"operator-designated", "authorization-valid"} <= refused(story)


def test_what_was_refused_is_rolled_back_and_may_be_started_again() -> None:
    story = adjusting.backed_up()
    refused(story, rows=ROWS + 1)
    story.do(OPERATOR, adjusting.failed_report(story))
    adjusting.execute(story)


def test_the_plan_is_one_of_the_record_and_not_of_the_command() -> None:
    story = adjusting.committed()
    assert story.event("DataAdjustStarted").bound_digest == adjusting.of(story).bound_digest
    assert replace(adjusting.plan()) == adjusting.of(story).plan
