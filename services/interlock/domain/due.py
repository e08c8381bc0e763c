"""What time alone has brought about by now, and when it will bring the next."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from interlock.domain.checks.adjusting import snapshot_until
from interlock.domain.commands.timely import (
    AuthorizeAdjustment,
    ExpireAdjustment,
    ExpireAsked,
    ExpireLease,
    RecordMissedLogCheck,
    RecordMissedTestRun,
    RecordOverdueReaction,
    SettleDeployRequest,
)
from interlock.domain.decide.adjustment import ends_at, followed, may_be_authorized
from interlock.domain.decide.case import Case
from interlock.domain.decide.request import waits_no_more
from interlock.domain.decide.timely import is_overdue, missed_log_check, missed_nights
from interlock.domain.explain import NOBODY
from interlock.domain.policy import Policy
from interlock.domain.situation import Adjustment, Situation

INSTANT = timedelta(microseconds=1)


def _policy(situation: Situation, now: datetime) -> Policy:
    return Case(situation=situation, command=None, actor=NOBODY, now=now).policy


def due(situation: Situation, now: datetime) -> tuple[Any, ...]:
    """The timely commands that are due, in the order of the moments that brought them."""
    if situation.opened_at is None or (situation.moved is not None and situation.restored is None):
        # Where a ledger moved away, time goes on elsewhere.
        return ()
    return tuple(command for _, command in sorted(_due(situation, now), key=lambda pair: pair[0]))


def _due(situation: Situation, now: datetime) -> Iterator[tuple[datetime, Any]]:
    policy = _policy(situation, now)
    for place in situation.environments.values():
        if place.lease is not None and now >= place.lease.expires_at:
            yield place.lease.expires_at, ExpireLease(environment=place.name, lease=place.lease.lease)
    for request in situation.requests.values():
        if now >= request.expires_at:
            yield request.expires_at, SettleDeployRequest(release=request.release, deploy=request.deploy)
        elif waits_no_more(request, now) and request.ready_from is not None:
            yield request.ready_from, SettleDeployRequest(release=request.release, deploy=request.deploy)
    for day, night in missed_nights(situation, policy, now):
        told = night + timedelta(minutes=policy.nightly_grace_minutes)
        yield told, RecordMissedTestRun(environment=policy.named("tests"), day=day)
    production = situation.environment(policy.production)
    logs = missed_log_check(production, policy, now)
    if logs is not None:
        yield logs, RecordMissedLogCheck(environment=production.name, due_at=logs)
    for problem in situation.problems.values():
        if is_overdue(problem, now):
            yield problem.react_by, RecordOverdueReaction(problem=problem.problem)
    for ask in situation.asks.values():
        if now >= ask.until:
            yield ask.until, ExpireAsked(ask=ask.ask)
    for adjustment in situation.adjustments.values():
        end = ends_at(situation, adjustment)
        if end is not None and now >= end:
            yield end, ExpireAdjustment(adjustment=adjustment.adjustment)
        elif may_be_authorized(situation, adjustment, now):
            yield now, AuthorizeAdjustment(adjustment=adjustment.adjustment)


def next_due(situation: Situation, now: datetime) -> datetime | None:
    """The first moment after `now` at which `due` may have something new; None where time brings nothing."""
    if situation.opened_at is None:
        return None
    return min((moment for moment in _moments(situation, now) if moment > now), default=None)


def _moments(situation: Situation, now: datetime) -> Iterator[datetime]:
    policy = _policy(situation, now)
    for place in situation.environments.values():
        if place.lease is not None:
            yield place.lease.expires_at
    for request in situation.requests.values():
        yield request.expires_at
        if request.ready_from is not None and not request.ready:
            yield request.ready_from
    midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    for days in (0, 1):
        yield midnight + timedelta(days=days, minutes=policy.nightly_grace_minutes)
    production = situation.environment(policy.production)
    if production.occupant is not None and production.logs_from is not None:
        yield production.logs_from + policy.log_check_due + INSTANT
    for problem in situation.problems.values():
        if problem.open and not problem.acknowledged and not problem.overdue:
            yield problem.react_by + INSTANT
    for ask in situation.asks.values():
        yield ask.until
    for adjustment in situation.adjustments.values():
        yield from _moments_of(situation, adjustment)


def _moments_of(situation: Situation, adjustment: Adjustment) -> Iterator[datetime]:
    """When it expires, when its rehearsal's data is too old for it to be authorized, when a deputy's time is over."""
    end = ends_at(situation, adjustment)
    if end is not None:
        yield end
    yield adjustment.expires_at
    taken_at = adjustment.rehearsal.data_taken_at if adjustment.rehearsal is not None else None
    if taken_at is not None:
        yield min(snapshot_until(policy, taken_at) for policy in followed(situation, adjustment)) + INSTANT
    operator = situation.team.operators.get(adjustment.plan.targets.environment)
    if operator is not None and operator.deputy_until is not None:
        yield operator.deputy_until
