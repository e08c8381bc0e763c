"""The stories of the checks of data adjustments."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from interlock.domain.commands import adjustment as asks
from interlock.domain.commands import timely
from interlock.domain.commands.environment import MarkDataCorrupt, RegisterEnvironment
from interlock.domain.commands.governance import RevokeRole
from tests.domain import adjusting, given
from tests.domain.adjusting import NAME, OPERATOR, ROWS
from tests.domain.example import EXAMPLES, Example
from tests.domain.given import PRODUCTION, STAGE
from tests.domain.guard import guard, independence
from tests.domain.story import digest, identity


@guard("adjustment-open")
def an_adjustment_is_executed_once() -> Example:
    told = adjusting.executed()
    return told, OPERATOR, adjusting.starting(told)


@guard("rehearsed-on-production-data")
def corrupt_data_shows_nothing_of_an_adjustment() -> Example:
    told = adjusting.requested()
    told.do("qa-1", MarkDataCorrupt(environment=STAGE, reason="a tester edited it"))
    return told, "ci-1", adjusting.start_rehearsal(told)


@guard("adjustment-rehearsed")
def what_failed_in_its_last_rehearsal_is_not_executed() -> Example:
    told, _, _ = EXAMPLES["StartAdjustment"]()
    told.do("ci-1", adjusting.start_rehearsal(told))
    token = given.token(told, STAGE)
    told.do(
        "ci-1",
        asks.ReportAdjustmentRehearsalFailed(
            adjustment=NAME, environment=STAGE, fencing_token=token, error="13 rows instead of 14"
        ),
    )
    return told, OPERATOR, adjusting.starting(told)


@guard("adjustment-verified")
def who_lost_the_role_is_no_verifier_any_more() -> Example:
    told, who, command = EXAMPLES["StartAdjustment"]()
    told.do("admin-1", RevokeRole(principal="qa-1", role="verifier", reason="other work"))
    return told, who, command


@guard("verifiers-independent")
def who_is_operator_again_did_not_verify_for_himself() -> Example:
    told = adjusting.rehearsed()
    adjusting.designate(told, "qa-1")
    adjusting.designate(told, OPERATOR, hours=2)
    adjusting.verify(told, "qa-1", "qa-2")
    told.now += timedelta(hours=2)
    return told, "watch", timely.AuthorizeAdjustment(adjustment=NAME)


@independence("verifier_independent")
@guard("verifier-independent")
def nobody_verifies_what_he_asked_for() -> Example:
    told = adjusting.ready()
    adjusting.request(told, "qa-1")
    adjusting.rehearse(told)
    return told, "qa-1", adjusting.verification(told)


@guard("operator-designated")
def nobody_but_the_operator_executes_it() -> Example:
    told, _, command = EXAMPLES["StartAdjustment"]()
    return told, "anton", command


@guard("adjustment-unchanged")
def nobody_verifies_what_he_did_not_read() -> Example:
    told = adjusting.verified()
    read = adjusting.verification(told)
    told.do("anton", asks.AmendAdjustment(adjustment=NAME, plan=adjusting.plan(salt=" 2"), reason="more"))
    adjusting.rehearse(told)
    return told, "qa-2", read


@guard("target-identified")
def what_was_verified_for_one_database_is_not_executed_in_another() -> Example:
    told, who, command = EXAMPLES["StartAdjustment"]()
    moved = replace(identity(PRODUCTION), database="production-2")
    told.do("admin-1", RegisterEnvironment(environment=PRODUCTION, identity=moved))
    return told, who, replace(command, observed=replace(command.observed, identity=moved))


@guard("authorization-valid")
def an_authorization_is_for_a_day() -> Example:
    told, who, command = EXAMPLES["StartAdjustment"]()
    told.now += timedelta(hours=24)
    return told, who, command


@guard("reverted-once")
def nothing_is_taken_back_twice() -> Example:
    told = adjusting.executed()
    for name, who in (("ADJ-2", "dora"), ("ADJ-3", "anton")):
        undo = {"script_digest": digest("undo"), "undo_digest": digest(f"redo {name}")}
        assert adjusting.request(told, who, reverts=NAME, **undo) == name
        adjusting.rehearse(told, name)
        adjusting.verify(told, "qa-1", "qa-2", name=name)
    adjusting.execute(told, "ADJ-2")
    return told, OPERATOR, adjusting.starting(told, "ADJ-3")


@guard("backup-taken")
def nothing_is_committed_without_its_backup() -> Example:
    told = adjusting.started()
    return told, OPERATOR, adjusting.committing(told)


@guard("within-expected-effect")
def a_row_too_many_is_rolled_back() -> Example:
    told = adjusting.backed_up()
    return told, OPERATOR, adjusting.committing(told, rows=ROWS + 1)


@guard("adjustment-idle")
def a_plan_does_not_change_under_its_execution() -> Example:
    told = adjusting.started()
    return told, "dora", asks.CancelAdjustment(adjustment=NAME, reason="no")


@guard("adjustment-own")
def nobody_takes_back_what_another_one_asked_for() -> Example:
    told, _, command = EXAMPLES["CancelAdjustment"]()
    return told, "anton", command


@guard("marker-reader")
def nobody_else_tells_what_the_marker_says() -> Example:
    told, _, command = EXAMPLES["ResolveAdjustment"]()
    return told, "dora", command


@guard("outcome-unknown")
def what_is_under_way_is_not_settled_by_its_marker() -> Example:
    told = adjusting.committed()
    _, who, command = EXAMPLES["ResolveAdjustment"]()
    return told, who, replace(command, marker=adjusting.attempt(told).marker or "")


@guard("adjustment-executed")
def there_is_no_result_before_the_execution() -> Example:
    told = adjusting.authorized()
    return told, "reviewer-1", asks.VerifyAdjustmentResult(adjustment=NAME, method="looked")


@independence("result_checker_independent")
@guard("result-checker-independent")
def nobody_finds_right_what_he_asked_for() -> Example:
    told = adjusting.ready()
    adjusting.request(told, "rm-1")
    adjusting.rehearse(told)
    adjusting.verify(told, "qa-1", "qa-2")
    adjusting.execute(told)
    return told, "rm-1", asks.VerifyAdjustmentResult(adjustment=NAME, method="counted")
