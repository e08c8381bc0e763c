"""What follows from a command: events, or a refusal with its reasons. Pure; the time is an argument."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Literal

from interlock.domain.commands import adjustment as c_adjustment
from interlock.domain.commands import deploy as c_deploy
from interlock.domain.commands import environment as c_environment
from interlock.domain.commands import evidence as c_evidence
from interlock.domain.commands import governance as c_governance
from interlock.domain.commands import problem as c_problem
from interlock.domain.commands import release as c_release
from interlock.domain.commands import timely as c_timely
from interlock.domain.decide import (
    adjusting,
    adjustment,
    adjustment_rehearsal,
    content,
    data,
    deploy,
    environment,
    evidence,
    governance,
    logs,
    migrating,
    problem,
    release,
    request,
    second,
    team,
    testing,
    timely,
)
from interlock.domain.decide.case import Case, New, Ruled
from interlock.domain.situation import REFUSAL_REPEATS_WITHIN, Situation
from interlock.events.canonical import written
from interlock.events.catalogue.refusals import ActionRefused
from interlock.events.codec import digest_of, plain
from interlock.events.decision import Decision
from interlock.events.envelope import Actor
from interlock.events.fact import fact

__all__ = ["Accepted", "New", "Refused", "Submitted", "answer", "decide"]

# An event has 65,535 bytes; the decision takes a few thousand.
QUESTION_BYTES_MAX = 16_384

Reason = Literal["check", "role"]
Handler = Callable[[Case, Any], Ruled]

HANDLERS: dict[type[Any], Handler] = {
    c_release.OpenRelease: release.open_release,
    c_release.SetReleaseContent: content.set_content,
    c_release.ConfirmDevelopment: release.confirm_development,
    c_release.ConfirmHotfix: release.confirm_hotfix,
    c_release.HoldRelease: release.hold,
    c_release.LiftReleaseHold: release.lift_hold,
    c_release.WithdrawRelease: release.withdraw,
    c_deploy.RequestDeploy: request.request_deploy,
    c_deploy.RequestRollback: request.request_rollback,
    c_deploy.StartDeploy: deploy.start_deploy,
    c_deploy.ReportDeploySucceeded: deploy.report_succeeded,
    c_deploy.ReportDeployFailed: deploy.report_failed,
    c_deploy.CancelDeploy: request.cancel_deploy,
    c_evidence.StartTestRun: testing.start_test_run,
    c_evidence.ReportTestRun: testing.report_test_run,
    c_evidence.AbortTestRun: testing.abort_test_run,
    c_evidence.ApproveManualQA: evidence.approve_qa,
    c_evidence.RejectManualQA: evidence.reject_qa,
    c_evidence.WithdrawManualQA: evidence.withdraw_qa,
    c_evidence.ApproveCodeReview: evidence.approve_review,
    c_evidence.RejectCodeReview: evidence.reject_review,
    c_evidence.WithdrawCodeReview: evidence.withdraw_review,
    c_environment.RegisterEnvironment: environment.register,
    c_environment.BaselineEnvironment: environment.baseline,
    c_environment.StateContent: environment.state_content,
    c_environment.ObserveFact: environment.observe,
    c_environment.RenewLease: environment.renew_lease,
    c_environment.BreakLease: environment.break_lease,
    c_environment.CheckLogs: logs.check_logs,
    c_environment.FreezeEnvironment: environment.freeze,
    c_environment.UnfreezeEnvironment: environment.unfreeze,
    c_environment.StartRestore: data.start_restore,
    c_environment.ReportRestored: data.report_restored,
    c_environment.ReportRestoreFailed: data.report_restore_failed,
    c_environment.StartMigration: migrating.start_migration,
    c_environment.ReportMigrated: migrating.report_migrated,
    c_environment.ReportMigrationFailed: migrating.report_migration_failed,
    c_environment.ReportErased: data.report_erased,
    c_environment.MarkDataCorrupt: data.mark_corrupt,
    c_environment.MarkDataClean: data.mark_clean,
    c_environment.SetDataFeed: data.set_feed,
    c_adjustment.RequestAdjustment: adjustment.request,
    c_adjustment.AmendAdjustment: adjustment.amend,
    c_adjustment.CancelAdjustment: adjustment.cancel,
    c_adjustment.VerifyAdjustment: adjustment.verify,
    c_adjustment.RejectAdjustment: adjustment.reject,
    c_adjustment.StartAdjustmentRehearsal: adjustment_rehearsal.start_rehearsal,
    c_adjustment.ReportAdjustmentRehearsed: adjustment_rehearsal.report_rehearsed,
    c_adjustment.ReportAdjustmentRehearsalFailed: adjustment_rehearsal.report_rehearsal_failed,
    c_adjustment.StartAdjustment: adjusting.start,
    c_adjustment.ReportAdjustmentBackup: adjusting.report_backup,
    c_adjustment.CommitAdjustment: adjusting.commit,
    c_adjustment.ReportAdjustmentExecuted: adjusting.report_executed,
    c_adjustment.ReportAdjustmentFailed: adjusting.report_failed,
    c_adjustment.ResolveAdjustment: adjusting.resolve,
    c_adjustment.VerifyAdjustmentResult: adjusting.verify_result,
    c_adjustment.DisputeAdjustmentResult: adjusting.dispute_result,
    c_problem.ReportProblem: problem.report,
    c_problem.AcknowledgeProblem: problem.acknowledge,
    c_problem.ResolveProblem: problem.resolve,
    c_problem.DismissProblem: problem.dismiss,
    c_problem.ReopenProblem: problem.reopen,
    c_governance.OpenProject: governance.open_project,
    c_governance.ProposePolicy: governance.propose_policy,
    c_governance.ApprovePolicy: governance.approve_policy,
    c_governance.RejectPolicy: governance.reject_policy,
    c_governance.RegisterPrincipal: team.register_principal,
    c_governance.DeactivatePrincipal: team.deactivate,
    c_governance.GrantRole: team.grant_role,
    c_governance.RevokeRole: team.revoke_role,
    c_governance.AssignOwner: team.assign_owner,
    c_governance.DesignateOperator: team.designate_operator,
    c_governance.IssueCredential: team.issue_credential,
    c_governance.RevokeCredential: team.revoke_credential,
    c_governance.DeclineAsked: second.decline,
    c_governance.AcceptRestoredLedger: governance.accept_restored_ledger,
    c_governance.MoveLedger: governance.move_ledger,
    c_governance.Annotate: governance.annotate,
    c_timely.ExpireLease: timely.expire_lease,
    c_timely.SettleDeployRequest: request.settle_request,
    c_timely.RecordMissedTestRun: timely.record_missed_test_run,
    c_timely.RecordMissedLogCheck: timely.record_missed_log_check,
    c_timely.RecordOverdueReaction: timely.record_overdue_reaction,
    c_timely.ExpireAsked: timely.expire_asked,
    c_timely.AuthorizeAdjustment: adjustment.authorize,
    c_timely.ExpireAdjustment: adjustment.expire,
}


@fact
class Submitted:
    """A command and who gives it."""

    command: Any
    actor: Actor


@fact
class Accepted:
    """What is to be recorded; nothing, where it is so already."""

    subject: str
    decision: Decision
    facts: tuple[New, ...]


@fact
class Refused:
    """What stands in the way. `position` is that of the same refusal of the last hour: then nothing is recorded.

    A caller that the project does not know is not recorded either.
    """

    action: str
    subject: str
    decision: Decision
    reason: Reason
    facts: tuple[New, ...] = ()
    position: int | None = None


def answer(situation: Situation, submitted: Submitted, now: datetime) -> Ruled:
    """The rules' answer with its decision, before anything is made of a refusal.

    Raises NotFound and InvalidCommand where the command names nothing that there is, or contradicts itself.
    """
    case = Case(situation=situation, command=submitted.command, actor=submitted.actor, now=now)
    if isinstance(case.command, c_governance.ConfirmAsked):
        may = second.may_confirm(case, case.command)
        inner = second.as_second(case, case.command)
        ruled = HANDLERS[type(inner.command)](inner, inner.command)
        if may.holds:
            return ruled
        return case.ruled(ruled.decision.action, ruled.subject, (), None, lambda _: ())
    return HANDLERS[type(case.command)](case, case.command)


def _question(command: Any) -> dict[str, Any]:
    """What was asked, to be kept beside its refusal; nothing of a command that would crowd the answer out."""
    fields = plain(command)
    if len(written(fields)) > QUESTION_BYTES_MAX:
        return {}
    return {"command_type": type(command).__name__, "command": fields}


def decide(situation: Situation, submitted: Submitted, now: datetime) -> Accepted | Refused:
    """Decide one command at `now`, which is the ledger's time, in UTC. Raises as `answer` does."""
    ruled = answer(situation, submitted, now)
    decision = ruled.decision
    if decision.allowed:
        return Accepted(subject=ruled.subject, decision=decision, facts=ruled.facts)
    missing = decision.missing
    reason: Reason = "role" if any(outcome.check == "role-held" for outcome in missing) else "check"
    fingerprint = digest_of(
        {
            "action": decision.action, "actor": submitted.actor.id, "subject": ruled.subject,
            "failed": sorted(outcome.check for outcome in missing),
        }
    )  # fmt: skip
    past = situation.refusals.get(fingerprint)
    if past is not None and now - past.at < REFUSAL_REPEATS_WITHIN:
        return Refused(
            action=decision.action, subject=ruled.subject, decision=decision, reason=reason, position=past.position
        )
    if submitted.actor.kind != "system" and submitted.actor.id not in situation.team.principals:
        # Unknown callers are counted where they knock, never recorded.
        return Refused(action=decision.action, subject=ruled.subject, decision=decision, reason=reason)
    event = ActionRefused(
        action=decision.action,
        subject=ruled.subject,
        fingerprint=fingerprint,
        decision=decision,
        **_question(submitted.command),
    )
    stream = f"refusals/{submitted.actor.id}"
    return Refused(
        action=decision.action,
        subject=ruled.subject,
        decision=decision,
        reason=reason,
        facts=(New(stream=stream, event=event),),
    )
