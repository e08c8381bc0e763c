"""What a deploy does to the environment that it goes into."""

from __future__ import annotations

from typing import Any

from interlock.domain.evolve.parts import (
    counted,
    forget,
    leaving,
    left_digests,
    with_environment,
    with_release,
    without,
)
from interlock.domain.evolve.release import on_release
from interlock.domain.situation import (
    OCCUPANTS_KEPT_MAX,
    REPORTS_KEPT_MAX,
    Content,
    Deploy,
    DeployRequest,
    Environment,
    Occupant,
    ProductionMark,
    Rehearsal,
    Situation,
    Unsure,
    Work,
)
from interlock.events.catalogue import release as happened
from interlock.events.catalogue.parts import Migration
from interlock.events.envelope import Recorded
from interlock.events.fact import replace


def on_requested(situation: Situation, recorded: Recorded[Any]) -> Situation:
    """A deploy waits for its start."""
    event: happened.DeployRequested = recorded.event
    request = DeployRequest(
        deploy=event.deploy,
        release=event.release,
        environment=event.environment,
        content=event.content_digest,
        intent=event.intent,
        at_window=event.at_window,
        requested_by=recorded.actor.id,
        position=recorded.position,
        expires_at=event.expires_at,
        ready_from=event.ready_from,
        problem=event.problem,
        second_person=event.second_person,
    )
    situation = replace(situation, requests={**situation.requests, event.deploy: request})
    return counted(situation, event.deploy)


def on_ready(situation: Situation, recorded: Recorded[Any]) -> Situation:
    """A deploy that waited for the window may be started."""
    request = situation.requests.get(recorded.event.deploy)
    if request is None:
        return situation
    return replace(situation, requests={**situation.requests, request.deploy: replace(request, ready=True)})


def on_request_ended(situation: Situation, recorded: Recorded[Any]) -> Situation:
    """A requested deploy was cancelled, or its time is over."""
    return forget(replace(situation, requests=without(situation.requests, recorded.event.deploy)))


def on_started(situation: Situation, recorded: Recorded[Any]) -> Situation:
    """The environment's occupant stops being it, and what was rehearsed here is void."""
    event: happened.DeployStarted = recorded.event
    environment = situation.environment(event.environment)
    release = situation.releases.get(event.release)
    content = release.content if release is not None else None
    carried = _carried(environment, content, event)
    fixes, migrations = carried or ((), ())
    was_frozen = release.frozen if release is not None else False
    before = environment.unsure
    mark_before = environment.mark
    if before is not None and before.mark_before is not None:
        mark_before = before.mark_before
    left = left_digests(environment, event.content_digest) if event.intent == "rollback" else ()
    deploy = Deploy(
        deploy=event.deploy,
        release=event.release,
        content=event.content_digest,
        intent=event.intent,
        started=recorded.position,
        started_by=recorded.actor.id,
        purpose=event.purpose,
        fixes=fixes,
        migrations=migrations,
        before=environment.occupant,
        mark_before=mark_before,
        unsure_before=before,
        problem=event.problem,
        was_frozen=was_frozen,
        left=tuple(digest for digest in left if digest not in situation.rolled_back),
        untold=carried is None,
    )
    mark = ProductionMark(
        started=recorded.position,
        settled=environment.mark.settled,
        at=recorded.recorded_at,
        schema_digest=environment.mark.schema_digest,
    )
    environment = replace(environment, deploy=deploy, occupant=None, rehearsal=None, mark=mark)
    situation = with_environment(situation, environment)
    situation = replace(
        situation, requests=without(situation.requests, event.deploy), rolled_back=situation.rolled_back | set(left)
    )
    return on_release(situation, recorded)


def _carried(
    environment: Environment, content: Content | None, event: happened.DeployStarted
) -> tuple[tuple[str, ...], tuple[Migration, ...]] | None:
    """What the content that is deployed fixes and migrates: by the release, or by the last time it was here.

    None where the release is over and forgotten, and what was here so long ago is forgotten too.
    """
    if content is not None and content.digest == event.content_digest:
        return content.fixes, content.migrations
    before = (o for o in reversed(environment.history) if o.content == event.content_digest and not o.untold)
    return next(((occupant.fixes, occupant.migrations) for occupant in before), None)


