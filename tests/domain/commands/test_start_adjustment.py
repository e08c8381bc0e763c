"""StartAdjustment: the operator, as a person, takes production's lease for exactly what was authorized."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from interlock.domain.commands.environment import FreezeEnvironment, ObserveFact, RegisterEnvironment
from interlock.domain.commands.governance import DeactivatePrincipal, RevokeRole
from interlock.domain.gates import COMMIT_ADJUSTMENT, START_ADJUSTMENT
from interlock.events.catalogue.parts import Observed
from interlock.events.envelope import Actor
from tests.domain import adjusting, given
from tests.domain.adjusting import NAME, OPERATOR, starting
from tests.domain.given import PRODUCTION, STAGE, Story
from tests.domain.story import SATURDAY_09, TUESDAY_10, digest, identity, lacks


def test_he_gets_production_s_lease() -> None:
    story = adjusting.authorized()
    event = story.do(OPERATOR, starting(story)).facts[0].event
    assert (event.kind, event.holder, event.subject) == ("adjustment", OPERATOR, f"adjustment {NAME}")
    attempt = adjusting.attempt(story)
    assert (attempt.lease, attempt.token, attempt.operator) == (event.lease, event.fencing_token, OPERATOR)


def test_the_gate_is_the_one_of_the_authorization_and_more_and_the_commit_s_is_the_same_again_and_more() -> None:
    authorize = {"adjustment-rehearsed", "adjustment-verified", "verifiers-independent", "operator-designated"}
    start = {"adjustment-unchanged", "authorization-valid", "environment-free", "environment-identified"}
    assert authorize | start <= set(START_ADJUSTMENT)
    assert set(START_ADJUSTMENT) - {"environment-free"} <= set(COMMIT_ADJUSTMENT)
    assert {"lease-held", "backup-taken", "within-expected-effect"} <= set(COMMIT_ADJUSTMENT)


def test_every_check_of_the_gate_is_shown_not_the_first_that_fails() -> None:
    story = adjusting.requested()
    decision = story.refuse("anton", starting(story)).decision
    assert [outcome.check for outcome in decision.checks] == ["role-held", *START_ADJUSTMENT]
    assert len(decision.missing) > 3


@pytest.mark.parametrize("moment", [TUESDAY_10, SATURDAY_09])
def test_there_is_no_window(moment: Any) -> None:
    story = adjusting.ready().at(moment)
    adjusting.request(story)
    adjusting.rehearse(story)
    adjusting.verify(story, "qa-1", "qa-2")
    story.do(OPERATOR, starting(story))


def test_production_may_be_unsure_for_an_adjustment_may_be_what_repairs_it() -> None:
    story = adjusting.authorized()
    story.do("qa-1", ObserveFact(environment=PRODUCTION, kind="adjustment", source="psql", description="by hand"))
    story.do("rm-1", FreezeEnvironment(environment=PRODUCTION, reason="audit"))
    story.do(OPERATOR, starting(story))


def other_operator(story: Story) -> None:
    adjusting.designate(story, "anton")
    story.tick(minutes=1)


def operator_left(story: Story) -> None:
    story.do("admin-1", DeactivatePrincipal(principal=OPERATOR, reason="left"))


def busy(story: Story) -> None:
    adjusting.request(story, "anton", salt=" 2")
    adjusting.rehearse(story, "ADJ-2")
    adjusting.verify(story, "qa-1", "qa-2", name="ADJ-2")
    story.do(OPERATOR, starting(story, "ADJ-2"))


def role_lost(story: Story) -> None:
    story.do("admin-1", RevokeRole(principal="qa-2", role="verifier", reason="other work"))


def verifier_left(story: Story) -> None:
    story.do("admin-1", DeactivatePrincipal(principal="qa-2", reason="left"))


@pytest.mark.parametrize("spoil,checks", [
    (other_operator, {"operator-designated"}),
    (operator_left, {"role-held", "operator-designated"}),
    (busy, {"environment-free"}),
    (role_lost, {"adjustment-verified"}),
    (verifier_left, {"adjustment-verified"}),
])  # fmt: skip
def test_what_changed_since_the_authorization_counts(spoil: Callable[[Story], None], checks: set[str]) -> None:
    story = adjusting.authorized()
    spoil(story)
    assert set(lacks(story.refuse(OPERATOR, starting(story)).decision)) == checks


@pytest.mark.parametrize("observed,checks", [
    (Observed(identity=identity(STAGE), schema_digest=digest("schema")),
     {"environment-identified", "target-identified"}),
    (Observed(identity=identity(PRODUCTION), schema_digest=digest("another schema")), {"adjustment-rehearsed"}),
    (Observed(identity=identity(PRODUCTION)), {"adjustment-rehearsed"}),
    (Observed(schema_digest=digest("schema")), {"environment-identified", "target-identified"}),
])  # fmt: skip
def test_what_is_read_in_the_target_counts(observed: Observed, checks: set[str]) -> None:
    story = adjusting.authorized()
    command = replace(starting(story), observed=observed)
    assert set(lacks(story.refuse(OPERATOR, command).decision)) == checks


def test_only_what_was_authorized() -> None:
    story = adjusting.authorized()
    command = replace(starting(story), bound_digest=digest("something else"))
    assert set(lacks(story.refuse(OPERATOR, command).decision)) == {"adjustment-unchanged"}


@pytest.mark.parametrize("kind", ["agent", "service"])
def test_no_machine_executes_under_the_operator_s_name(kind: Any) -> None:
    story = adjusting.authorized()
    story.refuse("ci-1", starting(story), "role-held", "operator-designated")
    principal = replace(story.situation.team.principals[OPERATOR], kind=kind)
    principals = {**story.situation.team.principals, OPERATOR: principal}
    story.situation = replace(story.situation, team=replace(story.situation.team, principals=principals))
    story.refuse(Actor(id=OPERATOR, kind=kind), starting(story), "role-held")


def test_an_operator_needs_no_other_role() -> None:
    story = adjusting.authorized()
    story.do("admin-1", RevokeRole(principal=OPERATOR, role="developer", reason="only the operator"))
    adjusting.execute(story)


def test_up_to_but_not_at_the_end_of_the_authorization() -> None:
    story = adjusting.authorized()
    story.now += timedelta(hours=24) - timedelta(microseconds=1)
    in_time = given.copied(story)
    in_time.do(OPERATOR, starting(in_time))
    story.now += timedelta(microseconds=1)
    assert set(lacks(story.refuse(OPERATOR, starting(story)).decision)) == {"authorization-valid"}


def test_data_that_got_too_old_since_its_rehearsal_show_nothing() -> None:
    story = adjusting.ready()
    story.at(story.now + timedelta(hours=167))
    adjusting.request(story)
    adjusting.rehearse(story)
    adjusting.verify(story, "qa-1", "qa-2")
    story.at(story.now + timedelta(hours=2))
    assert set(lacks(story.refuse(OPERATOR, starting(story)).decision)) == {"adjustment-rehearsed"}


def test_a_request_whose_week_is_over_is_not_executed() -> None:
    story = adjusting.ready()
    adjusting.request(story)
    story.at(story.now + timedelta(hours=167))
    story.restore()
    adjusting.rehearse(story)
    adjusting.verify(story, "qa-1", "qa-2")
    story.now = adjusting.of(story).expires_at
    assert set(lacks(story.refuse(OPERATOR, starting(story)).decision)) == {"adjustment-open", "authorization-valid"}


def test_a_database_that_was_registered_anew_takes_another_plan() -> None:
    story = adjusting.authorized()
    moved = replace(identity(PRODUCTION), database="production-2")
    story.do("admin-1", RegisterEnvironment(environment=PRODUCTION, identity=moved))
    command = replace(starting(story), observed=Observed(identity=moved, schema_digest=digest("schema")))
    assert set(lacks(story.refuse(OPERATOR, command).decision)) == {"target-identified"}
