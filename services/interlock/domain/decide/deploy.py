"""Deciding about deploys that run: start and report, with everything that follows by itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

from interlock.domain import windows
from interlock.domain.checks import Asked
from interlock.domain.commands.deploy import (
    ReportDeployFailed,
    ReportDeploySucceeded,
    StartDeploy,
)
from interlock.domain.decide.aftermath import failed_production_deploy, observed_late, reached_production, reopened
from interlock.domain.decide.case import Case, New, Ruled
from interlock.domain.decide.environment import stream_of as environment_stream
from interlock.domain.decide.leases import granted, released
from interlock.domain.decide.release import stream_of
from interlock.domain.decide.request import deploy_asked, linked_name
from interlock.domain.errors import InvalidCommand, NotFound
from interlock.domain.evolve.deploy import carried_by
from interlock.domain.gates import deploy_gate
from interlock.domain.situation import DeployRequest, Environment
from interlock.events.catalogue import environment as happened_there
from interlock.events.catalogue import release as happened
from interlock.events.decision import CheckOutcome, Decision
from interlock.events.fact import replace


def start_deploy(case: Case, command: StartDeploy) -> Ruled:
    """All checks run again, on what the runner found; then the environment is held and the deploy runs."""
    request = case.situation.requests.get(command.deploy)
    running = _running(case, command.deploy)
    if request is None:
        if running is not None and running.deploy is not None and running.deploy.started_by == case.actor.id:
            return case.unchanged(f"start {command.deploy}", stream_of(running.deploy.release))
        raise NotFound("requested deploy", command.deploy)
    if request.release != command.release:
        raise InvalidCommand("release", f"{command.deploy} is a deploy of {request.release}")
    asked = _start_asked(case, request, command)
    action = f"start {request.deploy}: {request.intent} {request.release} to {request.environment}"
    checks = ("reported-by-runner", *deploy_gate(asked))
    return case.ruled(
        action,
        stream_of(request.release),
        checks,
        asked,
        lambda decision: _started(case, request, asked, decision),
        extra=[_unexpired(case, request)],
    )


def _unexpired(case: Case, request: DeployRequest) -> CheckOutcome:
    """A request that is over is over at its moment, whether somebody has said so yet or not."""
    over = case.now >= request.expires_at
    again = f"dt deploy {request.release} {request.environment}"
    if request.intent == "rollback":
        again = f"dt rollback {request.environment} --problem {request.problem}"
    return CheckOutcome(
        check="request-unexpired",
        state="failed" if over else "passed",
        required="a request that is not over",
        observed="its time is over" if over else "in time",
        until=request.expires_at,
        next=again if over else None,
    )


def _start_asked(case: Case, request: DeployRequest, command: StartDeploy) -> Asked:
    more: dict[str, Any] = {
        "starting": True, "observed": command.observed, "requester": request.requested_by, "request": request,
        "problem": request.problem, "hand": "deploy",
    }  # fmt: skip
    if request.intent != "rollback":
        release = case.release(request.release)
        return deploy_asked(case, release, request.environment, content=request.content, **more)
    asked = case.asked(
        request.environment,
        case.situation.releases.get(request.release),
        intent="rollback",
        content=request.content,
        target=request.release,
        problem_must_be_open=True,
        **more,
    )
    return replace(asked, second=request.second_person)


def _started(case: Case, request: DeployRequest, asked: Asked, decision: Decision) -> Iterator[New]:
    place, observed = asked.place, asked.observed
    assert observed is not None
    lease, token = case.new_id("L"), place.token + 1
    last = place.last_sure
    yield granted(case, place, "deploy", f"deploy {request.deploy}", observed, request.release)
    yield New(
        stream=stream_of(request.release),
        event=happened.DeployStarted(
            deploy=request.deploy,
            release=request.release,
            environment=place.name,
            content_digest=request.content,
            intent=asked.intent or request.intent,
            lease=lease,
            fencing_token=token,
            executor=case.actor.id,
            decision=decision,
            purpose=asked.rule.purpose,
            replaced_release=last.release if last else None,
            replaced_digest=last.content if last else None,
            problem=linked_name(asked),
        ),
    )


def _running(case: Case, deploy: str) -> Environment | None:
    for environment in case.situation.environments.values():
        if environment.deploy is not None and environment.deploy.deploy == deploy:
            return environment
    return None


def _lost(case: Case, deploy: str) -> Environment | None:
    for environment in case.situation.environments.values():
        if deploy in environment.lost:
            return environment
    return None


def _finished(case: Case, report: str) -> bool:
    return any(report in environment.finished for environment in case.situation.environments.values())


def _place_of(case: Case, deploy: str) -> Environment:
    """Where the deploy ran or runs. Raises NotFound."""
    running = _running(case, deploy) or _lost(case, deploy)
    if running is not None:
        return running
    for environment in case.situation.environments.values():
        if any(report.split()[0] == deploy for report in environment.finished):
            return environment
    raise NotFound("deploy that was started", deploy)


def report_succeeded(case: Case, command: ReportDeploySucceeded) -> Ruled:
    """The executor's report; one that comes too late is no success, but something that happened."""
    action, subject = f"report {command.deploy} succeeded", stream_of(command.release)
    if _finished(case, f"{command.deploy} succeeded"):
        return case.unchanged(action, subject)
    place = _place_of(case, command.deploy)
    _check_release(place, command.release)
    if _is_late(case, place, command.deploy):
        return _late(case, place, command, "done")
    deploy = place.deploy
    if deploy is not None and deploy.content != command.observed_digest:
        other = ReportDeployFailed(
            release=command.release,
            deploy=command.deploy,
            fencing_token=command.fencing_token,
            phase="verify",
            error="the content found there is another one",
            environment_left="other",
            observed_digest=command.observed_digest,
            log=command.log,
            happened_at=command.happened_at,
        )
        return _failed(case, place, other)

    def effect(_: Decision) -> Iterator[New]:
        assert deploy is not None
        yield from _succeeded(case, place, command)
        yield released(place)
        if deploy.purpose == "production":
            yield from reached_production(case, deploy)
            if deploy.intent == "rollback":
                yield from reopened(case, place, deploy)

    return _report(case, place, command.deploy, command.fencing_token, action, effect)


