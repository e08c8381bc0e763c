"""RequestAdjustment: everything about it is frozen, by the digest of the whole plan."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import timedelta
from typing import Any

import pytest

from interlock.domain.commands.adjustment import RequestAdjustment, VerifyAdjustmentResult
from interlock.domain.decide.adjustment import bound_digest
from interlock.domain.errors import InvalidCommand, NotFound
from interlock.domain.needs import streams_needed
from interlock.events.catalogue.parts import AdjustmentPlan, AdjustmentTargets, ExpectedEffect
from tests.domain import adjusting
from tests.domain.adjusting import NAME, plan
from tests.domain.given import PRODUCTION, STAGE
from tests.domain.story import Story, digest, identity, lacks

TARGETS = plan().targets
EFFECT = plan().expected_effect
OTHER: dict[str, Any] = {
    "purpose": "Another one.",
    "script_digest": digest("another script"),
    "targets": replace(TARGETS, tables=("trades.fills", "trades.orders")),
    "precondition_digest": digest("another precondition"),
    "expected_effect": replace(EFFECT, rows_max=15),
    "undo_digest": digest("another undo"),
    "risk": "high",
}


def asked(**more: Any) -> RequestAdjustment:
    return RequestAdjustment(plan=plan(**more))


def targets(**more: Any) -> AdjustmentTargets:
    return replace(TARGETS, **more)


def effect(rows_min: int, rows_max: int) -> ExpectedEffect:
    return replace(EFFECT, rows_min=rows_min, rows_max=rows_max)


def test_it_gets_a_name_a_digest_and_a_time() -> None:
    story = adjusting.ready()
    event = story.do("dora", asked()).facts[0].event
    assert (event.adjustment, event.bound_digest) == (NAME, bound_digest(plan()))
    assert event.expires_at == story.now + timedelta(hours=168)
    assert adjusting.of(story).requesters == {"dora"}


def test_every_part_of_the_plan_is_in_the_example_of_other_plans() -> None:
    assert set(OTHER) == {field.name for field in fields(AdjustmentPlan)}


@pytest.mark.parametrize("part", sorted(OTHER))
def test_the_digest_is_of_every_part_of_the_plan(part: str) -> None:
    assert bound_digest(plan(**{part: OTHER[part]})) != bound_digest(plan())


@pytest.mark.parametrize("field,more", [
    ("plan.targets.environment", {"targets": targets(environment=STAGE, identity=identity(STAGE))}),
    ("plan.targets.tables", {"targets": targets(tables=())}),
    ("plan.targets.tables", {"targets": targets(tables=("trades.fills", "trades.fills"))}),
    ("plan.expected_effect.rows_min", {"expected_effect": effect(3, 2)}),
    ("plan.undo_digest", {"undo_digest": plan().script_digest}),
])  # fmt: skip
def test_a_plan_that_contradicts_itself_is_none(field: str, more: dict[str, Any]) -> None:
    with pytest.raises(InvalidCommand) as error:
        adjusting.ready().ask("dora", asked(**more))
    assert error.value.field == field


def test_none_or_one_row_may_be_expected() -> None:
    adjusting.ready().do("dora", asked(expected_effect=effect(0, 0)))


def test_a_plan_for_another_database_is_refused() -> None:
    story = adjusting.ready()
    refused = story.refuse("dora", asked(targets=targets(identity=identity(STAGE))))
    assert set(lacks(refused.decision)) == {"environment-identified"}


@pytest.mark.parametrize("who", ["dora", "qa-1", "vera", "rm-1"])
def test_developers_testers_verifiers_and_release_managers_ask(who: str) -> None:
    adjusting.ready().do(who, asked())


@pytest.mark.parametrize("who", ["reviewer-1", "admin-1", "ci-1"])
def test_nobody_else_does(who: str) -> None:
    adjusting.ready().refuse(who, asked(), "role-held")


def test_another_person_who_asks_for_the_same_asks_for_another_one() -> None:
    story = adjusting.requested()
    assert story.do("anton", asked()).facts[0].event.adjustment == "ADJ-2"


# -- what takes another one back


def reverting(name: str = NAME, **more: Any) -> RequestAdjustment:
    undo = {"script_digest": plan().undo_digest, "undo_digest": digest("redo"), **more}
    return RequestAdjustment(plan=plan(**undo), reverts=name)


def test_what_was_executed_is_taken_back_by_its_undo_script() -> None:
    story = adjusting.executed()
    assert story.do("dora", reverting()).facts[0].event.reverts == NAME


def test_another_script_does_not_take_it_back() -> None:
    with pytest.raises(InvalidCommand, match="undo script"):
        adjusting.executed().ask("dora", reverting(script_digest=digest("something else")))


def test_what_was_not_executed_is_not_taken_back() -> None:
    refused = adjusting.authorized().refuse("dora", reverting())
    assert set(lacks(refused.decision)) == {"reverted-once"}


def test_what_there_is_not_is_not_taken_back() -> None:
    with pytest.raises(NotFound):
        adjusting.executed().ask("dora", reverting("ADJ-9"))


def test_what_was_found_right_and_is_closed_may_still_be_taken_back() -> None:
    story: Story = adjusting.executed()
    story.do("reviewer-1", VerifyAdjustmentResult(adjustment=NAME, method="counted"))
    assert NAME not in story.situation.adjustments
    assert streams_needed(story.situation, reverting()) == (f"adjustment/{NAME}",)
    story.do("dora", reverting())
    assert set(story.situation.adjustments) == {"ADJ-2"}


def test_only_production_is_adjusted() -> None:
    assert plan().targets.environment == PRODUCTION
