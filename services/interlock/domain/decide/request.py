"""Deciding about deploys that are asked for: request, roll back, cancel, and what time brings a request."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from interlock.domain.checks import Asked
from interlock.domain.checks.production import chosen_target, linked_problem, rollback_candidates
from interlock.domain.commands.deploy import (
    CancelDeploy,
    RequestDeploy,
    RequestRollback,
)
from interlock.domain.commands.timely import SettleDeployRequest
from interlock.domain.decide.case import Case, New, Ruled
from interlock.domain.decide.environment import stream_of as environment_stream
from interlock.domain.decide.release import stream_of
from interlock.domain.errors import NotFound
from interlock.domain.gates import deploy_gate
from interlock.domain.situation import DeployRequest, Release
from interlock.events.catalogue import release as happened
from interlock.events.decision import Decision
from interlock.events.fact import replace


def deploy_asked(case: Case, release: Release, environment: str, **more: Any) -> Asked:
    """What a deploy of the release's present content is: a promotion, a redeploy, or a retry of either."""
    place = case.situation.environment(environment)
    digest = release.content.digest if release.content is not None else None
    content = more.pop("content", None) or digest
    # Two persons may state that something is there; that Interlock let it in, only a deploy of it can show.
    there = (
        place.occupant is not None
        and place.occupant.deploy is not None
        and (place.occupant.release, place.occupant.content) == (release.name, content)
    )
    work = place.unsure.retriable if place.unsure is not None else None
    retries = (
        work is not None
        and work.kind == "deploy"
        and work.intent != "rollback"
        and (work.release, work.content) == (release.name, content)
    )
    intent = "redeploy" if there else "promote"
    if retries and work is not None and work.intent is not None:
        intent = work.intent
    return case.asked(environment, release, intent=intent, content=content, attempt=work if retries else None, **more)


def request_deploy(case: Case, command: RequestDeploy) -> Ruled:
    """A request reserves nothing; with `at_window` it may wait where the window alone is missing."""
    release = case.release(command.release)
    case.environment(command.environment)
    action = f"deploy {release.name} to {command.environment}"
    asked = deploy_asked(case, release, command.environment, problem=command.problem, requester=case.actor.id)
    if _waits(case, release.name, asked, at_window=command.at_window):
        return case.unchanged(action, stream_of(release.name))
    plain_answer = case.ruled(
        action,
        stream_of(release.name),
        deploy_gate(asked),
        asked,
        lambda decision: (_requested(case, asked, decision, wait=False),),
    )
    missing = plain_answer.decision.missing
    if command.at_window and missing and all(o.check == "release-window" and o.state == "waiting" for o in missing):
        decision = replace(plain_answer.decision, result="allowed")
        return replace(plain_answer, decision=decision, facts=(_requested(case, asked, decision, wait=True),))
    return plain_answer


def _waits(case: Case, release: str, asked: Asked, *, at_window: bool = False) -> bool:
    """Whether the same request, or one that waits for the window too, was made before and is not over."""
    wanted = (release, asked.environment, asked.content, asked.intent)
    return any(
        (request.release, request.environment, request.content, request.intent) == wanted
        and request.at_window >= at_window
        and case.now < request.expires_at
        for request in case.situation.requests.values()
    )


def _requested(case: Case, asked: Asked, decision: Decision, *, wait: bool) -> New:
    release = asked.subject
    limit = case.now + timedelta(minutes=asked.policy.request_life_minutes)
    window = next((outcome for outcome in decision.checks if outcome.check == "release-window"), None)
    ready_from = None
    if window is not None and window.until is not None:
        # A request lives as long as its window, the one that it waits for or the one that is open.
        limit = window.until if wait else min(limit, window.until)
        ready_from = window.passes_at if wait else None
    return New(
        stream=stream_of(release.name),
        event=happened.DeployRequested(
            deploy=case.new_id("D"),
            release=release.name,
            environment=asked.environment,
            content_digest=asked.content or "",
            intent=asked.intent or "promote",
            at_window=wait,
            expires_at=limit,
            decision=decision,
            ready_from=ready_from,
            problem=linked_name(asked),
        ),
    )


def linked_name(asked: Asked) -> str | None:
    """The open problem that `problem-linked` accepts: what lets a deploy go is what its events name."""
    problem = linked_problem(asked)
    return problem.problem if problem is not None else None


