"""What an environment's own events do to it: leases, test runs, freezes, what two persons stated."""

from __future__ import annotations

from typing import Any

from interlock.domain.evolve.adjustment import attempted
from interlock.domain.evolve.data import on_data, without_restore
from interlock.domain.evolve.deploy import lost, reported, still_known
from interlock.domain.evolve.parts import counted, forget, with_environment
from interlock.domain.situation import (
    OCCUPANTS_KEPT_MAX,
    REPORTS_KEPT_MAX,
    Environment,
    Freeze,
    Lease,
    Occupant,
    ProductionMark,
    Situation,
    TestRun,
    Unsure,
    Work,
)
from interlock.events.catalogue import environment as happened
from interlock.events.envelope import Recorded
from interlock.events.fact import replace


def on_environment(situation: Situation, recorded: Recorded[Any]) -> Situation:
    """Apply an event of an environment's stream."""
    environment = situation.environment(recorded.event.environment)
    for apply in (_lease, _activity, on_data, _standing, _stated):
        changed = apply(environment, recorded)
        if changed is not None:
            situation = with_environment(situation, changed)
            break
    situation = attempted(situation, environment, recorded)
    if isinstance(recorded.event, happened.LeaseGranted):
        # The subject names the activity, as in "restore S-3 from production": its id is taken from here on.
        for identifier in (recorded.event.lease, *recorded.event.subject.split()[1:2]):
            situation = counted(situation, identifier)
    return forget(situation)


def _lease(environment: Environment, recorded: Recorded[Any]) -> Environment | None:
    match recorded.event:
        case happened.LeaseGranted() as event:
            source = event.subject.rpartition(" from ")[2] if event.kind == "restore" else None
            work = Work(kind=event.kind, release=event.release, source=source)
            lease = Lease(
                lease=event.lease,
                kind=event.kind,
                holder=event.holder,
                subject=event.subject,
                token=event.fencing_token,
                granted_at=recorded.recorded_at,
                renewed_at=recorded.recorded_at,
                expires_at=event.expires_at,
                position=recorded.position,
                work=work,
                identity=event.observed.identity,
                schema_digest=event.observed.schema_digest,
                adjustment=event.subject.partition(" ")[2] if event.kind == "adjustment" else None,
            )
            return replace(environment, lease=lease, token=event.fencing_token)
        case happened.LeaseRenewed(expires_at=expires_at):
            if environment.lease is None:
                return environment
            lease = replace(environment.lease, expires_at=expires_at, renewed_at=recorded.recorded_at)
            return replace(environment, lease=lease)
        case happened.LeaseReleased():
            return replace(environment, lease=None)
        case happened.LeaseExpired() | happened.LeaseBroken():
            return _lease_lost(environment, recorded)
        case _:
            return None


def _lease_lost(environment: Environment, recorded: Recorded[Any]) -> Environment:
    lease = environment.lease
    if lease is None or lease.kind in {"test-run", "adjustment"}:
        # A rehearsed adjustment is rolled back, and what one that may be committed leaves is told by its own event.
        return replace(environment, lease=None)
    word = "expired" if isinstance(recorded.event, happened.LeaseExpired) else "was broken"
    gone = (*environment.lost, *lease.subject.split()[1:2])[-REPORTS_KEPT_MAX:]
    after = replace(lost(environment, recorded, f"the lease of {lease.subject} {word}"), lease=None, lost=gone)
    if lease.kind == "deploy":
        return after
    return without_restore(after)


def _activity(environment: Environment, recorded: Recorded[Any]) -> Environment | None:
    match recorded.event:
        case happened.TestRunStarted() as event:
            run = TestRun(
                run=event.run,
                trigger=event.trigger,
                position=recorded.position,
                release=event.release,
                content=event.content_digest,
                started_by=recorded.actor.id,
            )
            return replace(environment, run=run, fulfilled_day=event.fulfils or environment.fulfilled_day)
        case happened.TestRunFinished() | happened.TestRunAborted():
            word = "aborted" if isinstance(recorded.event, happened.TestRunAborted) else recorded.event.verdict
            return replace(environment, run=None, finished=reported(environment, f"{recorded.event.run} {word}"))
        case happened.TestRunMissed(day=day):
            return replace(environment, missed_day=day)
        case happened.LogsChecked(until=until):
            return replace(environment, logs_from=until, logs_missed=None)
        case happened.LogCheckMissed(due_at=due_at):
            return replace(environment, logs_missed=due_at)
        case happened.FactObserved() as event:
            late = (*environment.late_reports, fingerprint(event.kind, event.source, event.description))
            known = environment if event.kind == "other" else _unexplained(environment, event.source)
            return replace(known, late_reports=late[-REPORTS_KEPT_MAX:])
        case happened.DriftDetected() as event:
            late = (*environment.late_reports, fingerprint("drift", event.source, event.observed_digest))
            return replace(_unexplained(environment, event.source), late_reports=late[-REPORTS_KEPT_MAX:])
        case _:
            return None


