"""What happens to adjustments of data, and to the place where they are rehearsed or executed."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from interlock.domain.evolve.deploy import reported
from interlock.domain.evolve.parts import counted, forget, with_adjustment, with_environment, without
from interlock.domain.situation import (
    Adjustment,
    AdjustmentAttempt,
    AdjustmentRehearsal,
    AdjustmentVerification,
    Authorization,
    Environment,
    Situation,
    Unsure,
)
from interlock.events.catalogue import adjustment as happened
from interlock.events.catalogue import environment as happened_there
from interlock.events.catalogue import team
from interlock.events.envelope import Recorded
from interlock.events.fact import replace


def evolve_adjustment(known: Adjustment | None, recorded: Recorded[Any]) -> Adjustment | None:
    """Apply one event of an adjustment's stream."""
    if isinstance(recorded.event, happened.DataAdjustRequested):
        return _requested(recorded, recorded.event)
    if known is None:
        return None
    for apply in (_prepared, _judged, _attempted, _settled):
        changed = apply(known, recorded)
        if changed is not None:
            return changed
    return known


def _requested(recorded: Recorded[Any], event: happened.DataAdjustRequested) -> Adjustment:
    return Adjustment(
        adjustment=event.adjustment,
        plan=event.plan,
        bound_digest=event.bound_digest,
        requesters=frozenset({recorded.actor.id}),
        position=recorded.position,
        requested_at=recorded.recorded_at,
        planned=recorded.position,
        expires_at=event.expires_at,
        policy_version=recorded.policy_version,
        reverts=event.reverts,
    )


def _prepared(known: Adjustment, recorded: Recorded[Any]) -> Adjustment | None:
    match recorded.event:
        case happened.DataAdjustAmended() as event:
            return replace(
                known,
                plan=event.plan,
                bound_digest=event.bound_digest,
                planned=recorded.position,
                requesters=known.requesters | {recorded.actor.id},
                rehearsal=None,
                verifications={},
                authorization=None,
            )
        case happened.DataAdjustRehearsed() as event:
            rehearsal = AdjustmentRehearsal(
                good=True,
                position=recorded.position,
                by=recorded.actor.id,
                at=recorded.recorded_at,
                environment=event.environment,
                rows=event.rows,
                data_taken_at=event.data_taken_at,
                schema_digest=event.schema_digest,
            )
            return replace(known, rehearsal=rehearsal)
        case happened.DataAdjustRehearsalFailed(environment=environment):
            failed = AdjustmentRehearsal(
                good=False,
                position=recorded.position,
                by=recorded.actor.id,
                at=recorded.recorded_at,
                environment=environment,
            )
            return replace(known, rehearsal=failed)
        case _:
            return None


def _judged(known: Adjustment, recorded: Recorded[Any]) -> Adjustment | None:
    match recorded.event:
        case happened.DataAdjustVerified():
            return with_word(known, _word(recorded, good=True))
        case happened.DataAdjustRejected(reason=reason):
            return with_word(known, _word(recorded, good=False, reason=reason))
        case happened.DataAdjustAuthorized() as event:
            authorization = Authorization(
                position=recorded.position,
                at=recorded.recorded_at,
                operator=event.operator,
                valid_until=event.valid_until,
            )
            return replace(known, authorization=authorization)
        case happened.DataAdjustExpired(what="authorization"):
            return unauthorized(known)
        case _:
            return None


def _word(recorded: Recorded[Any], *, good: bool, reason: str | None = None) -> AdjustmentVerification:
    return AdjustmentVerification(
        good=good, by=recorded.actor.id, position=recorded.position, at=recorded.recorded_at, reason=reason
    )


def with_word(known: Adjustment, word: AdjustmentVerification) -> Adjustment:
    """The adjustment after somebody's word on it: his latest counts, and a no voids the authorization."""
    if not word.good:
        known = voided(known, word.at)
    verifications = {**known.verifications, word.by: word}
    return replace(known, verifications=verifications)


def voided(known: Adjustment, at: datetime) -> Adjustment:
    """The adjustment without its authorization; where its time was over, the verifications went with it."""
    given = known.authorization
    return unauthorized(known) if given is not None and at >= given.valid_until else replace(known, authorization=None)


def unauthorized(known: Adjustment) -> Adjustment:
    """The adjustment after its authorization's time: it must be verified again; who says no still does."""
    rejections = {person: word for person, word in known.verifications.items() if not word.good}
    return replace(known, authorization=None, verifications=rejections)


def _attempted(known: Adjustment, recorded: Recorded[Any]) -> Adjustment | None:
    attempt = known.attempt
    match recorded.event:
        case happened.DataAdjustBackupTaken(backup_digest=digest):
            return replace(known, attempt=replace(attempt, backup=digest)) if attempt is not None else known
        case happened.DataAdjustStarted() as event:
            begun = attempt or AdjustmentAttempt(
                lease=event.lease,
                token=event.fencing_token,
                operator=recorded.actor.id,
                position=recorded.position,
            )
            started = replace(
                begun,
                started=recorded.position,
                marker=event.marker,
                rows=event.rows,
                before=event.before,
                after=event.after,
            )
            return replace(known, attempt=started)
        case happened.DataAdjustExecuted(executed_by=person):
            return replace(known, state="executed", attempt=None, executed_by=person, executed=recorded.position)
        case happened.DataAdjustFailed(transaction="unknown"):
            return replace(known, attempt=replace(attempt, unknown=True)) if attempt is not None else known
        case happened.DataAdjustFailed():
            return replace(known, attempt=None)
        case _:
            return None


