"""Who must act on an adjustment of data, and by when."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from interlock.domain.checks.adjusting import may_check
from interlock.domain.decide.adjustment import adjustment_asked, is_held
from interlock.domain.decide.case import Case
from interlock.domain.explain import NOBODY, adjustment_gate
from interlock.domain.gates import AUTHORIZE_ADJUSTMENT
from interlock.domain.obligation import Obligation
from interlock.domain.situation import Adjustment, Situation
from interlock.events.fact import replace


def of_adjustments(situation: Situation, now: datetime) -> Iterator[Obligation]:
    """For each open adjustment the people, or the machine, that its next step needs."""
    for adjustment in situation.adjustments.values():
        if adjustment.attempt is not None and adjustment.attempt.unknown:
            yield _of(
                adjustment,
                _told_by(situation, adjustment, now),
                "find out by its marker the outcome of",
                "dt adjust show",
            )
        elif adjustment.state in {"executed", "disputed"}:
            case = Case(situation=situation, command=None, actor=NOBODY, now=now)
            who = may_check(adjustment_asked(case, adjustment))
            disputed = adjustment.state == "disputed"
            verb = "settle the disputed result of" if disputed else "check the result of"
            yield _of(adjustment, who, verb, "dt adjust check-result")
        elif not is_held(situation, adjustment) and now < adjustment.expires_at:
            yield from _before_execution(situation, adjustment, now)


def _before_execution(situation: Situation, adjustment: Adjustment, now: datetime) -> Iterator[Obligation]:
    decision = adjustment_gate(situation, adjustment.adjustment, now)
    missing = {outcome.check: outcome for outcome in decision.missing}
    operator = situation.team.operators.get(adjustment.plan.targets.environment)
    if "adjustment-rehearsed" in missing:
        yield _of(
            adjustment, missing["adjustment-rehearsed"].who, "rehearse", "dt adjust rehearse", by=adjustment.expires_at
        )
        return
    verdicts = [missing[name] for name in ("adjustment-verified", "verifiers-independent") if name in missing]
    if verdicts:
        rejected = verdicts[0].state == "failed"
        verb, command = _AMEND if rejected else _VERIFY
        yield _of(adjustment, verdicts[0].who, verb, command, by=adjustment.expires_at)
    if "operator-designated" in missing:
        outcome = missing["operator-designated"]
        yield replace(_of(adjustment, outcome.who, "name who executes", "dt adjust show"), command=outcome.next or "")
    if not set(missing) & {*AUTHORIZE_ADJUSTMENT, "authorization-valid"} and operator is not None:
        until = next(outcome.until for outcome in decision.checks if outcome.check == "authorization-valid")
        yield _of(adjustment, (operator.at(now),), "execute", "dt adjust execute", by=until)


_AMEND = ("amend or cancel the rejected", "dt adjust amend")
_VERIFY = ("verify", "dt adjust verify")


def _of(
    adjustment: Adjustment,
    who: tuple[str, ...],
    verb: str,
    command: str,
    *,
    by: datetime | None = None,
) -> Obligation:
    name = adjustment.adjustment
    return Obligation(
        who=who,
        what=f"{verb} {name}",
        command=f"{command} {name}",
        subject=name,
        since=adjustment.requested_at,
        by=by,
    )


def _told_by(situation: Situation, adjustment: Adjustment, now: datetime) -> tuple[str, ...]:
    operator = situation.team.operators.get(adjustment.plan.targets.environment)
    runners = situation.team.holding("runner")
    return (*((operator.at(now),) if operator is not None else ()), *runners)
