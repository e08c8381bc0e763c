"""Deciding about an adjustment's rehearsal: it runs on production's data, elsewhere, and is rolled back."""

from __future__ import annotations

from collections.abc import Iterator

from interlock.domain import gates
from interlock.domain.commands.adjustment import (
    ReportAdjustmentRehearsalFailed,
    ReportAdjustmentRehearsed,
    StartAdjustmentRehearsal,
)
from interlock.domain.decide.adjustment import adjustment_asked, marker_of, stream_of
from interlock.domain.decide.case import Case, New, Ruled
from interlock.domain.decide.leases import granted, released
from interlock.domain.errors import InvalidCommand
from interlock.domain.situation import Adjustment, Environment, Lease
from interlock.events.catalogue import adjustment as happened
from interlock.events.catalogue.parts import Observed
from interlock.events.decision import Decision


def start_rehearsal(case: Case, command: StartAdjustmentRehearsal) -> Ruled:
    """Where releases are rehearsed, or in the scratch database, on production's data and schema."""
    adjustment, place = case.adjustment(command.adjustment), case.place(command.environment)
    stage = case.policy.named("rehearsal")
    if place.name not in {stage, case.policy.scratch}:
        where = f"{stage} or {case.policy.scratch}" if case.policy.scratch is not None else stage
        raise InvalidCommand("environment", f"adjustments are rehearsed in {where}")
    asked = adjustment_asked(case, adjustment, environment=place.name, observed=command.observed, starting=True)
    # Nobody is ever sure of what scratch holds but by its restore, and nothing is deployed there.
    names = gates.REHEARSE_ADJUSTMENT if place.name == stage else gates.REHEARSE_ADJUSTMENT_IN_SCRATCH
    subject = f"rehearsal {adjustment.adjustment}"
    return case.ruled(
        f"rehearse {adjustment.adjustment} in {place.name}",
        stream_of(adjustment.adjustment),
        names,
        asked,
        lambda _: (granted(case, place, "adjustment", subject, command.observed, None),),
    )


def _rehearsal_lease(place: Environment, adjustment: Adjustment) -> Lease | None:
    lease = place.lease
    return lease if lease is not None and lease.activity == f"rehearsal {adjustment.adjustment}" else None


def report_rehearsed(case: Case, command: ReportAdjustmentRehearsed) -> Ruled:
    """It met its expectations and was rolled back; one that comes too late proves nothing, and changed nothing."""
    adjustment, place = case.adjustment(command.adjustment), case.place(command.environment)
    name, lease = adjustment.adjustment, _rehearsal_lease(place, adjustment)
    action, subject = f"report {name} rehearsed", stream_of(name)
    if f"{marker_of(name, command.fencing_token)} rehearsed" in place.finished:
        return case.unchanged(action, subject)
    found = Observed(identity=lease.identity, schema_digest=lease.schema_digest) if lease and lease.identity else None
    asked = adjustment_asked(
        case,
        adjustment,
        environment=place.name,
        observed=found,
        token=command.fencing_token,
        lease=f"rehearsal {name}",
        rows=command.rows,
        effect_holds=True,
    )
    restore = place.data.restored

    def effect(_: Decision) -> Iterator[New]:
        assert lease is not None
        assert restore is not None
        yield New(
            stream=subject,
            event=happened.DataAdjustRehearsed(
                adjustment=name,
                environment=place.name,
                bound_digest=adjustment.bound_digest,
                lease=lease.lease,
                restore=restore.restore,
                data_taken_at=restore.taken_at,
                schema_digest=lease.schema_digest or "",
                statements=command.statements,
                rows=command.rows,
                before=command.before,
                after=command.after,
                duration_ms=command.duration_ms,
                report=command.report,
            ),
        )
        yield released(place)

    return case.ruled(action, subject, gates.REPORT_ADJUSTMENT_REHEARSED, asked, effect)


def report_rehearsal_failed(case: Case, command: ReportAdjustmentRehearsalFailed) -> Ruled:
    """It did not do what was expected; it was rolled back, so the place is as sure as before."""
    adjustment, place = case.adjustment(command.adjustment), case.place(command.environment)
    name, lease = adjustment.adjustment, _rehearsal_lease(place, adjustment)
    action, subject = f"report the rehearsal of {name} failed", stream_of(name)
    if f"{marker_of(name, command.fencing_token)} not rehearsed" in place.finished:
        return case.unchanged(action, subject)
    asked = adjustment_asked(
        case, adjustment, environment=place.name, token=command.fencing_token, lease=f"rehearsal {name}"
    )

    def effect(_: Decision) -> Iterator[New]:
        assert lease is not None
        yield New(
            stream=subject,
            event=happened.DataAdjustRehearsalFailed(
                adjustment=name,
                environment=place.name,
                bound_digest=adjustment.bound_digest,
                lease=lease.lease,
                error=command.error,
                report=command.report,
            ),
        )
        yield released(place)

    return case.ruled(action, subject, ("reported-by-runner", "lease-held"), asked, effect)
