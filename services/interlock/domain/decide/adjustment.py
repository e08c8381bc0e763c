"""Deciding about adjustments of data: request, amend, verify, reject, authorize, cancel, and what time brings."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from interlock.domain import gates
from interlock.domain import policy as policies
from interlock.domain.checks import Asked
from interlock.domain.checks.adjusting import authorized_until, counted
from interlock.domain.commands.adjustment import (
    AmendAdjustment,
    CancelAdjustment,
    RejectAdjustment,
    RequestAdjustment,
    VerifyAdjustment,
)
from interlock.domain.commands.timely import AuthorizeAdjustment, ExpireAdjustment
from interlock.domain.decide.case import Case, New, Ruled
from interlock.domain.errors import InvalidCommand
from interlock.domain.evolve.adjustment import unauthorized, with_word
from interlock.domain.policy import Policy
from interlock.domain.situation import Adjustment, AdjustmentVerification, Situation
from interlock.events.catalogue import adjustment as happened
from interlock.events.catalogue.parts import AdjustmentPlan, Observed
from interlock.events.codec import digest_of, plain
from interlock.events.decision import Decision
from interlock.events.envelope import Actor
from interlock.events.fact import replace

RULE = Actor(id="watch", kind="system")


def stream_of(adjustment: str) -> str:
    """The stream of an adjustment's events."""
    return f"adjustment/{adjustment}"


def marker_of(adjustment: str, token: int) -> str:
    """The key of the row that an attempt's transaction writes: it tells afterwards whether it was committed."""
    return f"{adjustment}/{token}"


def bound_digest(plan: AdjustmentPlan) -> str:
    """The digest of the whole plan: what verifiers are bound to."""
    return digest_of(plain(plan))


def adjustment_asked(case: Case, adjustment: Adjustment, **more: Any) -> Asked:
    """What the checks look at: this adjustment, in production unless another place is named."""
    place = more.pop("environment", case.policy.production)
    return case.asked(place, adjustment=adjustment, **more)


def followed(situation: Situation, adjustment: Adjustment) -> tuple[Policy, ...]:
    """The policies that bind it: the one in force, and the one that it was requested under."""
    documents = (situation.policies.get(v) for v in (situation.policy_version, adjustment.policy_version))
    found = tuple(policies.parse(document) for document in documents if document is not None)
    return found or (policies.parse(policies.shipped()),)


def is_held(situation: Situation, adjustment: Adjustment) -> bool:
    """Whether it is being rehearsed or executed."""
    leases = (place.lease for place in situation.environments.values())
    return any(lease is not None and lease.adjustment == adjustment.adjustment for lease in leases)


# -- asking


def _check_plan(case: Case, plan: AdjustmentPlan, reverts: str | None) -> None:
    """Raises InvalidCommand where the plan contradicts itself or names another place than production."""
    if plan.targets.environment != case.policy.production:
        raise InvalidCommand("plan.targets.environment", f"only data of {case.policy.production} is adjusted")
    tables = plan.targets.tables
    if not tables or len(set(tables)) != len(tables):
        raise InvalidCommand("plan.targets.tables", "name each table that is adjusted once")
    if plan.expected_effect.rows_min > plan.expected_effect.rows_max:
        raise InvalidCommand("plan.expected_effect.rows_min", "is more than rows_max")
    if plan.undo_digest == plan.script_digest:
        raise InvalidCommand("plan.undo_digest", "the script does not take itself back")
    if reverts is not None and plan.script_digest != case.adjustment(reverts).plan.undo_digest:
        raise InvalidCommand("plan.script_digest", f"what takes {reverts} back is its undo script, to the last byte")


def _target(plan: AdjustmentPlan) -> dict[str, Any]:
    """The plan names production's registered server and database, and no other."""
    return {"observed": Observed(identity=plan.targets.identity), "starting": True}


def request(case: Case, command: RequestAdjustment) -> Ruled:
    """Everything about it is frozen from here on, by the digest of the whole plan."""
    _check_plan(case, command.plan, command.reverts)
    digest, action = bound_digest(command.plan), "request an adjustment"
    for known in case.situation.adjustments.values():
        same = (known.bound_digest, known.reverts) == (digest, command.reverts)
        if same and known.state == "open" and case.actor.id in known.requesters:
            return case.unchanged(action, stream_of(known.adjustment))
    name = case.new_id("ADJ")
    event = happened.DataAdjustRequested(
        adjustment=name,
        plan=command.plan,
        bound_digest=digest,
        expires_at=case.now + timedelta(hours=case.policy.adjustment_life_hours),
        reverts=command.reverts,
    )
    asked = case.asked(case.policy.production, target=command.reverts, **_target(command.plan))
    return case.ruled(
        action, stream_of(name), gates.REQUEST_ADJUSTMENT, asked, lambda _: (New(stream=stream_of(name), event=event),)
    )


