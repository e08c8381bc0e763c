"""The checks of an adjustment's execution, of what becomes of it, and of its result."""

from __future__ import annotations

from interlock.domain.checks import independence
from interlock.domain.checks.adjusting import RUNNER, may_check
from interlock.domain.checks.asked import Asked, check, outcome, passed_or_failed
from interlock.events.decision import CheckOutcome


@check("reverted-once")
def reverted_once(asked: Asked) -> CheckOutcome:
    """What is taken back was executed, and nothing took it back before."""
    required = "an executed adjustment that nothing took back before"
    name = asked.adjusted.reverts if asked.adjustment is not None else asked.target
    if name is None:
        return outcome("reverted-once", "not_applicable", required, "it takes nothing back")
    reverted = asked.situation.adjustments.get(name)
    if reverted is None:
        return outcome("reverted-once", "failed", required, f"there is no adjustment {name}")
    evidence = (reverted.executed,) if reverted.executed is not None else ()
    holds = reverted.state in {"executed", "disputed", "checked"}
    return passed_or_failed(
        "reverted-once",
        required,
        f"{name} is {reverted.state}",
        holds=holds,
        evidence=evidence,
        next=None if holds else f"dt adjust show {name}",
    )


@check("backup-taken")
def backup_taken(asked: Asked) -> CheckOutcome:
    """The rows that the open transaction touched are kept as they were."""
    required = "the touched rows are kept as they were"
    attempt = asked.adjusted.attempt
    kept = attempt is not None and attempt.backup is not None and attempt.token == asked.token
    observed = attempt.backup[:15] if attempt is not None and attempt.backup is not None else "nobody kept them"
    return passed_or_failed("backup-taken", required, observed, holds=kept)


@check("within-expected-effect")
def within_expected_effect(asked: Asked) -> CheckOutcome:
    """It touched as many rows as the plan expects, and every effect query is true."""
    expected = asked.adjusted.plan.expected_effect
    required = f"{expected.rows_min} to {expected.rows_max} rows, and every effect query is true"
    rows = asked.rows
    within = rows is not None and expected.rows_min <= rows <= expected.rows_max
    effect = "true" if asked.effect_holds else "not all true"
    return passed_or_failed(
        "within-expected-effect",
        required,
        f"{rows if rows is not None else 'unknown'} rows, effect queries {effect}",
        holds=within and bool(asked.effect_holds),
        next=None if within and asked.effect_holds else f"dt adjust amend {asked.adjusted.adjustment}",
    )


@check("adjustment-idle")
def adjustment_idle(asked: Asked) -> CheckOutcome:
    """No rehearsal and no execution of it is under way."""
    required = "no rehearsal and no execution of it under way"
    for place in asked.situation.environments.values():
        lease = place.lease
        if lease is not None and lease.adjustment == asked.adjusted.adjustment:
            return outcome(
                "adjustment-idle",
                "failed",
                required,
                f"{lease.subject} in {place.name} by {lease.holder}",
                evidence=(lease.position,),
                since=lease.granted_at,
                until=lease.expires_at,
                next=f"dt env show {place.name}",
            )
    return outcome("adjustment-idle", "passed", required, "none")


@check("adjustment-own")
def adjustment_own(asked: Asked) -> CheckOutcome:
    """An adjustment is taken back by who asked for it or amended it, or by a release manager."""
    team, adjustment, person = asked.situation.team, asked.adjusted, asked.actor.id
    managers = team.persons_holding("release-manager")
    required = "who asked for it, or a release manager"
    if person in adjustment.requesters or person in managers:
        return outcome("adjustment-own", "passed", required, person, by=person)
    who = tuple(sorted({*adjustment.requesters, *managers}))
    return outcome("adjustment-own", "needed", required, person, who=who)


@check("marker-reader")
def marker_reader(asked: Asked) -> CheckOutcome:
    """What the marker says is told by the operator, or by a runner."""
    required = "the operator, or a service with the role runner"
    team, person = asked.situation.team, asked.actor.id
    runners = tuple(p for p in team.holding(RUNNER) if team.principals[p].kind == "service")
    if person == asked.operator or person in runners:
        return outcome("marker-reader", "passed", required, person, by=person)
    who = (*((asked.operator,) if asked.operator is not None else ()), *runners)
    return outcome("marker-reader", "needed", required, person, who=who)


@check("outcome-unknown")
def outcome_unknown(asked: Asked) -> CheckOutcome:
    """Only an attempt whose outcome nobody knows is settled by its marker."""
    required = "an attempt whose outcome is unknown"
    attempt = asked.adjusted.attempt
    if attempt is None or not attempt.unknown:
        observed = "it is under way" if attempt is not None else f"none; it is {asked.adjusted.state}"
        return outcome("outcome-unknown", "failed", required, observed)
    return outcome("outcome-unknown", "passed", required, attempt.marker, evidence=(attempt.position,))


@check("adjustment-executed")
def adjustment_executed(asked: Asked) -> CheckOutcome:
    """Only the result of what was executed is judged, until somebody found it right or it was taken back."""
    required = "executed, and its result not yet found right"
    adjustment = asked.adjusted
    evidence = (adjustment.executed,) if adjustment.executed is not None else ()
    holds = adjustment.state in {"executed", "disputed"}
    return passed_or_failed("adjustment-executed", required, adjustment.state, holds=holds, evidence=evidence)


@check("result-checker-independent")
def result_checker_independent(asked: Asked) -> CheckOutcome:
    """Who finds the result right neither asked for the adjustment nor executed it."""
    required = "neither who asked for it nor who executed it"
    person, adjustment = asked.actor.id, asked.adjusted
    if independence.result_checker_independent(person, adjustment):
        return outcome("result-checker-independent", "passed", required, person, by=person)
    observed = f"{person} executed it" if person == adjustment.executed_by else f"{person} asked for it"
    return outcome("result-checker-independent", "needed", required, observed, who=may_check(asked))