def request_rollback(case: Case, command: RequestRollback) -> Ruled:
    """Back to the last sure occupant; further back takes a second person."""
    case.environment(command.environment)
    asked = case.asked(
        command.environment,
        intent="rollback",
        problem=command.problem,
        target=command.release,
        problem_must_be_open=True,
        requester=case.actor.id,
    )
    target = chosen_target(asked)
    name = target.release if target is not None else command.release or "the one before"
    action = f"roll {command.environment} back to {name}"
    subject = stream_of(name) if target is not None else environment_stream(command.environment)
    if target is not None and _waits(case, target.release, replace(asked, content=target.content)):
        return case.unchanged(action, subject)

    def effect(decision: Decision) -> Iterator[New]:
        if target is None:
            return
        event = happened.DeployRequested(
            deploy=case.new_id("D"),
            release=target.release,
            environment=command.environment,
            content_digest=target.content,
            intent="rollback",
            at_window=False,
            expires_at=case.now + timedelta(minutes=case.policy.request_life_minutes),
            decision=decision,
            problem=command.problem,
            second_person=case.actor.id if case.asker is not None else None,
        )
        yield from case.confirmation()
        yield New(stream=subject, event=event)

    candidates = rollback_candidates(asked)
    if target is not None and candidates and target is not candidates[0]:
        if case.asker is None:
            asked = replace(asked, second=case.actor.id)
        return case.two_persons(action, subject, deploy_gate(asked), asked, effect)
    return case.ruled(action, subject, deploy_gate(asked), asked, effect)


def cancel_deploy(case: Case, command: CancelDeploy) -> Ruled:
    """A request is taken back before its start."""
    request = case.situation.requests.get(command.deploy)
    if request is None or request.release != command.release:
        raise NotFound("requested deploy", command.deploy)
    event = happened.DeployCancelled(
        deploy=request.deploy, release=request.release, environment=request.environment, reason=command.reason
    )
    return case.ruled(
        f"cancel {request.deploy}",
        stream_of(request.release),
        (),
        None,
        lambda _: (New(stream=stream_of(request.release), event=event),),
    )


def settle_request(case: Case, command: SettleDeployRequest) -> Ruled:
    """What time brings a request: its window opens, and everything is decided anew, or its life is over."""
    request = case.situation.requests.get(command.deploy)
    action, subject = f"settle {command.deploy}", stream_of(command.release)
    if request is None:
        return case.unchanged(action, subject)
    if case.now >= request.expires_at:
        expired = happened.DeployExpired(
            deploy=request.deploy, release=request.release, environment=request.environment
        )
        return case.ruled(action, subject, (), None, lambda _: (New(stream=subject, event=expired),))
    if not waits_no_more(request, case.now):
        return case.unchanged(action, subject)
    return case.ruled(action, subject, (), None, lambda _: (_at_opening(case, request),))


def waits_no_more(request: DeployRequest, now: datetime) -> bool:
    """Whether the window that the request waits for has opened, and nobody has settled it yet."""
    return request.at_window and not request.ready and request.ready_from is not None and now >= request.ready_from


def _at_opening(case: Case, request: DeployRequest) -> New:
    release = case.release(request.release)
    asked = deploy_asked(
        case,
        release,
        request.environment,
        content=request.content,
        problem=request.problem,
        requester=request.requested_by,
    )
    action = f"deploy {request.release} to {request.environment}"
    again = Case(
        situation=case.situation,
        command=RequestDeploy(release=release.name, environment=request.environment),
        actor=_requester(case, request),
        now=case.now,
    )
    decision = again.ruled(action, stream_of(release.name), deploy_gate(asked), asked, lambda _: ()).decision
    if decision.allowed:
        ready = happened.DeployReady(
            deploy=request.deploy, release=request.release, environment=request.environment, decision=decision
        )
        return New(stream=stream_of(request.release), event=ready)
    missing = ", ".join(outcome.check for outcome in decision.missing)
    cancelled = happened.DeployCancelled(
        deploy=request.deploy,
        release=request.release,
        environment=request.environment,
        reason=f"when the window opened, this was missing: {missing}",
        decision=decision,
    )
    return New(stream=stream_of(request.release), event=cancelled)


def _requester(case: Case, request: DeployRequest) -> Any:
    principal = case.situation.team.principals.get(request.requested_by)
    return replace(case.actor, id=request.requested_by, kind=principal.kind if principal is not None else "person")
