"""Deciding about the work on production's data itself: an adjustment's one execution, and its result."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from interlock.domain import gates
from interlock.domain.checks import Asked
from interlock.domain.commands.adjustment import (
    CommitAdjustment,
    DisputeAdjustmentResult,
    ReportAdjustmentBackup,
    ReportAdjustmentExecuted,
    ReportAdjustmentFailed,
    ResolveAdjustment,
    StartAdjustment,
    VerifyAdjustmentResult,
)
from interlock.domain.decide.adjustment import adjustment_asked, marker_of, stream_of
from interlock.domain.decide.aftermath import new_problem, observed_late, unknown_outcome
from interlock.domain.decide.case import Case, New, Ruled
from interlock.domain.decide.leases import granted, released
from interlock.domain.errors import InvalidCommand
from interlock.domain.situation import Adjustment, AdjustmentAttempt, Environment
from interlock.events.catalogue import adjustment as happened
from interlock.events.catalogue.parts import ExecutedStatement
from interlock.events.decision import Decision


def _production(case: Case) -> Environment:
    return case.environment(case.policy.production)


def start(case: Case, command: StartAdjustment) -> Ruled:
    """The operator takes production's lease; production may be unsure, for an adjustment may be what repairs it."""
    adjustment, place = case.adjustment(command.adjustment), _production(case)
    name = adjustment.adjustment
    asked = adjustment_asked(
        case, adjustment, bound_digest=command.bound_digest, observed=command.observed, starting=True
    )
    return case.ruled(
        f"execute {name}",
        stream_of(name),
        gates.START_ADJUSTMENT,
        asked,
        lambda _: (granted(case, place, "adjustment", f"adjustment {name}", command.observed, None),),
    )


def _held(case: Case, adjustment: Adjustment, token: int, **more: Any) -> Asked:
    return adjustment_asked(case, adjustment, token=token, lease=f"adjustment {adjustment.adjustment}", **more)


def _attempt(adjustment: Adjustment, token: int) -> AdjustmentAttempt | None:
    attempt = adjustment.attempt
    return attempt if attempt is not None and attempt.token == token else None


def report_backup(case: Case, command: ReportAdjustmentBackup) -> Ruled:
    """The touched rows are kept as they were, before anybody decides about the commit."""
    adjustment = case.adjustment(command.adjustment)
    name, attempt = adjustment.adjustment, _attempt(adjustment, command.fencing_token)
    action, subject = f"report the backup of {name}", stream_of(name)
    if attempt is not None and attempt.started is not None and attempt.backup != command.backup_digest:
        raise InvalidCommand("backup_digest", "the commit was decided already, with another one")

    def effect(_: Decision) -> Iterator[New]:
        assert attempt is not None
        if attempt.backup != command.backup_digest:
            yield New(
                stream=subject,
                event=happened.DataAdjustBackupTaken(
                    adjustment=name,
                    lease=attempt.lease,
                    backup_digest=command.backup_digest,
                    place=command.place,
                    rows=command.rows,
                    size_bytes=command.size_bytes,
                ),
            )

    return case.ruled(action, subject, ("lease-held",), _held(case, adjustment, command.fencing_token), effect)


def commit(case: Case, command: CommitAdjustment) -> Ruled:
    """Everything again, with what the open transaction found: from here on it may have been committed."""
    adjustment = case.adjustment(command.adjustment)
    name, attempt = adjustment.adjustment, _attempt(adjustment, command.fencing_token)
    action, subject = f"commit {name}", stream_of(name)
    marker = marker_of(name, command.fencing_token)
    if command.marker != marker:
        raise InvalidCommand("marker", f"this attempt's is {marker}")
    said = (command.rows, command.before, command.after)
    if attempt is not None and attempt.started is not None and said != (attempt.rows, attempt.before, attempt.after):
        raise InvalidCommand("rows", "the commit was decided already, with another result")
    asked = _held(
        case,
        adjustment,
        command.fencing_token,
        bound_digest=adjustment.bound_digest,
        observed=command.observed,
        starting=True,
        rows=command.rows,
        effect_holds=command.effect_holds,
    )

    def effect(decision: Decision) -> Iterator[New]:
        assert attempt is not None
        identity = command.observed.identity
        assert identity is not None
        if attempt.started is None:
            yield New(
                stream=subject,
                event=happened.DataAdjustStarted(
                    adjustment=name,
                    lease=attempt.lease,
                    fencing_token=attempt.token,
                    bound_digest=adjustment.bound_digest,
                    identity=identity,
                    marker=marker,
                    rows=command.rows,
                    before=command.before,
                    after=command.after,
                    decision=decision,
                ),
            )

    return case.ruled(action, subject, gates.COMMIT_ADJUSTMENT, asked, effect)


