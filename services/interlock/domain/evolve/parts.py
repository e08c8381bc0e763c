"""How a situation is changed: by copies, one place each."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from interlock.domain.situation import Adjustment, Deploy, Environment, Occupant, Problem, Release, Situation
from interlock.events.envelope import Recorded
from interlock.events.fact import replace

K = TypeVar("K")
V = TypeVar("V")
Step = Callable[[Situation, Recorded[Any]], Situation]


def having(mapping: dict[K, V], key: K, value: V) -> dict[K, V]:
    """A copy of `mapping` in which `key` has this value. `dict.copy` takes a third of the time of `{**mapping}`."""
    made = mapping.copy()
    made[key] = value
    return made


def without(mapping: dict[K, V], *keys: K) -> dict[K, V]:
    """A copy of `mapping` that lacks `keys`."""
    made = mapping.copy()
    for key in keys:
        made.pop(key, None)
    return made


def with_release(situation: Situation, release: Release) -> Situation:
    """The situation with this release in it."""
    return replace(situation, releases=having(situation.releases, release.name, release))


def with_environment(situation: Situation, environment: Environment) -> Situation:
    """The situation with this environment in it."""
    return replace(situation, environments=having(situation.environments, environment.name, environment))


def with_problem(situation: Situation, problem: Problem) -> Situation:
    """The situation with this problem in it, or without it when it is closed."""
    if problem.open:
        return replace(situation, problems=having(situation.problems, problem.problem, problem))
    return replace(
        situation,
        problems=without(situation.problems, problem.problem),
        versions=without(situation.versions, f"problem/{problem.problem}"),
    )


def with_adjustment(situation: Situation, adjustment: Adjustment) -> Situation:
    """The situation with this adjustment in it, or without it when it is over."""
    if adjustment.open:
        return replace(situation, adjustments=having(situation.adjustments, adjustment.adjustment, adjustment))
    return replace(
        situation,
        adjustments=without(situation.adjustments, adjustment.adjustment),
        versions=without(situation.versions, f"adjustment/{adjustment.adjustment}"),
    )


def counted(situation: Situation, identifier: str) -> Situation:
    """Remember that `identifier` (as in "D-17") is taken."""
    kind, _, number = identifier.rpartition("-")
    if not number.isdigit() or int(number) <= situation.counters.get(kind, 0):
        return situation
    return replace(situation, counters=having(situation.counters, kind, int(number)))


def leaving(environment: Environment, target: str) -> tuple[Occupant, ...]:
    """The occupants that a rollback to the content `target` takes out of the environment, oldest first."""
    left: list[Occupant] = []
    for occupant in reversed(environment.history):
        if occupant.content == target:
            break
        left.append(occupant)
    return tuple(reversed(left))


def left_digests(environment: Environment, target: str) -> tuple[str, ...]:
    """The contents that a rollback to `target` leaves, one that was never sure included."""
    digests = {occupant.content for occupant in leaving(environment, target)}
    if environment.unsure is not None and environment.unsure.work is not None:
        digests.add(environment.unsure.work.content or target)
    return tuple(sorted(digests - {target}))


def forget(situation: Situation) -> Situation:
    """Let go of closed releases, problems and adjustments that nothing refers to any more, and of old policies.

    A decision that names one of them loads its stream again.
    """
    closed = [name for name, release in situation.releases.items() if release.state != "open"]
    if closed:
        needed = {request.release for request in situation.requests.values()}
        for environment in situation.environments.values():
            needed |= _named(environment.occupant, environment.deploy)
            if environment.unsure is not None and environment.unsure.work is not None:
                needed.add(environment.unsure.work.release or "")
        gone = [name for name in closed if name not in needed]
        if gone:
            releases = without(situation.releases, *gone)
            situation = replace(situation, releases=releases, versions=_versions_without(situation, "release", gone))
    over = [name for name, problem in situation.problems.items() if not problem.open]
    if over:
        problems = without(situation.problems, *over)
        situation = replace(situation, problems=problems, versions=_versions_without(situation, "problem", over))
    past = [name for name, adjustment in situation.adjustments.items() if not adjustment.open]
    if past:
        adjustments = without(situation.adjustments, *past)
        situation = replace(
            situation, adjustments=adjustments, versions=_versions_without(situation, "adjustment", past)
        )
    return _without_policies(situation) if len(situation.policies) > 1 else situation


def _without_policies(situation: Situation) -> Situation:
    followed = {release.policy_version for release in situation.releases.values()} | {situation.policy_version}
    followed |= {adjustment.policy_version for adjustment in situation.adjustments.values()}
    if len(followed) < len(situation.policies):
        kept = {version: document for version, document in situation.policies.items() if version in followed}
        situation = replace(situation, policies=kept)
    return situation


def _versions_without(situation: Situation, kind: str, names: Iterable[str]) -> dict[str, int]:
    return without(situation.versions, *(f"{kind}/{name}" for name in names))


def _named(occupant: Occupant | None, deploy: Deploy | None) -> set[str]:
    names = {occupant.release} if occupant is not None else set()
    if deploy is not None:
        names.add(deploy.release)
        if deploy.before is not None:
            names.add(deploy.before.release)
    return names
