"""Why, and why not: the same checks as a decision, with nothing recorded."""

from __future__ import annotations

from datetime import datetime

from interlock.domain.commands.deploy import RequestDeploy
from interlock.domain.decide import Submitted, answer
from interlock.domain.decide.adjustment import adjustment_asked
from interlock.domain.decide.case import Case
from interlock.domain.decide.request import deploy_asked
from interlock.domain.gates import START_ADJUSTMENT, deploy_gate
from interlock.domain.policy import Policy
from interlock.domain.situation import Situation
from interlock.events.decision import Decision
from interlock.events.envelope import Actor
from interlock.events.fact import replace

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
    return decision if actor is not None else _for_anybody(decision)


def adjustment_gate(situation: Situation, adjustment: str, now: datetime) -> Decision:
    """The gate of executing the adjustment, for whoever is operator then; the runner has read nothing yet.

    Raises NotFound.
    """
    designated = situation.team.operators.get(_policy(situation, now).production)
    operator = Actor(id=designated.at(now), kind="person") if designated is not None else NOBODY
    case = Case(situation=situation, command=None, actor=operator, now=now)
    asked = adjustment_asked(case, case.adjustment(adjustment))
    # What verifiers read is what is there; the digest that the operator confirms is compared at the start.
    asked = replace(asked, bound_digest=asked.adjusted.bound_digest)
    decision = case.ruled(
        f"execute {adjustment}", f"adjustment/{adjustment}", START_ADJUSTMENT, asked, lambda _: ()
    ).decision
    return _for_anybody(decision)


def _policy(situation: Situation, now: datetime) -> Policy:
    return Case(situation=situation, command=None, actor=NOBODY, now=now).policy


def _for_anybody(decision: Decision) -> Decision:
    """The decision without its first question: who asks is no part of it, only what is still lacking."""
    checks = tuple(outcome for outcome in decision.checks if outcome.check != "role-held")
    holds = all(outcome.holds for outcome in checks)
    return replace(decision, result="allowed" if holds else "refused", checks=checks)


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
