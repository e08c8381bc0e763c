"""What review, restore, migration and core test do to the rehearsal of the deploy they belong to."""

from __future__ import annotations

from typing import Any

from interlock.domain.evolve.deploy import reported
from interlock.domain.evolve.parts import with_environment
from interlock.domain.evolve.release import on_release
from interlock.domain.situation import Environment, Rehearsal, Situation, Verdict
from interlock.events.catalogue import release as happened
from interlock.events.envelope import Recorded
from interlock.events.fact import replace


def rehearsing(situation: Situation, deploy: str) -> Environment | None:
    """The environment whose present rehearsal belongs to `deploy`."""
    for environment in situation.environments.values():
        if environment.rehearsal is not None and environment.rehearsal.deploy == deploy:
            return environment
    return None


def _keep(situation: Situation, environment: Environment, rehearsal: Rehearsal) -> Situation:
    return with_environment(situation, replace(environment, rehearsal=rehearsal))


def _verdict(recorded: Recorded[Any], *, good: bool, areas: tuple[str, ...] = ()) -> Verdict:
    return Verdict(good=good, by=recorded.actor.id, position=recorded.position, at=recorded.recorded_at, areas=areas)


def on_review(situation: Situation, recorded: Recorded[Any]) -> Situation:
    """The code review's latest verdict on the release that is rehearsed."""
    event = recorded.event
    environment = _of_release(situation, recorded.stream.removeprefix("release/"), event.content_digest)
    if environment is None or environment.rehearsal is None:
        return situation
    if isinstance(event, happened.CodeReviewWithdrawn):
        return _keep(situation, environment, replace(environment.rehearsal, review=None))
    review = _verdict(recorded, good=isinstance(event, happened.CodeReviewApproved))
    return _keep(situation, environment, replace(environment.rehearsal, review=review))


def _of_release(situation: Situation, release: str, digest: str) -> Environment | None:
    for environment in situation.environments.values():
        rehearsal = environment.rehearsal
        if rehearsal is not None and (rehearsal.release, rehearsal.content) == (release, digest):
            return environment
    return None


def on_migration(situation: Situation, recorded: Recorded[Any]) -> Situation:
    """The migrations ran, or failed: then what they ran on is void too."""
    event = recorded.event
    environment = rehearsing(situation, event.deploy)
    rehearsal = environment.rehearsal if environment is not None else None
    if environment is None or rehearsal is None:
        return situation
    if isinstance(event, happened.StageMigrated):
        ids = tuple(migration.id for migration in event.migrations)
        migrated = replace(_verdict(recorded, good=True, areas=ids), summary=event.schema_after)
        environment = replace(environment, finished=reported(environment, f"{event.migration} migrated"))
        return _keep(situation, environment, replace(rehearsal, migration=migrated, core=None))
    failed = replace(rehearsal, migration=_verdict(recorded, good=False), restore=None, core=None)
    data = replace(environment.data, restored=None)
    finished = reported(environment, f"{event.migration} failed")
    return with_environment(situation, replace(environment, rehearsal=failed, data=data, finished=finished))


def on_core_test(situation: Situation, recorded: Recorded[Any]) -> Situation:
    """A manual verdict: on the release itself, or where it rehearses on the rehearsal."""
    event = recorded.event
    if event.scope == "team":
        return on_release(situation, recorded)
    environment = situation.environments.get(event.environment)
    rehearsal = environment.rehearsal if environment is not None else None
    if environment is None or rehearsal is None or rehearsal.content != event.content_digest:
        return situation
    if isinstance(event, happened.ManualQAWithdrawn):
        return _keep(situation, environment, replace(rehearsal, core=None))
    good = isinstance(event, happened.ManualQAApproved)
    areas = event.areas if isinstance(event, happened.ManualQAApproved) else ()
    return _keep(situation, environment, replace(rehearsal, core=_verdict(recorded, good=good, areas=areas)))
