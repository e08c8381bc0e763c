"""The checks of data adjustments: rehearsed, verified by enough independent persons, authorized, executed once."""

from __future__ import annotations

from datetime import datetime, timedelta

from interlock.domain.checks import independence
from interlock.domain.checks.asked import Asked, check, clock_text, outcome, passed_or_failed
from interlock.domain.policy import Policy
from interlock.domain.situation import Adjustment, AdjustmentVerification
from interlock.events.decision import CheckOutcome

RUNNER = "runner"
VERIFIER = "verifier"
CHECKERS = ("tester", "verifier", "reviewer", "release-manager")


def verifications_wanted(policy: Policy, adjustment: Adjustment) -> int:
    """How many distinct persons must stand for it: more where the risk is high."""
    return policy.verifications_high_risk if adjustment.plan.risk == "high" else policy.verifications


def snapshot_until(policy: Policy, taken_at: datetime) -> datetime:
    """Up to when data that was taken then may be rehearsed on, or have been."""
    return taken_at + timedelta(hours=policy.snapshot_age_hours)


def authorized_until(policy: Policy, adjustment: Adjustment) -> datetime | None:
    """Up to, but not at, which moment its authorization counts; None where there is none."""
    given = adjustment.authorization
    if given is None:
        return None
    return min(given.valid_until, given.at + timedelta(minutes=policy.authorization_minutes), adjustment.expires_at)


def standing(asked: Asked) -> tuple[AdjustmentVerification, ...]:
    """The verifications of the present plan by persons who are verifiers still, the first one first."""
    verifiers = set(asked.situation.team.persons_holding(VERIFIER))
    words = asked.adjusted.verifications.values()
    return tuple(sorted((v for v in words if v.good and v.by in verifiers), key=lambda v: v.position))


def counted(asked: Asked) -> tuple[AdjustmentVerification, ...]:
    """Those of them that count now: not by who asked for it, and not by who will execute it."""
    return tuple(v for v in standing(asked) if independence.verifier_independent(v.by, asked.adjusted, asked.operator))


def may_verify(asked: Asked) -> tuple[str, ...]:
    """The persons who may still stand for it."""
    verified = {v.by for v in standing(asked)}
    return tuple(
        p
        for p in asked.situation.team.persons_holding(VERIFIER)
        if p not in verified and independence.verifier_independent(p, asked.adjusted, asked.operator)
    )


def may_check(asked: Asked) -> tuple[str, ...]:
    """The persons who may say that its result is right."""
    team = asked.situation.team
    return tuple(
        p for p in team.persons_holding(*CHECKERS) if independence.result_checker_independent(p, asked.adjusted)
    )


@check("adjustment-open")
def adjustment_open(asked: Asked) -> CheckOutcome:
    """The adjustment is neither over nor executed, and no attempt's outcome is unknown."""
    required = "neither executed nor over"
    adjustment = asked.adjusted
    show = f"dt adjust show {adjustment.adjustment}"
    if adjustment.attempt is not None and adjustment.attempt.unknown:
        return outcome(
            "adjustment-open",
            "failed",
            required,
            "nobody knows yet whether it was committed",
            evidence=(adjustment.attempt.position,),
            next=show,
        )
    if adjustment.state != "open":
        evidence = (adjustment.executed,) if adjustment.executed is not None else ()
        return outcome("adjustment-open", "failed", required, adjustment.state, evidence=evidence, next=show)
    if asked.now >= adjustment.expires_at:
        observed = f"its time was over {clock_text(adjustment.expires_at)}"
        return outcome("adjustment-open", "failed", required, observed, next="dt adjust request")
    return outcome(
        "adjustment-open", "passed", required, "open", evidence=(adjustment.position,), until=adjustment.expires_at
    )


