"""Which closed things a decision must look at: the desk loads their streams first.

What is loaded may lead to more, so one asks again with it until nothing is wanted any more; `completed` does so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from interlock.domain.checks.asked import Asked
from interlock.domain.checks.production import chosen_target
from interlock.domain.commands.adjustment import (
    AmendAdjustment,
    CommitAdjustment,
    ReportAdjustmentExecuted,
    ResolveAdjustment,
    StartAdjustment,
)
from interlock.domain.commands.deploy import ReportDeploySucceeded, RequestRollback, StartDeploy
from interlock.domain.commands.environment import ReportErased, ReportRestored, ReportRestoreFailed, StartRestore
from interlock.domain.commands.evidence import ReportTestRun, StartTestRun
from interlock.domain.commands.governance import ConfirmAsked
from interlock.domain.commands.problem import DismissProblem, ResolveProblem
from interlock.domain.commands.timely import SettleDeployRequest
from interlock.domain.decide.case import Case
from interlock.domain.decide.second import as_second
from interlock.domain.errors import NotFound
from interlock.domain.evolve import admit
from interlock.domain.evolve.deploy import fixes_of_leaving
from interlock.domain.evolve.parts import leaving
from interlock.domain.obligation import WhoMustAct
from interlock.domain.situation import Environment, Situation
from interlock.events.envelope import Actor, Recorded

ACTORLESS = Actor(id="", kind="system")


NAMING = (
    ("release", "release"), ("hotfix", "release"), ("fixed_by_release", "release"), ("problem", "problem"),
    ("adjustment", "adjustment"), ("reverts", "adjustment"),
)  # fmt: skip


_NAMING_OF: dict[type[Any], tuple[tuple[str, str], ...]] = {}


def _naming(kind: type[Any]) -> tuple[tuple[str, str], ...]:
    """The fields of this kind of command that name something, and what."""
    known = _NAMING_OF.get(kind)
    if known is None:
        known = _NAMING_OF[kind] = tuple((field, what) for field, what in NAMING if hasattr(kind, field))
    return known


def completed(situation: Situation, command: Any, events: Callable[[str], Iterable[Recorded[Any]]]) -> Situation:
    """The situation as the command's decision sees it; `events` gives those of one stream, in their order."""
    asked: set[str] = set()
    while wanted := [stream for stream in streams_needed(situation, command) if stream not in asked]:
        for stream in wanted:
            situation = admit(situation, stream, events(stream))
        asked.update(wanted)
    return situation


def streams_needed(situation: Situation, command: Any) -> tuple[str, ...]:
    """The streams of closed things that the command names, directly or by what follows from it.

    Asked again with these in the situation, it also names what they lead to.
    """
    wanted: list[str] = _followed(situation)
    for field, kind in _naming(type(command)):
        name = getattr(command, field)
        if isinstance(name, str):
            wanted.append(f"{kind}/{name}")
    if type(command).__name__ == "OpenRelease":
        wanted.append(f"release/{command.name}")
    wanted.extend(_following(situation, command))
    if not wanted:
        return ()
    return tuple(dict.fromkeys(stream for stream in wanted if not _known(situation, stream)))


def _followed(situation: Situation) -> list[str]:
    """The policies' stream, where something that was loaded began under one that is forgotten: it binds it still."""
    if len(situation.policies) >= situation.policy_version:
        return []
    versions = {release.policy_version for release in situation.releases.values()}
    versions |= {adjustment.policy_version for adjustment in situation.adjustments.values()}
    return [] if versions <= situation.policies.keys() else ["policy"]


def _known(situation: Situation, stream: str) -> bool:
    kind, _, name = stream.partition("/")
    if kind == "policy":
        return False
    if kind == "adjustment":
        return name in situation.adjustments
    return name in (situation.releases if kind == "release" else situation.problems)


def _following(situation: Situation, command: Any) -> list[str]:
    follow = _FOLLOW.get(type(command))
    return [] if follow is None else follow(situation, command)


def _started(situation: Situation, command: StartDeploy | SettleDeployRequest) -> list[str]:
    request = situation.requests.get(command.deploy)
    if request is None:
        return []
    place = situation.environment(request.environment)
    left = _untold(place, request.content) if request.intent == "rollback" else []
    return [f"release/{request.release}", *left, *_half_done(situation, request.environment)]