def report_executed(case: Case, command: ReportAdjustmentExecuted) -> Ruled:
    """It was committed, once; what is reported too late, or was never decided, happened around Interlock."""
    adjustment, place = case.adjustment(command.adjustment), _production(case)
    name, attempt = adjustment.adjustment, _attempt(adjustment, command.fencing_token)
    action, subject = f"report {name} executed", stream_of(name)
    marker = marker_of(name, command.fencing_token)
    if f"{marker} executed" in place.finished:
        return case.unchanged(action, subject)
    if _is_around(case, place, adjustment, command.fencing_token):
        description = f"{marker} was reported as executed without a lease and a decision to commit it"
        return observed_late(case, place, "adjustment", name, description, None)

    def effect(_: Decision) -> Iterator[New]:
        assert attempt is not None
        _check_result(attempt, command.rows, command.before, command.after)
        yield from _executed(adjustment, attempt, command.statements, command.duration_ms)
        yield released(place)

    return case.ruled(action, subject, ("lease-held",), _held(case, adjustment, command.fencing_token), effect)


def _is_around(case: Case, place: Environment, adjustment: Adjustment, token: int) -> bool:
    """Whether the operator reports an execution that no held lease and no decided commit stand behind."""
    attempt, lease = _attempt(adjustment, token), place.lease
    held = lease is not None and lease.token == token and case.now < lease.expires_at
    operators = {attempt.operator if attempt is not None else None, adjustment_asked(case, adjustment).operator}
    if case.actor.id not in operators or token > place.token:
        return False
    return not held or attempt is None or attempt.started is None


def _check_result(attempt: AdjustmentAttempt, rows: int, before: str | None, after: str | None) -> None:
    """What was committed is what was decided. Raises InvalidCommand."""
    if (rows, before, after) != (attempt.rows, attempt.before, attempt.after):
        raise InvalidCommand("rows", f"the commit was decided with {attempt.rows} rows, and other digests of them")


def _executed(
    adjustment: Adjustment,
    attempt: AdjustmentAttempt,
    statements: tuple[ExecutedStatement, ...],
    duration_ms: int,
    *,
    by_marker: bool = False,
) -> Iterator[New]:
    assert attempt.before is not None
    assert attempt.after is not None
    yield New(
        stream=stream_of(adjustment.adjustment),
        event=happened.DataAdjustExecuted(
            adjustment=adjustment.adjustment,
            bound_digest=adjustment.bound_digest,
            statements=statements,
            rows=attempt.rows,
            before=attempt.before,
            after=attempt.after,
            executed_by=attempt.operator,
            duration_ms=duration_ms,
            by_marker=by_marker,
        ),
    )
    if adjustment.reverts is not None:
        yield New(
            stream=stream_of(adjustment.reverts),
            event=happened.DataAdjustReverted(adjustment=adjustment.reverts, by=adjustment.adjustment),
        )


