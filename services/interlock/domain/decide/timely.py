"""Deciding about what time alone brings: each once, also when the watch was away at the moment."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final

from interlock.domain.commands.timely import (
    ExpireAsked,
    ExpireLease,
    RecordMissedLogCheck,
    RecordMissedTestRun,
    RecordOverdueReaction,
)
from interlock.domain.decide.aftermath import lease_lost
from interlock.domain.decide.case import Case, New, Ruled
from interlock.domain.policy import Policy
from interlock.domain.situation import Environment, Problem, Situation
from interlock.events.catalogue import environment as happened_there
from interlock.events.catalogue import problem as problems
from interlock.events.catalogue import team

NIGHTS_TOLD_MAX: Final = 31


def expire_lease(case: Case, command: ExpireLease) -> Ruled:
    """The holder gave no sign of life: the activity counts as lost."""
    place = case.place(command.environment)
    action, subject = f"expire {command.lease}", f"environment/{place.name}"
    lease = place.lease
    if lease is None or lease.lease != command.lease or case.now < lease.expires_at:
        return case.unchanged(action, subject)
    return case.ruled(action, subject, (), None, lambda _: lease_lost(case, place, expired=True))


def missed_nights(situation: Situation, policy: Policy, now: datetime) -> tuple[tuple[str, datetime], ...]:
    """The days whose nightly run did not start in time and is not told yet, with when each was expected, in order.

    A day counts from the project's opening on; of a silence longer than NIGHTS_TOLD_MAX days the last ones are told.
    """
    place = situation.environment(policy.named("tests"))
    if place.identity is None or situation.opened_at is None:
        return ()
    today = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    grace = timedelta(minutes=policy.nightly_grace_minutes)
    last = today if now >= today + grace else today - timedelta(days=1)
    told = max(place.fulfilled_day or "", place.missed_day or "")
    return _nights(situation.opened_at, told, last)


@lru_cache(maxsize=64)
def _nights(opened_at: datetime, told: str, last: datetime) -> tuple[tuple[str, datetime], ...]:
    nights = (last - timedelta(days=back) for back in reversed(range(NIGHTS_TOLD_MAX)))
    return tuple(
        (night.date().isoformat(), night) for night in nights if night >= opened_at and night.date().isoformat() > told
    )


def told_missed(case: Case, environment: str) -> Iterator[New]:
    """That nights were missed, told before the run that ends the silence: also where the watch was away."""
    for day, expected in missed_nights(case.situation, case.policy, case.now):
        event = happened_there.TestRunMissed(environment=environment, expected_at=expected, day=day)
        yield New(stream=f"environment/{environment}", event=event)


def record_missed_test_run(case: Case, command: RecordMissedTestRun) -> Ruled:
    """No scheduled run started on that day by its time; one that starts later closes it as late."""
    place = case.environment(command.environment)
    action, subject = f"record the missed test run of {command.day}", f"environment/{place.name}"
    missed = missed_nights(case.situation, case.policy, case.now)
    if not missed or missed[0][0] != command.day:
        return case.unchanged(action, subject)
    day, expected = missed[0]
    event = happened_there.TestRunMissed(environment=place.name, expected_at=expected, day=day)
    return case.ruled(action, subject, (), None, lambda _: (New(stream=subject, event=event),))


def missed_log_check(place: Environment, policy: Policy, now: datetime) -> datetime | None:
    """When the log check was due that has not been made; None where none is late, or it was recorded."""
    if place.occupant is None or place.logs_from is None:
        return None
    due = place.logs_from + timedelta(minutes=policy.log_check_every_minutes)
    late = now > due + timedelta(minutes=policy.log_check_grace_minutes)
    return due if late and place.logs_missed != due else None


def record_missed_log_check(case: Case, command: RecordMissedLogCheck) -> Ruled:
    """Once for each silence."""
    place = case.environment(command.environment)
    action, subject = f"record the missed log check of {place.name}", f"environment/{place.name}"
    due = missed_log_check(place, case.policy, case.now)
    if due is None or due != command.due_at:
        return case.unchanged(action, subject)
    event = happened_there.LogCheckMissed(environment=place.name, due_at=due)
    return case.ruled(action, subject, (), None, lambda _: (New(stream=subject, event=event),))


def told_silence(case: Case, place: Environment) -> Iterator[New]:
    """That the logs were not checked in time, told before the check that ends the silence."""
    due = missed_log_check(place, case.policy, case.now)
    if due is not None and place.name == case.policy.production:
        event = happened_there.LogCheckMissed(environment=place.name, due_at=due)
        yield New(stream=f"environment/{place.name}", event=event)


def is_overdue(problem: Problem, now: datetime) -> bool:
    """Whether nobody reacted to the problem in time, and this is not told yet."""
    return problem.open and not problem.acknowledged and not problem.overdue and now > problem.react_by


def told_overdue(case: Case, problem: Problem) -> Iterator[New]:
    """That nobody reacted in time, told before the reaction that comes too late."""
    if is_overdue(problem, case.now):
        event = problems.ReactionOverdue(problem=problem.problem, due_at=problem.react_by)
        yield New(stream=f"problem/{problem.problem}", event=event)


def record_overdue_reaction(case: Case, command: RecordOverdueReaction) -> Ruled:
    """Nobody acknowledged the problem in time."""
    problem = case.situation.problems.get(command.problem)
    action, subject = f"record the overdue reaction to {command.problem}", f"problem/{command.problem}"
    if problem is None or not is_overdue(problem, case.now):
        return case.unchanged(action, subject)
    return case.ruled(action, subject, (), None, lambda _: told_overdue(case, problem))


def expire_asked(case: Case, command: ExpireAsked) -> Ruled:
    """No second person came."""
    ask = case.situation.asks.get(command.ask)
    action = f"expire {command.ask}"
    if ask is None or case.now < ask.until:
        return case.unchanged(action, "team")
    event = team.SecondPersonExpired(ask=ask.ask)
    return case.ruled(action, "team", (), None, lambda _: (New(stream="team", event=event),))