def _settled(known: Adjustment, recorded: Recorded[Any]) -> Adjustment | None:
    match recorded.event:
        case happened.DataAdjustResultVerified():
            return replace(known, state="checked")
        case happened.DataAdjustResultDisputed():
            return replace(known, state="disputed")
        case happened.DataAdjustReverted():
            return replace(known, state="reverted")
        case happened.DataAdjustCancelled():
            return replace(known, state="cancelled")
        case happened.DataAdjustExpired(what="request"):
            return replace(known, state="expired")
        case _:
            return None


def on_adjustment(situation: Situation, recorded: Recorded[Any]) -> Situation:
    """A closed adjustment leaves the situation; its last reports stay known where they were made."""
    name = recorded.event.adjustment
    known = situation.adjustments.get(name)
    situation = _told_where(counted(situation, name), known, recorded)
    after = evolve_adjustment(known, recorded)
    if after is None:
        return situation
    situation = with_adjustment(situation, after)
    return situation if after.open else forget(situation)


def _told_where(situation: Situation, known: Adjustment | None, recorded: Recorded[Any]) -> Situation:
    """The place of a rehearsal or an execution after its report: it is known again, and a lost outcome is a doubt."""
    event = recorded.event
    if isinstance(event, happened.DataAdjustRehearsed | happened.DataAdjustRehearsalFailed):
        place = situation.environment(event.environment)
        word = "rehearsed" if isinstance(event, happened.DataAdjustRehearsed) else "not rehearsed"
        lease = place.lease
        if lease is None or lease.lease != event.lease:
            return situation
        return _with_report(situation, place, f"{event.adjustment}/{lease.token} {word}")
    if known is None or not isinstance(event, happened.DataAdjustExecuted | happened.DataAdjustFailed):
        return situation
    place, attempt = situation.environment(known.plan.targets.environment), known.attempt
    if attempt is None:
        return situation
    word = "executed" if isinstance(event, happened.DataAdjustExecuted) else event.transaction
    situation = _with_report(situation, place, f"{known.adjustment}/{attempt.token} {word}")
    if word != "unknown":
        return situation
    return with_environment(situation, _doubted(situation.environment(place.name), recorded, known.adjustment))


def _with_report(situation: Situation, place: Environment, report: str) -> Situation:
    return with_environment(situation, replace(place, finished=reported(place, report)))


def _doubted(place: Environment, recorded: Recorded[Any], adjustment: str) -> Environment:
    """Nobody knows whether the data was changed: no retry of anything takes that away, only two persons do."""
    known = place.unsure
    unsure = Unsure(
        position=recorded.position,
        since=recorded.recorded_at,
        cause=f"nobody knows whether {adjustment} was committed",
        disturbed=True,
        mark_before=known.mark_before if known is not None else None,
        occupant_before=known.occupant_before if known is not None else place.occupant,
    )
    mark = replace(place.mark, settled=recorded.position, at=recorded.recorded_at)
    return replace(place, occupant=None, unsure=unsure, mark=mark)


def attempted(situation: Situation, before: Environment, recorded: Recorded[Any]) -> Situation:
    """What an environment's own event does to adjustments: an execution begins, or what one was rehearsed on is void.

    `before` is the environment as it was before the event.
    """
    match recorded.event:
        case happened_there.LeaseGranted(kind="adjustment") as event:
            activity, _, name = event.subject.partition(" ")
            known = situation.adjustments.get(name)
            if activity != "adjustment" or known is None:
                return situation
            attempt = AdjustmentAttempt(
                lease=event.lease,
                token=event.fencing_token,
                operator=event.holder,
                position=recorded.position,
            )
            return with_adjustment(situation, replace(known, attempt=attempt))
        case happened_there.DataMarkedCorrupt():
            restore = before.data.restored
            for known in situation.adjustments.values():
                rehearsal = known.rehearsal
                if rehearsal is None or rehearsal.environment != before.name:
                    continue
                # After a restore that failed nobody can say which data is meant: then all of it.
                if restore is None or rehearsal.position > restore.position:
                    situation = with_adjustment(situation, replace(known, rehearsal=None))
            return situation
        case _:
            return situation


def operated(situation: Situation, recorded: Recorded[team.OperatorDesignated]) -> Situation:
    """Another operator: what was authorized is so no more, and he does not verify what he will execute."""
    event = recorded.event
    for known in situation.adjustments.values():
        if known.state != "open" or known.plan.targets.environment != event.environment:
            continue
        after = voided(known, recorded.recorded_at)
        own = after.verifications.get(event.principal)
        if own is not None and own.good:
            after = replace(after, verifications=without(after.verifications, event.principal))
        situation = with_adjustment(situation, after)
    return situation
