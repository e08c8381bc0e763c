"""What each event means for the decisions that follow: a fold over the whole ledger.

`evolve` never fails: an event has happened and cannot be refused any more. It never reads policy:
what depended on it then stands in the event.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from interlock.domain.evolve import adjustment, deploy, environment, people, rehearsal, release
from interlock.domain.evolve.adjustment import evolve_adjustment
from interlock.domain.evolve.parts import Step, forget, having, with_release, without
from interlock.domain.evolve.release import evolve_release
from interlock.domain.situation import Adjustment, Problem, Release, Situation
from interlock.events.catalogue import CATALOGUE
from interlock.events.catalogue.policy import PolicyActivated
from interlock.events.envelope import Recorded
from interlock.events.fact import fact, replace

_BY_TYPE: dict[str, Step] = {
    "DeployRequested": deploy.on_requested,
    "DeployReady": deploy.on_ready,
    "DeployCancelled": deploy.on_request_ended,
    "DeployExpired": deploy.on_request_ended,
    "DeployStarted": deploy.on_started,
    "DeploySucceeded": deploy.on_succeeded,
    "DeployFailed": deploy.on_failed,
    "CodeReviewApproved": rehearsal.on_review,
    "CodeReviewRejected": rehearsal.on_review,
    "CodeReviewWithdrawn": rehearsal.on_review,
    "StageMigrated": rehearsal.on_migration,
    "StageMigrationFailed": rehearsal.on_migration,
    "ManualQAApproved": rehearsal.on_core_test,
    "ManualQARejected": rehearsal.on_core_test,
    "ManualQAWithdrawn": rehearsal.on_core_test,
    "ReleaseContentSet": release.on_content,
    "ReleaseSuperseded": release.on_end,
    "ReleaseWithdrawn": release.on_end,
    "ReleaseCompleted": release.on_end,
}
_BY_FAMILY: dict[str, Step] = {
    "interlock.events.catalogue.adjustment": adjustment.on_adjustment,
    "interlock.events.catalogue.release": release.on_release,
    "interlock.events.catalogue.environment": environment.on_environment,
    "interlock.events.catalogue.problem": people.on_problem,
    "interlock.events.catalogue.policy": people.on_policy,
    "interlock.events.catalogue.team": people.on_team,
    "interlock.events.catalogue.refusals": people.on_refusal,
    "interlock.events.catalogue.ledger": people.on_ledger,
}
STEPS: dict[str, Step] = {
    name: _BY_TYPE.get(name) or _BY_FAMILY[cls.__module__]
    for name, (cls, _) in CATALOGUE.items()
    if cls.__module__ in _BY_FAMILY
}


__all__ = ["STEPS", "Closed", "admit", "closed", "evolve", "forget", "with_closed"]


def evolve(situation: Situation, recorded: Recorded[Any]) -> Situation:
    """The situation after `recorded`, which is the project's next event."""
    before = replace(
        situation,
        project=recorded.project,
        position=recorded.position,
        recorded_at=recorded.recorded_at,
        versions=having(situation.versions, recorded.stream, recorded.version),
    )
    after = STEPS[recorded.type](before, recorded)
    if recorded.stream not in after.versions or _is_kept(after, recorded.stream):
        return after
    return replace(after, versions=without(after.versions, recorded.stream))


def _is_kept(situation: Situation, stream: str) -> bool:
    """Whether the stream's release, problem or adjustment is there: a late word on a closed one leaves nothing."""
    kind, _, name = stream.partition("/")
    if kind == "adjustment":
        return name in situation.adjustments
    if kind == "release":
        return name in situation.releases
    return kind != "problem" or name in situation.problems


def admit(situation: Situation, stream: str, events: Iterable[Recorded[Any]]) -> Situation:
    """The situation with a closed thing in it again, folded from its own stream only.

    For one decision: environments and everything else stay as they are. What follows from the
    decision is folded onto this situation, and then `forget` lets go of what is still over.
    """
    return with_closed(situation, stream, closed(stream, events))


# Every policy that was ever in force, by its version.
Policies = dict[int, dict[str, Any]]


@fact
class Closed:
    """What a stream came to by its own events alone, and its last version."""

    version: int = 0
    thing: Release | Problem | Adjustment | Policies | None = None


def _policies(known: Policies | None, recorded: Recorded[Any]) -> Policies | None:
    event = recorded.event
    return {**(known or {}), event.version: event.document} if isinstance(event, PolicyActivated) else known


_OF_ONE: dict[str, Callable[[Any, Recorded[Any]], Any]] = {
    "policy": _policies,
    "release": evolve_release,
    "problem": people.evolve_problem,
    "adjustment": evolve_adjustment,
}


def closed(stream: str, events: Iterable[Recorded[Any]]) -> Closed:
    """A closed thing, folded from its own stream."""
    step = _OF_ONE.get(stream.partition("/")[0])
    version, thing = 0, None
    for recorded in events:
        version = recorded.version
        if step is not None:
            thing = step(thing, recorded)
    return Closed(version=version, thing=thing)


def with_closed(situation: Situation, stream: str, known: Closed) -> Situation:
    """The situation with the closed thing in it, and nothing else changed."""
    name = stream.partition("/")[2]
    if known.version:
        situation = replace(situation, versions={**situation.versions, stream: known.version})
    match known.thing:
        case Release():
            return with_release(situation, known.thing)
        case Problem():
            return replace(situation, problems={**situation.problems, name: known.thing})
        case Adjustment():
            return replace(situation, adjustments={**situation.adjustments, name: known.thing})
        case dict():
            return replace(situation, policies={**known.thing, **situation.policies})
        case None:
            return situation