def _late(
    case: Case, place: Environment, command: ReportDeploySucceeded | ReportDeployFailed, said: Literal["done", "failed"]
) -> Ruled:
    description = f"{command.deploy} of {command.release} was reported as {said} after its lease was over"
    return observed_late(
        case, place, "deploy", command.deploy, description, command.observed_digest, command.happened_at
    )


def _report(case: Case, place: Environment, deploy: str, token: int, action: str, effect: Any) -> Ruled:
    release = place.deploy.release if place.deploy is not None else ""
    asked = case.asked(
        place.name, case.situation.releases.get(release), token=token, lease=f"deploy {deploy}", hand="deploy"
    )
    return case.ruled(action, stream_of(release), ("reported-by-runner", "lease-held"), asked, effect)


def _check_release(place: Environment, release: str) -> None:
    if place.deploy is not None and place.deploy.release != release:
        raise InvalidCommand("release", f"{place.deploy.deploy} is a deploy of {place.deploy.release}")


def _is_late(case: Case, place: Environment, deploy: str) -> bool:
    if place.deploy is None or place.deploy.deploy != deploy:
        return deploy in place.lost
    return place.lease is None or case.now >= place.lease.expires_at


def _succeeded(case: Case, place: Environment, command: ReportDeploySucceeded) -> Iterator[New]:
    deploy = place.deploy
    assert deploy is not None
    rule = case.policy.environment(place.name)
    past = case.past(command.happened_at)
    outside = rule is not None and not windows.is_open(rule, past or case.now)
    if command.migrations and command.schema_digest is not None:
        yield New(
            stream=environment_stream(place.name),
            event=happened_there.MigrationsApplied(
                environment=place.name,
                release=deploy.release,
                deploy=deploy.deploy,
                migrations=command.migrations,
                schema_after=command.schema_digest,
            ),
            occurred_at=past,
        )
    yield New(
        stream=stream_of(deploy.release),
        event=happened.DeploySucceeded(
            deploy=deploy.deploy,
            release=deploy.release,
            environment=place.name,
            content_digest=deploy.content,
            intent=deploy.intent,
            observed_digest=command.observed_digest,
            finished_outside_window=outside,
            schema_digest=command.schema_digest,
            fixes=carried_by(case.situation, deploy)[0],
            log=command.log,
        ),
        occurred_at=past,
    )


def report_failed(case: Case, command: ReportDeployFailed) -> Ruled:
    """The executor's report of a failure; `unchanged` gives the environment back as it was."""
    action, subject = f"report {command.deploy} failed", stream_of(command.release)
    if _finished(case, f"{command.deploy} failed"):
        return case.unchanged(action, subject)
    place = _place_of(case, command.deploy)
    _check_release(place, command.release)
    if _is_late(case, place, command.deploy):
        return _late(case, place, command, "failed")
    return _failed(case, place, command)


def _failed(case: Case, place: Environment, command: ReportDeployFailed) -> Ruled:
    deploy, phase, left = place.deploy, command.phase, command.environment_left

    def effect(_: Decision) -> Iterator[New]:
        assert deploy is not None
        yield New(
            stream=stream_of(deploy.release),
            event=happened.DeployFailed(
                deploy=deploy.deploy,
                release=deploy.release,
                environment=place.name,
                content_digest=deploy.content,
                phase=phase,
                error=command.error,
                environment_left=left,
                observed_digest=command.observed_digest,
                log=command.log,
            ),
            occurred_at=case.past(command.happened_at),
        )
        if left != "unchanged":
            cause = f"{deploy.deploy} of {deploy.release} failed in {phase}, and left the environment {left}"
            yield New(
                stream=environment_stream(place.name),
                event=happened_there.EnvironmentUnsure(environment=place.name, cause=cause),
            )
        yield released(place)
        if deploy.purpose == "production":
            yield from failed_production_deploy(case, place, deploy.release, deploy.deploy)

    return _report(case, place, command.deploy, command.fencing_token, f"report {command.deploy} failed", effect)