@check("rehearsed-on-production-data")
def rehearsed_on_production_data(asked: Asked) -> CheckOutcome:
    """It is rehearsed on data restored from production, neither corrupt nor too old, with production's schema."""
    policy, restore = asked.policy, asked.place.data.restored
    required = f"production's data, at most {policy.snapshot_age_hours} h old, with production's schema"
    command = f"dt env restore {asked.environment} --from {policy.production}"

    def failed(observed: str, *evidence: int) -> CheckOutcome:
        return outcome("rehearsed-on-production-data", "failed", required, observed, evidence=evidence, next=command)

    if asked.place.data.corrupt is not None:
        return failed(f"marked as corrupt: {asked.place.data.corrupt}")
    if restore is None or restore.source != policy.production:
        return failed("nothing is restored there" if restore is None else f"it is {restore.source}'s")
    if asked.now > snapshot_until(policy, restore.taken_at):
        return failed(f"taken {clock_text(restore.taken_at)}", restore.position)
    found = asked.observed.schema_digest if asked.observed is not None else None
    wanted = asked.production.mark.schema_digest
    if found is None or wanted is None:
        return failed("the runner read no schema" if found is None else "nobody said which schema production has")
    if found != wanted:
        return failed("it has another schema than production", restore.position)
    return outcome(
        "rehearsed-on-production-data",
        "passed",
        required,
        f"{restore.restore}, taken {clock_text(restore.taken_at)}",
        evidence=(restore.position,),
        until=snapshot_until(policy, restore.taken_at),
    )


@check("adjustment-rehearsed")
def adjustment_rehearsed(asked: Asked) -> CheckOutcome:
    """The latest rehearsal of exactly this plan went well, on data that is not too old, with production's schema."""
    adjustment, rehearsal = asked.adjusted, asked.adjusted.rehearsal
    required = f"rehearsed on production's data, at most {asked.policy.snapshot_age_hours} h old, with its schema"
    command = f"dt adjust rehearse {adjustment.adjustment}"
    who = asked.situation.team.holding(RUNNER)
    if rehearsal is None:
        return outcome("adjustment-rehearsed", "failed", required, "this plan was not rehearsed", who=who, next=command)
    observed = _stale(asked)
    return outcome(
        "adjustment-rehearsed",
        "failed" if observed is not None else "passed",
        required,
        observed or f"in {rehearsal.environment}: {rehearsal.rows} rows, rolled back",
        evidence=(rehearsal.position,),
        by=rehearsal.by,
        since=rehearsal.at,
        who=who if observed is not None else (),
        next=command if observed is not None else None,
    )


def _stale(asked: Asked) -> str | None:
    """Why the rehearsal that there is does not count now, or None."""
    rehearsal, recorded = asked.adjusted.rehearsal, asked.production.mark.schema_digest
    found = asked.observed.schema_digest if asked.observed is not None else None
    if rehearsal is None or not rehearsal.good:
        return "the last rehearsal failed"
    if rehearsal.data_taken_at is None or asked.now > snapshot_until(asked.policy, rehearsal.data_taken_at):
        return "its data is too old now"
    if asked.starting and found is None:
        return "the runner read no schema in production"
    if rehearsal.schema_digest is None or {rehearsal.schema_digest} != {recorded, found or recorded}:
        return "production has another schema now"
    return None


@check("adjustment-verified")
def adjustment_verified(asked: Asked) -> CheckOutcome:
    """Enough distinct persons who are verifiers stand for exactly this plan, and none says no."""
    adjustment, found = asked.adjusted, standing(asked)
    wanted = verifications_wanted(asked.policy, adjustment)
    required = f"{wanted} different persons verified exactly this plan, and nobody rejects it"
    no = min((v for v in adjustment.verifications.values() if not v.good), key=lambda v: v.position, default=None)
    if no is not None:
        return outcome(
            "adjustment-verified",
            "failed",
            required,
            f"{no.by} rejected it: {no.reason}",
            evidence=(no.position,),
            by=no.by,
            since=no.at,
            who=(no.by, *sorted(adjustment.requesters - {no.by})),
            next=f"dt adjust amend {adjustment.adjustment}",
        )
    names = ", ".join(v.by for v in found) or "nobody"
    evidence = tuple(v.position for v in found)
    if len(found) >= wanted:
        return outcome("adjustment-verified", "passed", required, names, evidence=evidence)
    return outcome(
        "adjustment-verified",
        "needed",
        required,
        f"{len(found)} of {wanted}: {names}",
        evidence=evidence,
        who=may_verify(asked),
        next=f"dt adjust verify {adjustment.adjustment}",
    )


