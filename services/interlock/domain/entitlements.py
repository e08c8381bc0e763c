"""Who may give which command: one table, default deny, applied where the command is decided."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from interlock.domain.situation import Situation
from interlock.events.decision import CheckOutcome
from interlock.events.envelope import Actor

DEV, TEST, REVIEW, VERIFY, RM, RUN, ADMIN = (
    "developer", "tester", "reviewer", "verifier", "release-manager", "runner", "administrator",
)  # fmt: skip
ANYONE = (DEV, TEST, REVIEW, VERIFY, RM, RUN, ADMIN)
EVERYBODY = "everybody"
SYSTEM = "system"
REPORTERS = (RUN, DEV, TEST, RM)

# What judges, decides or authorizes is done by persons only: agents and services propose and report.
PERSONS_ONLY = frozenset(
    {
        "ConfirmDevelopment", "ConfirmHotfix", "HoldRelease", "LiftReleaseHold", "WithdrawRelease", "RequestRollback",
        "ApproveManualQA", "RejectManualQA", "WithdrawManualQA", "ApproveCodeReview", "RejectCodeReview",
        "WithdrawCodeReview", "BaselineEnvironment", "StateContent", "BreakLease", "FreezeEnvironment",
        "UnfreezeEnvironment", "MarkDataClean", "ResolveProblem", "DismissProblem", "ProposePolicy", "ApprovePolicy",
        "RejectPolicy", "RegisterEnvironment", "RegisterPrincipal", "DeactivatePrincipal", "GrantRole", "RevokeRole",
        "AssignOwner", "DesignateOperator", "AcceptRestoredLedger", "MoveLedger", "ConfirmAsked",
        "DeclineAsked",
        "VerifyAdjustment", "RejectAdjustment",
        "StartAdjustment", "ReportAdjustmentBackup", "CommitAdjustment", "ReportAdjustmentExecuted",
        "ReportAdjustmentFailed", "VerifyAdjustmentResult", "DisputeAdjustmentResult",
    }
)  # fmt: skip

ENTITLED: dict[str, tuple[str, ...]] = {
    "OpenRelease": (DEV, RM),
    "SetReleaseContent": (DEV, RM, RUN),
    "ConfirmDevelopment": (DEV,),
    "ConfirmHotfix": (TEST, REVIEW, RM),
    "HoldRelease": (TEST, REVIEW, RM),
    "LiftReleaseHold": (RM,),
    "WithdrawRelease": (DEV, RM),
    "RequestDeploy": (DEV, TEST, RM, RUN),
    "RequestRollback": (DEV, RM),
    "StartDeploy": REPORTERS,
    "ReportDeploySucceeded": REPORTERS,
    "ReportDeployFailed": REPORTERS,
    "CancelDeploy": (DEV, TEST, RM, RUN),
    "StartTestRun": REPORTERS,
    "ReportTestRun": REPORTERS,
    "AbortTestRun": REPORTERS,
    "ApproveManualQA": (TEST,),
    "RejectManualQA": (TEST,),
    "WithdrawManualQA": (TEST, RM),
    "ApproveCodeReview": (REVIEW,),
    "RejectCodeReview": (REVIEW,),
    "WithdrawCodeReview": (REVIEW, RM),
    "RegisterEnvironment": (ADMIN,),
    "BaselineEnvironment": (ADMIN, RM),
    "StateContent": (DEV, TEST, REVIEW, RM),
    "ObserveFact": ANYONE,
    # Whoever holds a lease may keep it: also an operator without any role.
    "RenewLease": (EVERYBODY,),
    "BreakLease": (RM,),
    "StartRestore": REPORTERS,
    "ReportRestored": REPORTERS,
    "ReportRestoreFailed": REPORTERS,
    "StartMigration": REPORTERS,
    "ReportMigrated": REPORTERS,
    "ReportMigrationFailed": REPORTERS,
    "ReportErased": REPORTERS,
    "MarkDataCorrupt": (DEV, TEST, RM, RUN),
    "MarkDataClean": (TEST, RM),
    "SetDataFeed": (DEV, TEST, RM, RUN),
    "CheckLogs": (DEV, TEST, RM, RUN),
    "FreezeEnvironment": (RM, ADMIN),
    "UnfreezeEnvironment": (RM, ADMIN),
    "ReportProblem": ANYONE,
    "AcknowledgeProblem": (DEV, TEST, REVIEW, RM),
    "ResolveProblem": (TEST, REVIEW, RM),
    "DismissProblem": (TEST, REVIEW, RM),
    "ReopenProblem": ANYONE,
    "ProposePolicy": (RM, ADMIN),
    "ApprovePolicy": (ADMIN,),
    "RejectPolicy": (ADMIN,),
    "RegisterPrincipal": (ADMIN,),
    "DeactivatePrincipal": (ADMIN,),
    "GrantRole": (ADMIN,),
    "RevokeRole": (ADMIN,),
    "AssignOwner": (ADMIN,),
    "DesignateOperator": (ADMIN,),
    "AcceptRestoredLedger": (ADMIN,),
    "MoveLedger": (ADMIN,),
    "IssueCredential": (EVERYBODY,),
    "RevokeCredential": (EVERYBODY,),
    "ConfirmAsked": (EVERYBODY,),
    "DeclineAsked": (EVERYBODY,),
    "Annotate": (EVERYBODY,),
    "RequestAdjustment": (DEV, TEST, VERIFY, RM),
    "AmendAdjustment": (DEV, TEST, VERIFY, RM),
    "CancelAdjustment": (DEV, TEST, VERIFY, RM),
    "StartAdjustmentRehearsal": (RUN,),
    "ReportAdjustmentRehearsed": (RUN,),
    "ReportAdjustmentRehearsalFailed": (RUN,),
    "VerifyAdjustment": (VERIFY,),
    "RejectAdjustment": (VERIFY,),
    # Who executes is designated, and holds the lease; no role gives or replaces that.
    "StartAdjustment": (EVERYBODY,),
    "ReportAdjustmentBackup": (EVERYBODY,),
    "CommitAdjustment": (EVERYBODY,),
    "ReportAdjustmentExecuted": (EVERYBODY,),
    "ReportAdjustmentFailed": (EVERYBODY,),
    "ResolveAdjustment": (EVERYBODY,),
    "VerifyAdjustmentResult": (TEST, VERIFY, REVIEW, RM),
    "DisputeAdjustmentResult": (DEV, TEST, VERIFY, REVIEW, RM),
    "OpenProject": (SYSTEM,),
    "ExpireLease": (SYSTEM,),
    "SettleDeployRequest": (SYSTEM,),
    "RecordMissedTestRun": (SYSTEM,),
    "RecordMissedLogCheck": (SYSTEM,),
    "RecordOverdueReaction": (SYSTEM,),
    "ExpireAsked": (SYSTEM,),
    "AuthorizeAdjustment": (SYSTEM,),
    "ExpireAdjustment": (SYSTEM,),
}


@lru_cache(maxsize=512)
def _held(roles: frozenset[str], entitled: tuple[str, ...], required: str) -> CheckOutcome:
    held = ", ".join(sorted(roles & set(entitled))) or "registered"
    return CheckOutcome(check="role-held", state="passed", required=required, observed=held)


def role_held(situation: Situation, command: Any, actor: Actor) -> CheckOutcome:
    """The check `role-held`: whether this principal may give this kind of command at all."""
    name = type(command).__name__
    entitled = ENTITLED.get(name, ())
    required = ", ".join(entitled) or "nobody"
    if actor.kind == "system" or SYSTEM in entitled:
        holds = actor.kind == "system" and SYSTEM in entitled
        return CheckOutcome(
            check="role-held", state="passed" if holds else "failed", required=required, observed=actor.kind
        )
    principal = situation.team.principals.get(actor.id)
    if principal is None or not principal.active:
        return CheckOutcome(check="role-held", state="failed", required=required, observed="not registered, or left")
    if name in PERSONS_ONLY and principal.kind != "person":
        return CheckOutcome(check="role-held", state="failed", required="a person", observed=f"a {principal.kind}")
    if EVERYBODY in entitled or not principal.roles.isdisjoint(entitled):
        return _held(principal.roles, entitled, required)
    who = situation.team.holding(*entitled)
    if name in PERSONS_ONLY:
        who = situation.team.persons_holding(*entitled)
    held = ", ".join(sorted(principal.roles)) or "no role"
    return CheckOutcome(check="role-held", state="needed", required=required, observed=held, who=who)
