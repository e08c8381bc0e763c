"""What stands between an adjustment and its execution: the same checks as a decision, with nothing recorded."""

from __future__ import annotations

from datetime import datetime

from interlock.domain import gates
from interlock.domain.decide.adjustment import adjustment_asked
from interlock.domain.decide.case import Case
from interlock.domain.explain import NOBODY
from interlock.domain.situation import Situation
from interlock.events.catalogue.parts import Observed
from interlock.events.decision import Decision
from interlock.events.envelope import Actor


def adjustment_gate(situation: Situation, name: str, now: datetime) -> Decision:
    """The gate of its execution, for whoever is operator, or, before it is authorized, that of its authorization.

    It is taken that the operator's runner would read the registered server and database, with the schema that
    production is known to have. Raises NotFound.
    """
    case = Case(situation=situation, command=None, actor=NOBODY, now=now)
    adjustment = case.adjustment(name)
    production = case.environment(case.policy.production)
    designated = situation.team.operators.get(production.name)
    operator = Actor(id=designated.at(now), kind="person") if designated is not None else NOBODY
    case = Case(situation=situation, command=None, actor=operator, now=now)
    if adjustment.authorization is None and adjustment.state == "open":
        names = ("adjustment-open", *gates.AUTHORIZE_ADJUSTMENT)
        return case.decided(f"authorize {name}", names, adjustment_asked(case, adjustment))
    asked = adjustment_asked(
        case,
        adjustment,
        bound_digest=adjustment.bound_digest,
        observed=Observed(identity=production.identity, schema_digest=production.mark.schema_digest),
        starting=True,
    )
    return case.decided(f"execute {name}", gates.START_ADJUSTMENT, asked)