@check("verifiers-independent")
def verifiers_independent(asked: Asked) -> CheckOutcome:
    """Enough of them are independent now: they neither asked for it nor amended it, and do not execute it."""
    adjustment, found = asked.adjusted, counted(asked)
    wanted = min(verifications_wanted(asked.policy, adjustment), max(1, len(standing(asked))))
    required = "verified by persons who neither asked for it nor execute it"
    names = ", ".join(v.by for v in found) or "nobody"
    evidence = tuple(v.position for v in found)
    if len(found) >= wanted:
        return outcome("verifiers-independent", "passed", required, names, evidence=evidence)
    partial = sorted({v.by for v in standing(asked)} - {v.by for v in found})
    observed = f"{', '.join(partial)} asked for it or executes it" if partial else "nobody verified it"
    return outcome(
        "verifiers-independent",
        "needed",
        required,
        observed,
        evidence=evidence,
        who=may_verify(asked),
        next=f"dt adjust verify {adjustment.adjustment}",
    )


@check("verifier-independent")
def verifier_independent(asked: Asked) -> CheckOutcome:
    """Who verifies neither asked for the adjustment nor amended it, and is not the operator."""
    required = "neither who asked for it nor the operator"
    person, adjustment = asked.actor.id, asked.adjusted
    if independence.verifier_independent(person, adjustment, asked.operator):
        return outcome("verifier-independent", "passed", required, person, by=person)
    observed = f"{person} asked for it" if person in adjustment.requesters else f"{person} is the operator"
    return outcome("verifier-independent", "needed", required, observed, who=may_verify(asked))


@check("operator-designated")
def operator_designated(asked: Asked) -> CheckOutcome:
    """One person is designated to execute adjustments now; nobody else starts or commits one."""
    required = f"the operator of {asked.policy.production}"
    operator, team = asked.operator, asked.situation.team
    known = team.principals.get(operator) if operator is not None else None
    if operator is None or known is None or not known.active:
        return outcome(
            "operator-designated",
            "failed",
            required,
            "nobody is designated" if operator is None else f"{operator} has left",
            who=team.persons_holding("administrator"),
            next=f"dt team operator {asked.policy.production} PERSON",
        )
    if asked.starting and asked.actor.id != operator:
        return outcome("operator-designated", "needed", required, f"not {asked.actor.id}", who=(operator,))
    return outcome("operator-designated", "passed", required, operator, by=operator)


@check("adjustment-unchanged")
def adjustment_unchanged(asked: Asked) -> CheckOutcome:
    """What was read is the present plan, to the last byte."""
    adjustment = asked.adjusted
    same = asked.bound_digest == adjustment.bound_digest
    return passed_or_failed(
        "adjustment-unchanged",
        f"the present plan, {adjustment.bound_digest[:15]}",
        adjustment.bound_digest[:15] if same else f"{(asked.bound_digest or 'none')[:15]} was read",
        holds=same,
        evidence=(adjustment.planned,),
        next=None if same else f"dt adjust show {adjustment.adjustment}",
    )


@check("target-identified")
def target_identified(asked: Asked) -> CheckOutcome:
    """The server and database are those that the plan names, also where the environment is registered anew since."""
    wanted = asked.adjusted.plan.targets.identity
    required = f"the plan's target, {wanted.database}/{wanted.system_identifier}"
    found = asked.observed.identity if asked.observed is not None else None
    if not asked.starting:
        found = asked.production.identity
    if found is None:
        return outcome("target-identified", "failed", required, "nobody said what was found")
    observed = f"{found.database}/{found.system_identifier}"
    next_step = None if found == wanted else f"dt adjust amend {asked.adjusted.adjustment}"
    return passed_or_failed("target-identified", required, observed, holds=found == wanted, next=next_step)


@check("authorization-valid")
def authorization_valid(asked: Asked) -> CheckOutcome:
    """It is authorized for who is operator now, and the authorization's time is not over."""
    adjustment, given = asked.adjusted, asked.adjusted.authorization
    required = "an authorization in force, for who is operator now"
    until = authorized_until(asked.policy, adjustment)
    show = f"dt adjust show {adjustment.adjustment}"
    if given is None or until is None:
        return outcome("authorization-valid", "failed", required, "it is not authorized", next=show)
    known = {"evidence": (given.position,), "since": given.at, "until": until}
    if given.operator != asked.operator:
        observed = f"it was given for {given.operator}"
        return outcome("authorization-valid", "failed", required, observed, next=show, **known)
    if asked.now >= until:
        observed = f"it was over {clock_text(until)}"
        verify = f"dt adjust verify {adjustment.adjustment}"
        return outcome("authorization-valid", "failed", required, observed, who=may_verify(asked), next=verify, **known)
    return outcome("authorization-valid", "passed", required, f"for {given.operator}", **known)
