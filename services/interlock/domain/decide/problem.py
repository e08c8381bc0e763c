"""Deciding about problems: report, acknowledge, resolve, dismiss, reopen."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from interlock.domain.commands.problem import (
    AcknowledgeProblem,
    DismissProblem,
    ReopenProblem,
    ReportProblem,
    ResolveProblem,
)
from interlock.domain.decide.aftermath import new_problem
from interlock.domain.decide.case import Case, New, Ruled
from interlock.domain.decide.timely import told_overdue
from interlock.domain.situation import Problem
from interlock.events.catalogue import problem as happened


def stream_of(problem: str) -> str:
    """The stream of a problem's events."""
    return f"problem/{problem}"


def report(case: Case, command: ReportProblem) -> Ruled:
    """It concerns the release that runs where it was seen, unless another one is named."""
    place = case.environment(command.environment)
    action, last = f"report a problem in {place.name}", place.last_sure
    release = command.release or (last.release if last is not None else None)
    if command.release is not None:
        case.release(command.release)
    for known in case.situation.problems.values():
        if known.open and (known.environment, known.title, known.reporter, known.release) == (
            place.name,
            command.title,
            case.actor.id,
            release,
        ):
            return case.unchanged(action, stream_of(known.problem))
    new = new_problem(
        case,
        place.name,
        command.title,
        "person",
        severity=command.severity,
        release=release,
        description=command.description,
        reporter=case.actor.id,
    )
    return case.ruled(action, new.stream, (), None, lambda _: (new,))


def acknowledge(case: Case, command: AcknowledgeProblem) -> Ruled:
    """Somebody looks after it."""
    problem = case.problem(command.problem)
    action, subject = f"acknowledge {problem.problem}", stream_of(problem.problem)
    if problem.acknowledged or not problem.open:
        return case.unchanged(action, subject)
    event = happened.ProblemAcknowledged(problem=problem.problem)
    return case.ruled(action, subject, (), None, lambda _: _late_or_not(case, problem, event))


def _late_or_not(case: Case, problem: Problem, event: object) -> Iterator[New]:
    yield from told_overdue(case, problem)
    yield New(stream=stream_of(problem.problem), event=event)


def resolve(case: Case, command: ResolveProblem) -> Ruled:
    """By nobody whose release it blocks or fixes; a failed deploy's only once production is sure."""
    problem = case.problem(command.problem)
    action, subject = f"resolve {problem.problem}", stream_of(problem.problem)
    if not problem.open:
        return case.unchanged(action, subject)
    if command.fixed_by_release is not None:
        case.release(command.fixed_by_release)
    asked = case.asked(problem.environment, problem=problem.problem, target=command.fixed_by_release)
    event = happened.ProblemResolved(
        problem=problem.problem, how=command.how, fixed_by_release=command.fixed_by_release
    )
    return case.ruled(
        action,
        subject,
        ("resolver-independent", "production-sure"),
        asked,
        lambda _: _late_or_not(case, problem, event),
    )


def dismiss(case: Case, command: DismissProblem) -> Ruled:
    """It was none; the same persons may say so as may resolve it."""
    problem = case.problem(command.problem)
    action, subject = f"dismiss {problem.problem}", stream_of(problem.problem)
    if not problem.open:
        return case.unchanged(action, subject)
    asked = case.asked(problem.environment, problem=problem.problem)
    event = happened.ProblemDismissed(problem=problem.problem, reason=command.reason)
    return case.ruled(
        action,
        subject,
        ("resolver-independent", "production-sure"),
        asked,
        lambda _: _late_or_not(case, problem, event),
    )


def reopen(case: Case, command: ReopenProblem) -> Ruled:
    """It is there again."""
    problem = case.problem(command.problem)
    action, subject = f"reopen {problem.problem}", stream_of(problem.problem)
    if problem.open:
        return case.unchanged(action, subject)
    rule = case.policy.environment(problem.environment)
    minutes = rule.react_minutes if rule is not None else 1
    event = happened.ProblemReopened(
        problem=problem.problem,
        reason=command.reason,
        environment=problem.environment,
        title=problem.title,
        severity=problem.severity,
        source=problem.source,
        react_by=case.now + timedelta(minutes=minutes),
        release=problem.release,
        failed_deploy=problem.failed_deploy,
    )
    return case.ruled(action, subject, (), None, lambda _: (New(stream=subject, event=event),))