def _unexplained(environment: Environment, source: str) -> Environment:
    """A retry of lost work on the data says nothing of what somebody else did here since; a new deploy replaces it."""
    unsure = environment.unsure
    if unsure is None or unsure.work is None or unsure.work.kind == "deploy" or source in environment.lost:
        return environment
    return replace(environment, unsure=replace(unsure, work=None))


def fingerprint(kind: str, source: str, what: str) -> str:
    """One line by which the same observation is recognized when it is reported again."""
    return f"{kind}|{source}|{what}"


def _standing(environment: Environment, recorded: Recorded[Any]) -> Environment | None:
    match recorded.event:
        case happened.EnvironmentRegistered(identity=identity):
            return replace(environment, identity=identity)
        case happened.EnvironmentUnsure(cause=cause):
            if environment.unsure is not None and environment.unsure.position == recorded.position - 1:
                return replace(environment, unsure=replace(environment.unsure, position=recorded.position))
            return _doubted(environment, recorded, cause)
        case happened.EnvironmentFrozen() as event:
            freeze = Freeze(
                reason=event.reason,
                by=recorded.actor.id,
                position=recorded.position,
                since=event.since,
                until=event.until,
            )
            return replace(environment, freeze=freeze)
        case happened.EnvironmentUnfrozen():
            return replace(environment, freeze=None)
        case _:
            return None


def _doubted(environment: Environment, recorded: Recorded[Any], cause: str) -> Environment:
    """Something was seen that the record does not explain; what runs here goes on, and ends unsure too."""
    known = environment.unsure
    before = known.occupant_before if known is not None else environment.occupant
    if before is None and environment.deploy is not None:
        before = environment.deploy.before
    unsure = Unsure(
        position=recorded.position,
        since=recorded.recorded_at,
        cause=cause,
        work=known.work if known else None,
        disturbed=known is not None and (known.disturbed or not _late_report(environment)),
        mark_before=known.mark_before if known else None,
        occupant_before=before,
    )
    mark = replace(environment.mark, settled=recorded.position, at=recorded.recorded_at)
    return replace(environment, occupant=None, unsure=unsure, mark=mark)


def _late_report(environment: Environment) -> bool:
    """Whether what was observed last is the late report of an activity whose lease was over."""
    return bool(environment.late_reports) and environment.late_reports[-1].split("|")[1] in environment.lost


def _stated(environment: Environment, recorded: Recorded[Any]) -> Environment | None:
    match recorded.event:
        case happened.EnvironmentBaselined() as event:
            return _placed(
                environment,
                recorded,
                event.release,
                event.content_digest,
                event.schema_digest,
                deployable=bool(event.artifacts),
                base=True,
                empty=event.empty,
            )
        case happened.EnvironmentConfirmed() as event:
            placed = _placed(
                environment,
                recorded,
                event.release,
                event.content_digest,
                event.schema_digest,
                deployable=True,
                base=False,
                empty=event.state == "empty",
            )
            return replace(placed, mixed=event.state == "mixed")
        case _:
            return None


def _said_to_be_there(
    environment: Environment, recorded: Recorded[Any], release: str, content: str, *, deployable: bool, base: bool
) -> Occupant:
    history = environment.history
    known = next((o for o in reversed(history) if o.content == content), None)
    # What was half done and is now said to be there had its own fixes and migrations.
    work = environment.unsure.work if environment.unsure is not None else None
    source = known or (work if work is not None and work.content == content else None)
    # Its deploy still counts where all is as it was before the doubt.
    before = history[-1] if history and (history[-1].release, history[-1].content) == (release, content) else None
    return Occupant(
        release=release,
        content=content,
        position=recorded.position,
        since=recorded.recorded_at,
        deploy=before.deploy if before else None,
        fixes=source.fixes if source else (),
        migrations=source.migrations if source else (),
        deployable=known.deployable if known else deployable,
        # Of a base there is no more than was declared; of anything else its release tells, if there is one.
        untold=source.untold if source else not base,
    )


def _placed(
    environment: Environment,
    recorded: Recorded[Any],
    release: str | None,
    content: str | None,
    schema: str | None,
    *,
    deployable: bool,
    base: bool,
    empty: bool,
) -> Environment:
    occupant = None
    history = environment.history
    if release is not None and content is not None:
        occupant = _said_to_be_there(environment, recorded, release, content, deployable=deployable, base=base)
        history = (*history, occupant)[-OCCUPANTS_KEPT_MAX:]
    mark = ProductionMark(
        started=environment.mark.started,
        settled=recorded.position,
        at=recorded.recorded_at,
        schema_digest=schema or environment.mark.schema_digest,
    )
    return replace(
        environment,
        occupant=occupant,
        unsure=None,
        based=True,
        empty_base=empty,
        mixed=False,
        mark=mark,
        history=history,
        rehearsal=None,
        logs_from=recorded.recorded_at,
        logs_missed=None,
        late_reports=still_known(environment),
    )