def report_failed(case: Case, command: ReportAdjustmentFailed) -> Ruled:
    """Rolled back, it may be started again while it is authorized; unknown, its marker must tell."""
    adjustment, place = case.adjustment(command.adjustment), _production(case)
    name, attempt = adjustment.adjustment, _attempt(adjustment, command.fencing_token)
    action, subject = f"report {name} failed", stream_of(name)
    if f"{marker_of(name, command.fencing_token)} {command.transaction}" in place.finished:
        return case.unchanged(action, subject)
    if command.transaction == "unknown" and attempt is not None and attempt.started is None:
        raise InvalidCommand("transaction", "no commit of it was decided, so it was rolled back")

    def effect(_: Decision) -> Iterator[New]:
        if command.transaction == "unknown":
            yield from unknown_outcome(case, place, name, command.error, "observation")
        else:
            event = happened.DataAdjustFailed(adjustment=name, transaction="rolled_back", error=command.error)
            yield New(stream=subject, event=event)
        yield released(place)

    return case.ruled(action, subject, ("lease-held",), _held(case, adjustment, command.fencing_token), effect)


def resolve(case: Case, command: ResolveAdjustment) -> Ruled:
    """Only the marker's word settles an attempt whose outcome nobody knows."""
    adjustment, place = case.adjustment(command.adjustment), _production(case)
    name, attempt = adjustment.adjustment, adjustment.attempt
    action, subject = f"resolve {name}", stream_of(name)
    if f"{command.marker} {command.outcome}" in place.finished and (attempt is None or not attempt.unknown):
        return case.unchanged(action, subject)
    if attempt is not None and command.marker != attempt.marker:
        raise InvalidCommand("marker", f"the attempt's is {attempt.marker}")

    def effect(_: Decision) -> Iterator[New]:
        assert attempt is not None
        if command.outcome == "executed":
            if command.before is not None or command.after is not None:
                _check_result(attempt, command.rows, command.before, command.after)
            statements, duration = command.statements, command.duration_ms
            yield from _executed(adjustment, attempt, statements, duration, by_marker=True)
            return
        error = f"its marker {command.marker} is not there, and never will be"
        event = happened.DataAdjustFailed(adjustment=name, transaction="rolled_back", error=error, by_marker=True)
        yield New(stream=subject, event=event)

    asked = adjustment_asked(case, adjustment, observed=command.observed, starting=True)
    return case.ruled(action, subject, gates.RESOLVE_ADJUSTMENT, asked, effect)


# -- the result


def verify_result(case: Case, command: VerifyAdjustmentResult) -> Ruled:
    """Somebody who neither asked for it nor executed it found it right: it is closed."""
    adjustment = case.adjustment(command.adjustment)
    action, subject = f"verify the result of {adjustment.adjustment}", stream_of(adjustment.adjustment)
    if adjustment.state == "checked":
        return case.unchanged(action, subject)
    event = happened.DataAdjustResultVerified(adjustment=adjustment.adjustment, method=command.method)
    return case.ruled(
        action,
        subject,
        gates.CHECK_ADJUSTMENT,
        adjustment_asked(case, adjustment),
        lambda _: (New(stream=subject, event=event),),
    )


def dispute_result(case: Case, command: DisputeAdjustmentResult) -> Ruled:
    """It is not right: a problem in production, until it is looked at again or taken back."""
    adjustment, place = case.adjustment(command.adjustment), _production(case)
    action, subject = f"dispute the result of {adjustment.adjustment}", stream_of(adjustment.adjustment)
    if adjustment.state == "disputed":
        return case.unchanged(action, subject)

    def effect(_: Decision) -> Iterator[New]:
        yield New(
            stream=subject,
            event=happened.DataAdjustResultDisputed(
                adjustment=adjustment.adjustment, reason=command.reason, problem=case.new_id("P")
            ),
        )
        title = f"the result of {adjustment.adjustment} is not right: {command.reason.partition(chr(10))[0]}"
        release = place.last_sure.release if place.last_sure is not None else None
        yield new_problem(
            case,
            place.name,
            title,
            "person",
            release=release,
            description=command.reason,
            reporter=case.actor.id,
        )

    return case.ruled(action, subject, ("adjustment-executed",), adjustment_asked(case, adjustment), effect)
