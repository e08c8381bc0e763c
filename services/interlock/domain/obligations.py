"""Who must act, and by when: asked of the rules, never stored."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from interlock.domain.checks import independence
from interlock.domain.decide.case import Case
from interlock.domain.explain import NOBODY, gate
from interlock.domain.obligation import Obligation
from interlock.domain.obligations_of_data import of_adjustments
from interlock.domain.policy import Policy
from interlock.domain.situation import Release, Situation
from interlock.events.decision import Decision
from interlock.events.values import LeaseKind, Purpose

__all__ = ["ESCALATION", "Obligation", "obligations"]

# Where nobody reacted in time, it is for those who answer for the way releases go.
ESCALATION: Final = ("release-manager", "administrator")


def obligations(situation: Situation, now: datetime) -> tuple[Obligation, ...]:
    """Everything that waits for somebody, what is due first coming first, then what waits longest.

    The situation is to be the one that `WhoMustAct` completes.
    """
    if situation.opened_at is None:
        return ()
    policy = Case(situation=situation, command=None, actor=NOBODY, now=now).policy
    found = [
        *_problems(situation, policy, now),
        *_unregistered(situation, policy),
        *_environments(situation, policy, now),
        *_governance(situation),
        *_releases(situation, policy, now),
        *_requests(situation, policy),
        *of_adjustments(situation, now),
    ]
    far = datetime.max.replace(tzinfo=now.tzinfo)
    return tuple(sorted(found, key=lambda o: (not o.overdue, o.by or far, o.since or far, o.subject)))


def _problems(situation: Situation, policy: Policy, now: datetime) -> Iterator[Obligation]:
    team = situation.team
    for problem in situation.problems.values():
        if not problem.open:
            continue
        if not problem.acknowledged:
            yield Obligation(
                who=team.persons_holding("developer", "tester", "reviewer", "release-manager"),
                what=f'react to "{problem.title}" in {problem.environment}',
                command=f"dt problem ack {problem.problem}",
                subject=problem.problem,
                since=problem.since,
                by=problem.react_by,
                overdue=now > problem.react_by,
                escalates_to=team.persons_holding(*ESCALATION),
            )
            continue
        who = tuple(
            p
            for p in team.persons_holding("tester", "reviewer", "release-manager")
            if independence.resolver_independent(p, situation, problem, None, policy.production)
        )
        yield Obligation(
            who=who,
            what=f'settle "{problem.title}" in {problem.environment}',
            command=f"dt problem resolve {problem.problem}",
            subject=problem.problem,
            since=problem.since,
        )


def _unregistered(situation: Situation, policy: Policy) -> Iterator[Obligation]:
    names = [rule.name for rule in policy.environments] + ([policy.scratch] if policy.scratch is not None else [])
    for name in names:
        if situation.environment(name).identity is None:
            yield Obligation(
                who=situation.team.persons_holding("administrator"),
                what=f"register {name}",
                command=f"dt env register {name}",
                subject=name,
            )


def _environments(situation: Situation, policy: Policy, now: datetime) -> Iterator[Obligation]:
    team = situation.team
    for rule in policy.environments:
        place = situation.environment(rule.name)
        if place.unsure is not None:
            yield Obligation(
                who=team.persons_holding("release-manager", "tester", "developer", "reviewer"),
                what=f"find out what is in {rule.name}: {place.unsure.cause}",
                command=f"dt env confirm {rule.name}",
                subject=rule.name,
                since=place.unsure.since,
            )
        owner = team.owners.get(rule.name)
        if rule.owned and (owner is None or not team.principals[owner.at(now)].active):
            yield Obligation(
                who=team.persons_holding("administrator"),
                what=f"name the owner of {rule.name}",
                command=f"dt team owner {rule.name} PERSON",
                subject=rule.name,
            )
    production = situation.environment(policy.production)
    if production.identity is not None and not production.based and production.last_sure is None:
        yield Obligation(
            who=team.persons_holding("administrator", "release-manager"),
            what="declare what production runs",
            command=f"dt env baseline {production.name}",
            subject=production.name,
        )
    if production.occupant is not None and production.logs_from is not None:
        by = production.logs_from + timedelta(minutes=policy.log_check_every_minutes)
        yield Obligation(
            who=team.persons_holding("developer", "tester", "release-manager"),
            what=f"check the logs of {production.name}",
            command=f"dt logs check {production.name}",
            subject=production.name,
            since=production.logs_from,
            by=by,
            overdue=now > production.logs_from + policy.log_check_due,
            escalates_to=team.persons_holding(*ESCALATION),
        )


def _governance(situation: Situation) -> Iterator[Obligation]:
    team = situation.team
    administrators = team.persons_holding("administrator")
    for proposal in situation.proposals.values():
        yield Obligation(
            who=tuple(p for p in administrators if p != proposal.proposed_by),
            what=f"decide on policy {proposal.version}",
            command=f"dt policy approve {proposal.version}",
            subject=f"policy {proposal.version}",
        )
    for ask in situation.asks.values():
        kinds = {"StateContent", "RequestRollback"}
        who = (
            administrators
            if ask.command_type not in kinds
            else team.persons_holding("release-manager", "tester", "developer", "reviewer")
        )
        if ask.command_type == "BaselineEnvironment":
            who = team.persons_holding("administrator", "release-manager")
        if ask.command_type == "RequestRollback":
            who = team.persons_holding("release-manager", "developer")
        yield Obligation(
            who=tuple(p for p in who if p != ask.asked_by),
            what=f"confirm, as second person: {ask.action}",
            command=f"dt confirm {ask.ask}",
            subject=ask.ask,
            by=ask.until,
        )


def _releases(situation: Situation, policy: Policy, now: datetime) -> Iterator[Obligation]:
    """For each open release the people its next gate needs; the environments it may enter at once need nobody."""
    for release in situation.releases.values():
        if release.open and release.held is None and release.content is not None:
            yield from _next_step(situation, policy, release, now)


def _next_step(situation: Situation, policy: Policy, release: Release, now: datetime) -> Iterator[Obligation]:
    reached = [rule.name for rule in policy.environments if rule.name in release.reached]
    place = policy.index(reached[-1]) if reached else -1
    if place + 1 >= len(policy.environments):
        return
    target = policy.environments[place + 1].name
    decision = gate(situation, release.name, target, now)
    # What is needed of an environment, as its logs' being read, is asked for there, and not once more by each release.
    needed = [o for o in decision.missing if o.state == "needed" and o.next is not None and o.check in _VERBS]
    for outcome in needed:
        yield Obligation(
            who=outcome.who,
            what=f"{_VERBS[outcome.check]} {release.name}",
            command=outcome.next or "",
            subject=release.name,
            since=_since(release, decision),
        )
    for outcome in decision.missing:
        begun = _begun(situation, policy, release, outcome.check)
        if outcome.check in _MACHINE_STEPS and outcome.next is not None and not begun:
            yield Obligation(
                who=situation.team.holding("runner"),
                what=f"{_MACHINE_STEPS[outcome.check]} {release.name}",
                command=outcome.next,
                subject=release.name,
            )
    asked_for = any(request.release == release.name for request in situation.requests.values())
    if decision.allowed and not asked_for:
        yield Obligation(
            who=situation.team.holding("developer", "release-manager"),
            what=f"deploy {release.name} to {target}",
            command=f"dt deploy {release.name} {target}",
            subject=release.name,
        )


def _begun(situation: Situation, policy: Policy, release: Release, check: str) -> bool:
    """Whether a machine does now what this check waits for."""
    if check not in _ACTIVITIES:
        return False
    purpose, kind = _ACTIVITIES[check]
    lease = situation.environment(policy.named(purpose)).lease
    return lease is not None and (lease.kind, lease.work.release) == (kind, release.name)


_ACTIVITIES: dict[str, tuple[Purpose, LeaseKind]] = {
    "tests-passed": ("tests", "test-run"),
    "production-data-restored": ("rehearsal", "restore"),
    "migrations-passed": ("rehearsal", "migration"),
}
_VERBS = {
    "development-confirmed": "confirm the development of",
    "manual-qa-approved": "test by hand and decide on",
    "code-reviewed": "review all changes of",
    "core-areas-approved": "test the core and affected areas of",
    "hotfix-confirmed": "confirm the hotfix",
}
_MACHINE_STEPS = {
    "tests-passed": "run the tests for",
    "production-data-restored": "restore production's data for",
    "migrations-passed": "rehearse the migrations of",
}


def _since(release: Release, decision: Decision) -> datetime | None:
    evidence = [outcome.since for outcome in decision.checks if outcome.holds and outcome.since is not None]
    return max(evidence, default=release.opened_at)


def _requests(situation: Situation, policy: Policy) -> Iterator[Obligation]:
    for request in situation.requests.values():
        if request.at_window and not request.ready:
            continue
        rule = policy.environment(request.environment)
        by_hand = rule is not None and "deploy" in rule.by_hand
        roles = ("runner", "developer", "tester", "release-manager") if by_hand else ("runner",)
        yield Obligation(
            who=situation.team.holding(*roles),
            what=f"start {request.deploy}: {request.release} to {request.environment}",
            command=f"dt deploy start {request.deploy}",
            subject=request.release,
            by=request.expires_at,
        )
