"""Why, and why not: the same checks as a decision, with nothing recorded."""

from __future__ import annotations

from datetime import datetime

from interlock.domain.commands.deploy import RequestDeploy
from interlock.domain.decide import Submitted, answer
from interlock.domain.decide.case import Case
from interlock.domain.decide.request import deploy_asked
from interlock.domain.gates import deploy_gate
from interlock.domain.situation import Situation
from interlock.events.decision import Decision
from interlock.events.envelope import Actor

NOBODY = Actor(id="", kind="system")


def explain(situation: Situation, submitted: Submitted, now: datetime) -> Decision:
    """The decision that `decide` would make of this command now. Raises as it does."""
    return answer(situation, submitted, now).decision


def gate(situation: Situation, release: str, environment: str, now: datetime, actor: Actor | None = None) -> Decision:
    """The gate of deploying `release` to `environment`, for `actor`, or for whoever is entitled.

    Raises NotFound.
    """
    asking = actor if actor is not None else _somebody(situation, environment, now)
    case = Case(
        situation=situation, command=RequestDeploy(release=release, environment=environment), actor=asking, now=now
    )
    found = case.release(release)
    case.environment(environment)
    asked = deploy_asked(case, found, environment, requester=asking.id)
    decision = case.ruled(
        f"deploy {release} to {environment}", f"release/{release}", deploy_gate(asked), asked, lambda _: ()
    ).decision
    if actor is not None:
        return decision
    # Who asks is not part of the question: only what the release still lacks.
    checks = tuple(outcome for outcome in decision.checks if outcome.check != "role-held")
    holds = all(outcome.holds for outcome in checks)
    return Decision(
        action=decision.action,
        result="allowed" if holds else "refused",
        position=decision.position,
        policy_version=decision.policy_version,
        checks=checks,
        allowed_at=decision.allowed_at,
        next=decision.next,
    )


def gates(situation: Situation, release: str, now: datetime, actor: Actor | None = None) -> dict[str, Decision]:
    """The gates of every environment, in their order."""
    case = Case(situation=situation, command=None, actor=actor or NOBODY, now=now)
    return {rule.name: gate(situation, release, rule.name, now, actor) for rule in case.policy.environments}


def _somebody(situation: Situation, environment: str, now: datetime) -> Actor:
    """Somebody who may ask for the deploy: the environment's owner now, or else any release manager or developer."""
    team = situation.team
    owner = team.owners.get(environment)
    if owner is not None:
        return Actor(id=owner.at(now), kind="person")
    anybody = team.holding("release-manager", "developer", "tester", "runner")
    if not anybody:
        return NOBODY
    return Actor(id=anybody[0], kind=team.principals[anybody[0]].kind)