def _succeeded(situation: Situation, command: ReportDeploySucceeded) -> list[str]:
    for environment in situation.environments.values():
        deploy = environment.deploy
        if deploy is not None and deploy.deploy == command.deploy and deploy.intent == "rollback":
            fixed = fixes_of_leaving(situation, environment, deploy.content)
            return [*_untold(environment, deploy.content), *(f"problem/{fix}" for fix in fixed)]
    return []


def _awaited(situation: Situation, _: WhoMustAct) -> list[str]:
    waiting = (problem.problem for problem in situation.problems.values() if problem.acknowledged)
    return [stream for name in waiting for stream in _concerned(situation, name)]


def _reverted(situation: Situation, command: Any) -> list[str]:
    adjustment = situation.adjustments.get(command.adjustment)
    return [f"adjustment/{adjustment.reverts}"] if adjustment is not None and adjustment.reverts else []


def _confirmed(situation: Situation, command: ConfirmAsked) -> list[str]:
    if situation.recorded_at is None:
        return []
    case = Case(situation=situation, command=command, actor=ACTORLESS, now=situation.recorded_at)
    try:
        inner = as_second(case, command)
    except (NotFound, ValueError):
        return []
    return list(streams_needed(situation, inner.command))


def _there(situation: Situation, name: str) -> list[str]:
    """The release that the environment holds, or the one whose lost work there is retried.

    A release that was over and ran nowhere is in no situation that is a fold of the log, though it was deployed again.
    """
    occupant = situation.environment(name).occupant
    return [f"release/{occupant.release}"] if occupant is not None else _half_done(situation, name)


def _half_done(situation: Situation, name: str) -> list[str]:
    """The release whose deploy, restore or migration there ended half way: what it migrates may be done."""
    unsure = situation.environment(name).unsure
    work = unsure.work if unsure is not None else None
    return [f"release/{work.release}"] if work is not None and work.release is not None else []


def _concerned(situation: Situation, name: str) -> list[str]:
    """The release that the problem concerns, and those that name it as fixed: their authors may not judge.

    That is told by whatever runs somewhere, and by what ran and named it.
    """
    problem = situation.problems.get(name)
    wanted = [f"release/{problem.release}"] if problem is not None and problem.release is not None else []
    for environment in situation.environments.values():
        there = (environment.occupant,) if environment.occupant is not None else ()
        told = (occupant for occupant in environment.history if occupant.untold or name in occupant.fixes)
        wanted.extend(f"release/{occupant.release}" for occupant in (*there, *told))
    return wanted


def _untold(place: Environment, target: str) -> list[str]:
    """The releases that a rollback to `target` leaves and that alone tell what they fixed and migrated."""
    return [f"release/{occupant.release}" for occupant in leaving(place, target) if occupant.untold]


def _rolled_back(situation: Situation, command: RequestRollback) -> list[str]:
    """Where the rollback goes, and what it leaves."""
    case = Case(situation=situation, command=command, actor=ACTORLESS, now=situation.recorded_at)  # type: ignore[arg-type]
    if case.policy.environment(command.environment) is None:
        return []
    asked: Asked = case.asked(command.environment, intent="rollback", target=command.release)
    target = chosen_target(asked)
    if target is None:
        return []
    return [f"release/{target.release}", *_untold(situation.environment(command.environment), target.content)]


# By class: a match would ask of each command whether it is one of those before it.
_FOLLOW: dict[type[Any], Callable[[Situation, Any], list[str]]] = {
    RequestRollback: lambda situation, command: [
        *_rolled_back(situation, command),
        *_half_done(situation, command.environment),
    ],
    StartDeploy: _started,
    SettleDeployRequest: _started,
    **dict.fromkeys(
        (StartRestore, ReportRestored, ReportRestoreFailed, ReportErased, StartTestRun, ReportTestRun),
        lambda situation, command: _there(situation, command.environment),
    ),
    **dict.fromkeys(
        (ResolveProblem, DismissProblem), lambda situation, command: _concerned(situation, command.problem)
    ),
    ReportDeploySucceeded: _succeeded,
    WhoMustAct: _awaited,
    **dict.fromkeys(
        (AmendAdjustment, StartAdjustment, CommitAdjustment, ReportAdjustmentExecuted, ResolveAdjustment), _reverted
    ),
    ConfirmAsked: _confirmed,
}