def amend(case: Case, command: AmendAdjustment) -> Ruled:
    """Another plan: whoever amends it is one of those who ask, and all that was found out about it is void."""
    adjustment = case.adjustment(command.adjustment)
    action, subject = f"amend {adjustment.adjustment}", stream_of(adjustment.adjustment)
    digest = bound_digest(command.plan)
    if digest == adjustment.bound_digest:
        return case.unchanged(action, subject)
    _check_plan(case, command.plan, adjustment.reverts)
    event = happened.DataAdjustAmended(
        adjustment=adjustment.adjustment, plan=command.plan, bound_digest=digest, reason=command.reason
    )
    asked = adjustment_asked(case, adjustment, **_target(command.plan))
    return case.ruled(action, subject, gates.AMEND_ADJUSTMENT, asked, lambda _: (New(stream=subject, event=event),))


def cancel(case: Case, command: CancelAdjustment) -> Ruled:
    """Taken back before it is executed, by who asked for it or a release manager."""
    adjustment = case.adjustment(command.adjustment)
    action, subject = f"cancel {adjustment.adjustment}", stream_of(adjustment.adjustment)
    if adjustment.state == "cancelled":
        return case.unchanged(action, subject)
    event = happened.DataAdjustCancelled(adjustment=adjustment.adjustment, reason=command.reason)
    return case.ruled(
        action,
        subject,
        gates.CANCEL_ADJUSTMENT,
        adjustment_asked(case, adjustment),
        lambda _: (New(stream=subject, event=event),),
    )


# -- verifying


def is_over(situation: Situation, adjustment: Adjustment, now: datetime) -> bool:
    """Whether its authorization's time is over, by the stricter of the policies that bind it."""
    until = over_at(situation, adjustment)
    return until is not None and now >= until


def over_at(situation: Situation, adjustment: Adjustment) -> datetime | None:
    """When its authorization's time is over; None where it has none."""
    ends = [authorized_until(policy, adjustment) for policy in followed(situation, adjustment)]
    return min((end for end in ends if end is not None), default=None)


def _settled_by_time(case: Case, adjustment: Adjustment) -> tuple[Adjustment, tuple[New, ...]]:
    """The adjustment as time leaves it, and that it does, told first: also where the watch was away at the moment."""
    if is_held(case.situation, adjustment) or not is_over(case.situation, adjustment, case.now):
        return adjustment, ()
    event = happened.DataAdjustExpired(adjustment=adjustment.adjustment, what="authorization")
    return unauthorized(adjustment), (New(stream=stream_of(adjustment.adjustment), event=event),)


def verify(case: Case, command: VerifyAdjustment) -> Ruled:
    """Somebody independent stands for it; the authorization follows by itself from the last one that was needed."""
    adjustment, before = _settled_by_time(case, case.adjustment(command.adjustment))
    name = adjustment.adjustment
    action, subject = f"verify {name}", stream_of(name)
    own = adjustment.verifications.get(case.actor.id)
    if own is not None and own.good and command.bound_digest == adjustment.bound_digest:
        return case.unchanged(action, subject)

    def effect(_: Decision) -> Iterator[New]:
        yield from before
        good = sum(word.good for word in adjustment.verifications.values())
        yield New(
            stream=subject,
            event=happened.DataAdjustVerified(
                adjustment=name,
                ordinal=good + 1,
                method=command.method,
                bound_digest=adjustment.bound_digest,
                rehearsal=adjustment.rehearsal.position if adjustment.rehearsal is not None else 0,
            ),
        )
        position = case.situation.position + len(before) + 1
        word = AdjustmentVerification(good=True, by=case.actor.id, position=position, at=case.now)
        yield from _authorized(case, with_word(adjustment, word), position)

    asked = adjustment_asked(case, adjustment, bound_digest=command.bound_digest)
    return case.ruled(action, subject, gates.VERIFY_ADJUSTMENT, asked, effect)