def on_succeeded(situation: Situation, recorded: Recorded[Any]) -> Situation:
    """The release is the occupant; an uncertainty from before the start is over."""
    event: happened.DeploySucceeded = recorded.event
    environment = situation.environment(event.environment)
    deploy = environment.deploy
    if deploy is None or deploy.deploy != event.deploy:
        return on_release(situation, recorded)
    occupant = Occupant(
        release=event.release,
        content=event.content_digest,
        position=recorded.position,
        since=recorded.recorded_at,
        deploy=event.deploy,
        fixes=deploy.fixes,
        migrations=deploy.migrations,
        untold=deploy.untold,
    )
    unsure = environment.unsure
    if unsure is not None and unsure.position > deploy.started:
        # Only work begun after an uncertainty ends it.
        done = replace(environment, deploy=None, finished=reported(environment, f"{event.deploy} succeeded"))
        return on_release(with_environment(situation, done), recorded)
    rehearsal = None
    if deploy.purpose == "rehearsal":
        rehearsal = Rehearsal(
            release=event.release, content=event.content_digest, deploy=event.deploy, position=recorded.position
        )
    mark = ProductionMark(
        started=recorded.position,
        settled=environment.mark.settled,
        at=recorded.recorded_at,
        schema_digest=event.schema_digest or environment.mark.schema_digest,
    )
    environment = replace(
        environment,
        deploy=None,
        occupant=occupant,
        unsure=None,
        mixed=False,
        based=True,
        rehearsal=rehearsal,
        mark=mark,
        history=(*environment.history, occupant)[-OCCUPANTS_KEPT_MAX:],
        logs_from=recorded.recorded_at,
        logs_missed=None,
        finished=reported(environment, f"{event.deploy} succeeded"),
        late_reports=still_known(environment),
    )
    return forget(on_release(with_environment(situation, environment), recorded))


def on_failed(situation: Situation, recorded: Recorded[Any]) -> Situation:
    """`unchanged` gives everything back; anything else leaves the environment unsure."""
    event: happened.DeployFailed = recorded.event
    environment = situation.environment(event.environment)
    deploy = environment.deploy
    if deploy is None or deploy.deploy != event.deploy:
        return situation
    environment = replace(environment, finished=reported(environment, f"{event.deploy} failed"))
    if event.environment_left == "unchanged":
        # A doubt that came up meanwhile is not taken away by a deploy that began before it.
        doubted = environment.unsure is not None
        back = replace(
            environment,
            deploy=None,
            occupant=None if doubted else deploy.before,
            mark=environment.mark if doubted else deploy.mark_before,
        )
        situation = with_environment(situation, back)
        release = situation.releases.get(event.release)
        if release is not None:
            situation = with_release(situation, replace(release, frozen=deploy.was_frozen))
        return forget(replace(situation, rolled_back=situation.rolled_back - set(deploy.left)))
    return with_environment(situation, lost(environment, recorded, f"deploy {event.deploy} failed: {event.phase}"))


def reported(environment: Environment, report: str) -> tuple[str, ...]:
    """The last reports with this one, to know it when it is sent again."""
    return (*environment.finished, report)[-REPORTS_KEPT_MAX:]


def still_known(environment: Environment) -> tuple[str, ...]:
    """What of the observations is recognized once the environment is sure again: reports of lost work only.

    The same thing seen a second time after that has happened a second time.
    """
    return tuple(line for line in environment.late_reports if line.split("|")[1] in environment.lost)


def lost(environment: Environment, recorded: Recorded[Any], cause: str) -> Environment:
    """The environment after work in it was lost half way: nobody knows what is there."""
    deploy = environment.deploy
    work, mark_before, before = None, environment.mark, environment.occupant
    if deploy is not None:
        work = Work(
            kind="deploy",
            release=deploy.release,
            content=deploy.content,
            intent=deploy.intent,
            fixes=deploy.fixes,
            migrations=deploy.migrations,
            untold=deploy.untold,
        )
        mark_before, before = deploy.mark_before, deploy.before
    elif environment.lease is not None:
        work = environment.lease.work
    if before is None and environment.unsure is not None:
        before = environment.unsure.occupant_before
    known = environment.unsure
    # What else was seen to change while the work ran is not undone by doing the work again.
    started = deploy.started if deploy is not None else environment.lease.position if environment.lease else 0
    disturbed = known is not None and (known.disturbed or known.position > started)
    unsure = Unsure(
        position=recorded.position,
        since=recorded.recorded_at,
        cause=cause,
        work=work,
        disturbed=disturbed,
        mark_before=mark_before,
        occupant_before=before,
    )
    mark = replace(environment.mark, settled=recorded.position, at=recorded.recorded_at)
    return replace(environment, deploy=None, occupant=None, unsure=unsure, mark=mark)


def carried_by(situation: Situation, occupant: Occupant | Deploy) -> tuple[tuple[str, ...], tuple[Migration, ...]]:
    """What the occupant fixes and migrates; of an untold one, what its release says once that is loaded."""
    release = situation.releases.get(occupant.release) if occupant.untold else None
    content = release.content if release is not None else None
    if content is None or content.digest != occupant.content:
        return occupant.fixes, occupant.migrations
    return content.fixes, content.migrations


def fixes_of_leaving(situation: Situation, environment: Environment, target: str) -> tuple[str, ...]:
    """The problems that the occupants which a rollback to `target` takes out had fixed."""
    left = leaving(environment, target)
    return tuple(dict.fromkeys(fix for occupant in left for fix in carried_by(situation, occupant)[0]))
