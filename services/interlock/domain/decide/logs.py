"""Deciding about the reading of logs: without a gap, and what was found is a problem of what runs there."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from interlock.domain.commands.environment import CheckLogs
from interlock.domain.decide.aftermath import new_problem
from interlock.domain.decide.case import Case, New, Ruled
from interlock.domain.decide.timely import told_silence
from interlock.domain.errors import InvalidCommand
from interlock.domain.situation import Environment, Problem
from interlock.events.catalogue import environment as happened
from interlock.events.decision import CheckOutcome


def check_logs(case: Case, command: CheckLogs) -> Ruled:
    """The logs were read without a gap; findings are problems at once."""
    place = case.environment(command.environment)
    action, subject = f"check the logs of {place.name}", f"environment/{place.name}"
    if command.until <= command.since:
        raise InvalidCommand("until", "lies not after since")
    if command.until > case.now + timedelta(seconds=2):
        raise InvalidCommand("until", "lies in the future")
    if (command.result == "findings") != (command.findings is not None):
        raise InvalidCommand("findings", "describe them, and only when there are any")
    if command.matches and command.result != "findings":
        raise InvalidCommand("matches", "what was found is findings")
    if len({match.pattern for match in command.matches}) != len(command.matches):
        raise InvalidCommand("matches", "each pattern counts once")
    if place.logs_from is not None and command.until <= place.logs_from:
        return case.unchanged(action, subject)
    gap = place.logs_from is not None and command.since > place.logs_from
    extra = CheckOutcome(
        check="logs-continuous",
        state="failed" if gap else "passed",
        required="no gap since the last check",
        observed=f"checked up to {place.logs_from:%a %H:%M GMT}" if place.logs_from is not None else "first check",
    )
    return case.ruled(action, subject, (), None, lambda _: _checked(case, place, command), extra=[extra])


def _checked(case: Case, place: Environment, command: CheckLogs) -> Iterator[New]:
    subject, last = f"environment/{place.name}", place.last_sure
    release = last.release if last is not None else None
    yield from told_silence(case, place)
    yield New(
        stream=subject,
        event=happened.LogsChecked(
            environment=place.name,
            since=command.since,
            until=command.until,
            result=command.result,
            release=release,
            findings=command.findings,
            report=command.report,
            matches=command.matches,
        ),
    )
    if command.matches:
        yield from _misbehaviour(case, place, command, release)
    elif command.findings is not None:
        name, title = case.new_id("P"), command.findings.partition("\n")[0]
        yield _detected(place, name, command.findings, release)
        yield new_problem(
            case, place.name, title, "log-check", release=release, reporter=case.actor.id, description=command.findings
        )


def _misbehaviour(case: Case, place: Environment, command: CheckLogs, release: str | None) -> Iterator[New]:
    """One problem for each pattern and release: while it is open, the same again is said of it, every hour."""
    offset = 1
    for match in command.matches:
        lines = "1 line" if match.lines == 1 else f"{match.lines} lines"
        told = f"{match.pattern}: {lines}, {command.since:%a %H:%M} to {command.until:%H:%M GMT}"
        known = _known(case, place.name, match.pattern, release)
        yield _detected(place, known.problem if known is not None else case.new_id("P", offset), told, release)
        if known is None:
            yield new_problem(
                case,
                place.name,
                match.pattern,
                "log-check",
                severity=match.severity,
                release=release,
                reporter=case.actor.id,
                description=told,
                offset=offset,
            )
            offset += 1


def _known(case: Case, environment: str, pattern: str, release: str | None) -> Problem | None:
    same = (environment, pattern, "log-check", release)
    return next(
        (
            problem
            for problem in case.situation.problems.values()
            if problem.open and (problem.environment, problem.title, problem.source, problem.release) == same
        ),
        None,
    )


def _detected(place: Environment, problem: str, description: str, release: str | None) -> New:
    event = happened.MisbehaviourDetected(
        environment=place.name, problem=problem, description=description, release=release
    )
    return New(stream=f"environment/{place.name}", event=event)