def reject(case: Case, command: RejectAdjustment) -> Ruled:
    """A verifier's no voids the authorization, and stands until the plan is another one, or he thinks better of it."""
    adjustment, before = _settled_by_time(case, case.adjustment(command.adjustment))
    action, subject = f"reject {adjustment.adjustment}", stream_of(adjustment.adjustment)
    own = adjustment.verifications.get(case.actor.id)
    if own is not None and (own.good, own.reason, adjustment.bound_digest) == (
        False,
        command.reason,
        command.bound_digest,
    ):
        return case.unchanged(action, subject)
    event = happened.DataAdjustRejected(
        adjustment=adjustment.adjustment, bound_digest=adjustment.bound_digest, reason=command.reason
    )
    asked = adjustment_asked(case, adjustment, bound_digest=command.bound_digest)
    return case.ruled(
        action, subject, gates.REJECT_ADJUSTMENT, asked, lambda _: (*before, New(stream=subject, event=event))
    )


# -- authorizing, by the rule itself


def _authorized(case: Case, adjustment: Adjustment, position: int) -> Iterator[New]:
    """The authorization, where nothing is missing for it after the event at `position`."""
    if not wants_authorization(case.situation, adjustment, case.now):
        return
    seen = replace(
        case.situation,
        position=position,
        adjustments={**case.situation.adjustments, adjustment.adjustment: adjustment},
    )
    command = AuthorizeAdjustment(adjustment=adjustment.adjustment)
    again = Case(situation=seen, command=command, actor=RULE, now=case.now)
    yield from authorize(again, command).facts


def wants_authorization(situation: Situation, adjustment: Adjustment, now: datetime) -> bool:
    """Whether it has no authorization for who is operator now; one whose time is over is told first."""
    attempt, given = adjustment.attempt, adjustment.authorization
    if adjustment.state != "open" or now >= adjustment.expires_at or (attempt is not None and attempt.unknown):
        return False
    if given is None:
        return True
    operator = situation.team.operators.get(adjustment.plan.targets.environment)
    stands = operator is not None and operator.at(now) == given.operator
    return not stands and not is_over(situation, adjustment, now)


def authorize(case: Case, command: AuthorizeAdjustment) -> Ruled:
    """Rehearsed, verified by enough independent persons, and an operator is designated: it may be executed by him."""
    adjustment = case.adjustment(command.adjustment)
    action, subject = f"authorize {adjustment.adjustment}", stream_of(adjustment.adjustment)
    if not wants_authorization(case.situation, adjustment, case.now):
        return case.unchanged(action, subject)
    asked = adjustment_asked(case, adjustment)
    minutes = min(policy.authorization_minutes for policy in followed(case.situation, adjustment))

    def effect(decision: Decision) -> Iterator[New]:
        event = happened.DataAdjustAuthorized(
            adjustment=adjustment.adjustment,
            bound_digest=adjustment.bound_digest,
            verifications=tuple(word.position for word in counted(asked)),
            operator=asked.operator or "",
            valid_until=min(case.now + timedelta(minutes=minutes), adjustment.expires_at),
            decision=decision,
        )
        yield New(stream=subject, event=event)

    return case.ruled(action, subject, gates.AUTHORIZE_ADJUSTMENT, asked, effect)


def may_be_authorized(situation: Situation, adjustment: Adjustment, now: datetime) -> bool:
    """Whether the rule would authorize it now: the watch gives the command then."""
    if not wants_authorization(situation, adjustment, now):
        return False
    command = AuthorizeAdjustment(adjustment=adjustment.adjustment)
    return authorize(Case(situation=situation, command=command, actor=RULE, now=now), command).decision.allowed


# -- what time brings


def ends_at(situation: Situation, adjustment: Adjustment) -> datetime | None:
    """When its authorization or its whole time is over; None while it is under way, and once it was executed."""
    if adjustment.state != "open" or adjustment.attempt is not None or is_held(situation, adjustment):
        return None
    until = over_at(situation, adjustment)
    return adjustment.expires_at if until is None else min(until, adjustment.expires_at)


def expire(case: Case, command: ExpireAdjustment) -> Ruled:
    """The authorization's time is over, and the verifications' with it; or the whole request's."""
    adjustment = case.adjustment(command.adjustment)
    action, subject = f"expire {adjustment.adjustment}", stream_of(adjustment.adjustment)
    end = ends_at(case.situation, adjustment)
    if end is None or case.now < end:
        return case.unchanged(action, subject)
    over = case.now >= adjustment.expires_at
    event = happened.DataAdjustExpired(adjustment=adjustment.adjustment, what="request" if over else "authorization")
    return case.ruled(action, subject, (), None, lambda _: (New(stream=subject, event=event),))
