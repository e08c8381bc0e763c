"""Production's deployments, which of them failed, and what mended those: from production's events alone.

A pure function of the events, in order. It never fails on what was recorded, also on what no rule would allow today.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from interlock.events.catalogue import environment as env
from interlock.events.catalogue import problem as prob
from interlock.events.catalogue import release as rel
from interlock.events.envelope import Recorded

Outcome = Literal["running", "succeeded", "failed", "unchanged", "lost"]


@dataclass(slots=True)
class Failure:
    """Why a deployment needed intervention, since when, and what ended it.

    `because` is "the deploy failed", "nobody knows how it ended", or the problems' names; `events` are positions.
    """

    because: str
    at: datetime
    position: int
    recovered_at: datetime | None = None
    recovered_position: int | None = None
    recovered_by: str | None = None
    events: tuple[int, ...] = ()


@dataclass(slots=True)
class Deployment:
    """One deploy or rollback in production, from its start; `at` and `position` are those of its end."""

    deploy: str
    release: str
    content_digest: str
    intent: str
    started_at: datetime
    started_position: int
    in_window: bool
    problem: str | None = None
    hotfix: bool = False
    outcome: Outcome = "running"
    at: datetime | None = None
    position: int = 0
    failure: Failure | None = None
    # The releases and the problems of what was started to mend it.
    menders: set[str] = field(default_factory=set)
    mended_for: dict[str, Recorded[Any]] = field(default_factory=dict)

    @property
    def counts(self) -> bool:
        """Whether production was changed by it, as far as anybody knows."""
        return self.outcome in {"succeeded", "failed", "lost"}

    @property
    def rework(self) -> bool:
        """Whether it happened because of a problem in production."""
        return self.intent == "rollback" or self.hotfix or self.problem is not None

    def end(self, outcome: Outcome, recorded: Recorded[Any]) -> None:
        """It is over, by this event."""
        self.outcome, self.at, self.position = outcome, recorded.recorded_at, recorded.position


def deployments(
    events: Iterable[Recorded[Any]], environment: str, hotfixes: Mapping[str, str | None]
) -> list[Deployment]:
    """Return the deployments of `environment` in order of their start, each with its failure where it failed.

    `events` are all deploys', problems' and confirmations' of the environment, in order; `hotfixes` are the releases
    that are hotfixes, each with its problem.
    """
    known = [recorded for recorded in events if getattr(recorded.event, "environment", None) == environment]
    found = _started_and_ended(known, hotfixes)
    _find_failures(found, _reports(known), [each for each in known if _confirms(each.event)])
    return found


def _started_and_ended(known: Iterable[Recorded[Any]], hotfixes: Mapping[str, str | None]) -> list[Deployment]:
    by_name: dict[str, Deployment] = {}
    for recorded in known:
        event = recorded.event
        match event:
            case rel.DeployStarted():
                by_name[event.deploy] = Deployment(
                    deploy=event.deploy,
                    release=event.release,
                    content_digest=event.content_digest,
                    intent=event.intent,
                    started_at=recorded.recorded_at,
                    started_position=recorded.position,
                    in_window=any(
                        check.check == "release-window" and check.state == "passed" for check in event.decision.checks
                    ),
                    problem=event.problem or hotfixes.get(event.release),
                    hotfix=event.release in hotfixes,
                )
            case rel.DeploySucceeded() if event.deploy in by_name:
                by_name[event.deploy].end("succeeded", recorded)
            case rel.DeployFailed() if event.deploy in by_name:
                left = "unchanged" if event.environment_left == "unchanged" else "failed"
                by_name[event.deploy].end(left, recorded)  # type: ignore[arg-type]
            case env.EnvironmentUnsure():
                for each in by_name.values():
                    if each.outcome == "running":
                        each.end("lost", recorded)
            case _:
                pass
    return list(by_name.values())


def _reports(known: Iterable[Recorded[Any]]) -> dict[str, list[Recorded[Any]]]:
    """Return the reports of each problem, also of its return, in order."""
    found: dict[str, list[Recorded[Any]]] = {}
    for recorded in known:
        if isinstance(recorded.event, prob.ProblemReported | prob.ProblemReopened):
            found.setdefault(recorded.event.problem, []).append(recorded)
    return found


def _confirms(event: Any) -> bool:
    return isinstance(event, env.EnvironmentConfirmed)


def _find_failures(
    found: list[Deployment], reports: Mapping[str, list[Recorded[Any]]], confirmed: list[Recorded[Any]]
) -> None:
    for mender in found:
        before = [each for each in found if each is not mender and _ended_before(each, mender.started_position)]
        report = _last_report(reports, mender)
        broken = None if report is None else _concerned(before, report)
        if broken is not None and report is not None:
            broken.menders.add(mender.release)
            broken.mended_for.setdefault(report.event.problem, report)
    for each in found:
        if each.outcome in {"failed", "lost"}:
            _failed_by_itself(each, found, confirmed)
        elif each.outcome == "succeeded" and each.mended_for:
            _failed_afterwards(each, found)


def _ended_before(each: Deployment, position: int) -> bool:
    return each.counts and each.position < position


def _last_report(reports: Mapping[str, list[Recorded[Any]]], mender: Deployment) -> Recorded[Any] | None:
    """Return the last report, before it was started, of the problem that it was started for."""
    told = reports.get(mender.problem or "", ())
    return next((each for each in reversed(told) if each.position < mender.started_position), None)


def _concerned(before: list[Deployment], report: Recorded[Any]) -> Deployment | None:
    """Return the deployment that brought what the problem concerns; None where that was there before Interlock."""
    problem = report.event
    if problem.failed_deploy is not None:
        return next((each for each in before if each.deploy == problem.failed_deploy), None)
    if problem.release is None:
        return None
    return next((each for each in reversed(before) if each.release == problem.release), None)


def _failed_by_itself(each: Deployment, found: list[Deployment], confirmed: list[Recorded[Any]]) -> None:
    assert each.at is not None
    because = "the deploy failed" if each.outcome == "failed" else "nobody knows how it ended"
    each.failure = failure = Failure(because, each.at, each.position, events=(each.position,))
    ends = [
        (later.position, later.at, later.deploy)
        for later in found
        if later.outcome == "succeeded" and later.position > each.position
    ]
    ends += [(recorded.position, recorded.recorded_at, "confirmed by two persons") for recorded in confirmed]
    _recovered(failure, ends)


def _failed_afterwards(each: Deployment, found: list[Deployment]) -> None:
    assert each.at is not None
    names = sorted(each.mended_for)
    first = min(each.mended_for.values(), key=lambda report: report.position)
    # A problem may be older than what was deployed again because of it; that failed when it was there.
    at, position = max((first.recorded_at, first.position), (each.at, each.position))
    each.failure = failure = Failure(
        ", ".join(names), at, position, events=tuple(sorted({each.position, first.position}))
    )
    ends = [
        (later.position, later.at, later.deploy)
        for later in found
        if later.outcome == "succeeded"
        and later.position > each.position
        and (later.problem in each.mended_for or later.release in each.menders)
    ]
    _recovered(failure, ends)


def _recovered(failure: Failure, ends: list[tuple[int, datetime | None, str]]) -> None:
    later = sorted(end for end in ends if end[0] > failure.position)
    if later:
        failure.recovered_position, failure.recovered_at, failure.recovered_by = later[0]
        failure.events = (*failure.events, later[0][0])
