"""What follows by itself from a deploy's end, and from what came too late or was not asked for."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Literal

from interlock.domain.decide.case import Case, New, Ruled
from interlock.domain.evolve.deploy import fixes_of_leaving
from interlock.domain.evolve.environment import fingerprint
from interlock.domain.situation import Deploy, Environment, Lease
from interlock.events.catalogue import adjustment as happened_to_data
from interlock.events.catalogue import environment as happened_there
from interlock.events.catalogue import problem as problems
from interlock.events.catalogue import release as happened
from interlock.events.values import Severity

Source = problems.ProblemSource


def new_problem(
    case: Case,
    environment: str,
    title: str,
    source: Source,
    *,
    severity: Severity = "high",
    release: str | None = None,
    failed_deploy: str | None = None,
    description: str | None = None,
    reporter: str | None = None,
    offset: int = 1,
) -> New:
    """A problem with the reaction time that the policy gives this environment."""
    rule = case.policy.place(environment)
    minutes = rule.react_minutes if rule is not None else 1
    name = case.new_id("P", offset)
    return New(
        stream=f"problem/{name}",
        event=problems.ProblemReported(
            problem=name,
            environment=environment,
            title=title[:300],
            severity=severity,
            source=source,
            react_by=case.now + timedelta(minutes=minutes),
            release=release,
            failed_deploy=failed_deploy,
            description=description,
            reporter=reporter,
        ),
    )


def failed_production_deploy(case: Case, place: Environment, release: str, deploy: str) -> Iterator[New]:
    """A failed production deploy is a problem; a retry that fails again is the same one."""
    for problem in case.situation.problems.values():
        if problem.open and problem.failed_deploy is not None and problem.release == release:
            return
    yield new_problem(
        case,
        place.name,
        f"the deploy of {release} failed",
        "failed-deploy",
        severity="critical",
        release=release,
        failed_deploy=deploy,
    )


def reached_production(case: Case, deploy: Deploy) -> Iterator[New]:
    """The release is completed, and open ones whose commits it contains are superseded."""
    release = case.situation.releases.get(deploy.release)
    if release is None or deploy.intent == "rollback":
        return
    if release.open:
        yield New(stream=f"release/{release.name}", event=happened.ReleaseCompleted(deploy=deploy.deploy))
    contains = release.content.contains if release.content is not None else frozenset()
    for other in case.situation.releases.values():
        if other.open and other.name in contains and other.name != release.name:
            stream = f"release/{other.name}"
            for request in case.situation.requests.values():
                if request.release == other.name:
                    yield New(
                        stream=stream,
                        event=happened.DeployCancelled(
                            deploy=request.deploy,
                            release=other.name,
                            environment=request.environment,
                            reason=f"superseded by {release.name}",
                        ),
                    )
            yield New(stream=stream, event=happened.ReleaseSuperseded(by=release.name))


def reopened(case: Case, place: Environment, deploy: Deploy) -> Iterator[New]:
    """A rollback reopens what the releases that it takes out had fixed."""
    for name in fixes_of_leaving(case.situation, place, deploy.content):
        problem = case.situation.problems.get(name)
        if problem is None or problem.open:
            continue
        rule = case.policy.environment(problem.environment)
        minutes = rule.react_minutes if rule is not None else 1
        yield New(
            stream=f"problem/{name}",
            event=problems.ProblemReopened(
                problem=name,
                reason=f"{place.name} was rolled back to {deploy.release}",
                environment=problem.environment,
                title=problem.title,
                severity=problem.severity,
                source=problem.source,
                react_by=case.now + timedelta(minutes=minutes),
                release=problem.release,
                failed_deploy=problem.failed_deploy,
            ),
        )


def observed_late(
    case: Case,
    place: Environment,
    kind: Literal["deploy", "restore", "migration", "adjustment", "erase", "other"],
    source: str,
    description: str,
    digest: str | None,
    happened_at: datetime | None = None,
) -> Ruled:
    """It happened, so it is recorded; but it proves nothing, opens a problem and makes the environment unsure."""
    action, subject = f"observe a {kind} in {place.name}", f"environment/{place.name}"
    if fingerprint(kind, source, description) in place.late_reports:
        return case.unchanged(action, subject)

    def effect(_: object) -> Iterator[New]:
        offset = 1
        if place.lease is not None and case.now >= place.lease.expires_at and source in place.lease.activity.split():
            for new in lease_lost(case, place, expired=True):
                yield new
                offset += isinstance(new.event, problems.ProblemReported)
        name = case.new_id("P", offset)
        yield New(
            stream=subject,
            event=happened_there.FactObserved(
                environment=place.name,
                kind=kind,
                source=source,
                description=description,
                observed_digest=digest,
                problem=name,
            ),
            occurred_at=case.past(happened_at),
        )
        yield New(stream=subject, event=happened_there.EnvironmentUnsure(environment=place.name, cause=description))
        release = place.last_sure.release if place.last_sure is not None else None
        yield new_problem(case, place.name, description, "observation", release=release, offset=offset)

    asked = case.asked(place.name)
    return case.ruled(action, subject, (), asked, effect)


def lease_lost(case: Case, place: Environment, *, expired: bool, reason: str = "") -> Iterator[New]:
    """A lease ended without a report: a test run is aborted; after anything else nobody knows what is there."""
    lease = place.lease
    if lease is None:
        return
    stream = f"environment/{place.name}"
    if expired:
        yield New(stream=stream, event=happened_there.LeaseExpired(environment=place.name, lease=lease.lease))
    else:
        yield New(
            stream=stream, event=happened_there.LeaseBroken(environment=place.name, lease=lease.lease, reason=reason)
        )
    word = "expired" if expired else "was broken"
    if lease.kind == "test-run":
        if place.run is not None:
            yield New(
                stream=stream,
                event=happened_there.TestRunAborted(
                    environment=place.name, run=place.run.run, reason=f"its lease {word}"
                ),
            )
        return
    if lease.kind == "adjustment":
        yield from _adjustment_lost(case, place, lease, f"its lease {word}")
        return
    cause = f"the lease of {lease.subject} {word}"
    yield New(stream=stream, event=happened_there.EnvironmentUnsure(environment=place.name, cause=cause))
    deploy = place.deploy
    if deploy is not None and deploy.purpose == "production":
        yield from failed_production_deploy(case, place, deploy.release, deploy.deploy)
        return
    release = deploy.release if deploy is not None else (place.last_sure.release if place.last_sure else None)
    yield new_problem(case, place.name, cause, "lease", release=release)


def _adjustment_lost(case: Case, place: Environment, lease: Lease, error: str) -> Iterator[New]:
    """Only an execution whose commit was decided may have changed anything; all else is rolled back by its runner."""
    adjustment = case.situation.adjustments.get(lease.adjustment or "")
    if adjustment is None:
        return
    stream, attempt = f"adjustment/{adjustment.adjustment}", adjustment.attempt
    if attempt is None or attempt.lease != lease.lease:
        failed = happened_to_data.DataAdjustRehearsalFailed(
            adjustment=adjustment.adjustment,
            environment=place.name,
            bound_digest=adjustment.bound_digest,
            lease=lease.lease,
            error=error,
        )
        yield New(stream=stream, event=failed)
    elif attempt.started is None:
        rolled_back = happened_to_data.DataAdjustFailed(
            adjustment=adjustment.adjustment, transaction="rolled_back", error=error
        )
        yield New(stream=stream, event=rolled_back)
    else:
        yield from unknown_outcome(case, place, adjustment.adjustment, error, "lease")


def unknown_outcome(case: Case, place: Environment, adjustment: str, error: str, source: Source) -> Iterator[New]:
    """It may have been committed: a problem in production, which nobody is sure about until two persons say so."""
    cause = f"nobody knows whether {adjustment} was committed: {error}"[:300]
    yield New(
        stream=f"adjustment/{adjustment}",
        event=happened_to_data.DataAdjustFailed(adjustment=adjustment, transaction="unknown", error=error),
    )
    yield New(
        stream=f"environment/{place.name}",
        event=happened_there.EnvironmentUnsure(environment=place.name, cause=cause),
    )
    release = place.last_sure.release if place.last_sure is not None else None
    yield new_problem(case, place.name, cause, source, severity="critical", release=release)
