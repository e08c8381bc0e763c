"""Examples of what is asked of adjustments of data."""

# ruff: noqa: N802
# Each example has its command's name.

from __future__ import annotations

from datetime import timedelta

from interlock.domain.commands import adjustment as asks
from interlock.domain.commands import timely
from tests.domain import adjusting, given
from tests.domain.adjusting import NAME, OPERATOR, ROWS
from tests.domain.example import Example, example
from tests.domain.given import PRODUCTION, STAGE
from tests.domain.story import digest


@example
def RequestAdjustment() -> Example:
    return adjusting.ready(), "dora", asks.RequestAdjustment(plan=adjusting.plan())


@example
def AmendAdjustment() -> Example:
    command = asks.AmendAdjustment(adjustment=NAME, plan=adjusting.plan(salt=" 2"), reason="one fill less")
    return adjusting.verified(), "anton", command


@example
def CancelAdjustment() -> Example:
    return adjusting.verified(), "dora", asks.CancelAdjustment(adjustment=NAME, reason="the exchange mended it")


@example
def StartAdjustmentRehearsal() -> Example:
    story = adjusting.requested()
    return story, "ci-1", adjusting.start_rehearsal(story)


@example
def ReportAdjustmentRehearsed() -> Example:
    story, who, command = StartAdjustmentRehearsal()
    story.do(who, command)
    return story, who, adjusting.rehearsed_report(story)


@example
def ReportAdjustmentRehearsalFailed() -> Example:
    story, who, command = StartAdjustmentRehearsal()
    story.do(who, command)
    token = given.token(story, STAGE)
    failed = asks.ReportAdjustmentRehearsalFailed(
        adjustment=NAME, environment=STAGE, fencing_token=token, error="13 rows instead of 14"
    )
    return story, who, failed


@example
def VerifyAdjustment() -> Example:
    story = adjusting.verified()
    return story, "qa-2", adjusting.verification(story)


@example
def RejectAdjustment() -> Example:
    story = adjusting.authorized()
    bound = adjusting.of(story).bound_digest
    return story, "qa-2", asks.RejectAdjustment(adjustment=NAME, bound_digest=bound, reason="a fill is missing")


@example
def StartAdjustment() -> Example:
    story = adjusting.authorized()
    return story, OPERATOR, adjusting.starting(story)


@example
def ReportAdjustmentBackup() -> Example:
    story = adjusting.started()
    return story, OPERATOR, adjusting.backup(story)


@example
def CommitAdjustment() -> Example:
    story = adjusting.backed_up()
    return story, OPERATOR, adjusting.committing(story)


@example
def ReportAdjustmentExecuted() -> Example:
    story = adjusting.committed()
    return story, OPERATOR, adjusting.executed_report(story)


@example
def ReportAdjustmentFailed() -> Example:
    story = adjusting.committed()
    return story, OPERATOR, adjusting.failed_report(story, "unknown")


@example
def ResolveAdjustment() -> Example:
    story = adjusting.unknown()
    command = asks.ResolveAdjustment(
        adjustment=NAME,
        marker=adjusting.attempt(story).marker or "",
        outcome="executed",
        observed=adjusting.seen_in(story, PRODUCTION),
        statements=adjusting.statements(),
        rows=ROWS,
        before=digest("before"),
        after=digest("after"),
        duration_ms=90,
    )
    return story, "ci-1", command


@example
def VerifyAdjustmentResult() -> Example:
    return adjusting.executed(), "reviewer-1", asks.VerifyAdjustmentResult(adjustment=NAME, method="counted again")


@example
def DisputeAdjustmentResult() -> Example:
    return adjusting.executed(), "qa-1", asks.DisputeAdjustmentResult(adjustment=NAME, reason="15 fills are gone")


@example
def AuthorizeAdjustment() -> Example:
    """The operator whom it was authorized for is another one now."""
    story = adjusting.authorized()
    adjusting.designate(story, "anton")
    return story, "watch", timely.AuthorizeAdjustment(adjustment=NAME)


@example
def ExpireAdjustment() -> Example:
    story = adjusting.authorized()
    story.now += timedelta(hours=24)
    return story, "watch", timely.ExpireAdjustment(adjustment=NAME)
