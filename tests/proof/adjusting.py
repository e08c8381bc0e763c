"""What anybody may do about an adjustment of data, and when two states of it are one."""
# Long: one alphabet of moves, and when two of their states are one: neither is true without the other.

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from interlock.domain import policy as policies
from interlock.domain.commands import adjustment as c
from interlock.domain.commands.environment import BreakLease, RegisterEnvironment, StateContent
from interlock.domain.commands.governance import (
    ApprovePolicy,
    ConfirmAsked,
    DesignateOperator,
    GrantRole,
    ProposePolicy,
    RevokeRole,
)
from interlock.domain.commands.problem import ResolveProblem
from interlock.domain.decide.adjustment import marker_of
from interlock.domain.situation import Adjustment, Environment
from interlock.events.catalogue.parts import AdjustmentPlan, AdjustmentTargets, ExpectedEffect, Observed
from interlock.events.codec import digest_of
from interlock.events.envelope import Actor
from tests.proof.ghost import PRODUCTION, STAGE
from tests.proof.lazy import LazyGate
from tests.proof.moves import Move
from tests.proof.odd import ODD
from tests.proof.oracle_of_adjustments import Told
from tests.proof.parts import rehearsed
from tests.proof.people import ANTON, DORA, ROSA, RUNNER, VERA, by_two, digest, identity, observed
from tests.proof.world import WATCH, State, due_now, give, later

ROWS = 3
PEOPLE = (ANTON, DORA, VERA, ROSA)
DAY, WEEK = timedelta(days=1), timedelta(days=7)


@dataclass(frozen=True)
class Data:
    """One part of the search of adjustments: what may disturb, and how often."""

    name: str
    disturbances: int
    disturb: frozenset[str]
    about: str = ""


@cache
def plan(variant: str) -> AdjustmentPlan:
    """What is to be done to the data; "undo" takes "a" back."""
    script, undo = ("undo", "a") if variant == "undo" else (variant, "undo")
    return AdjustmentPlan(
        purpose="x",
        script_digest=digest(f"script {script}"),
        targets=AdjustmentTargets(environment=PRODUCTION, identity=identity(PRODUCTION), tables=("fills",)),
        precondition_digest=digest("precondition"),
        expected_effect=ExpectedEffect(rows_min=ROWS, rows_max=ROWS, queries_digest=digest("effect")),
        undo_digest=digest(f"script {undo}"),
        risk="normal",
    )


@cache
def begun() -> State:
    """Stage holds production's data; vera is the operator, and dora, vera and rosa are verifiers."""
    known = rehearsed()
    schema = known.situation.environment(PRODUCTION).mark.schema_digest or ""
    told = Told(operator="vera", identity=identity(PRODUCTION), schema=schema)
    state = State(known.situation, told, known.now, 0, known.streams)
    for who in (DORA, VERA, ROSA):
        state = by_two(state, GrantRole(principal=who.id, role="verifier"))
    return state


class Adjusting:
    """The moves of one state."""

    def __init__(self, state: State, scope: Data) -> None:
        """Look at the state once."""
        self.state, self.scope, self.situation, self.now = state, scope, state.situation, state.now
        self.operator = state.situation.team.operators[PRODUCTION].at(state.now)
        registered = state.situation.environments[PRODUCTION].identity
        assert registered is not None
        self.identity = registered

    def one(self, label: str, actor: Actor, command: Any, cost: int = 0) -> Move:
        """One command."""
        return label, cost, lambda: give(self.state, actor, command)

    def disturbs(self, kind: str) -> bool:
        """Whether this kind of disturbance may come now."""
        return self.state.left > 0 and kind in self.scope.disturb

    def all(self) -> Iterator[Move]:
        """Every move."""
        yield from self.time()
        if not self.situation.counters.get("ADJ"):
            yield self.one("anton asks", ANTON, c.RequestAdjustment(plan=plan("a")))
        for adjustment in self.situation.adjustments.values():
            yield from self.adjustment(adjustment)
        yield from self.people()
        production = self.situation.environments[PRODUCTION]
        if production.unsure is not None:
            last = production.history[-1]
            stated = StateContent(environment=PRODUCTION, state="content", release=last.release,
                                  content_digest=last.content, reason="x")  # fmt: skip
            yield "two state what is there", 0, lambda: self.two(stated)
        for problem in self.situation.problems:
            yield self.one(f"rosa resolves {problem}", ROSA, ResolveProblem(problem=problem, how="x"))

    def there(self) -> Observed:
        """What the operator's `dt` finds in production as it is registered now."""
        return replace(observed(self.state, PRODUCTION), identity=self.identity)

    def two(self, command: Any) -> State | None:
        state = give(self.state, ROSA, command)
        if state is None or not state.situation.asks:
            return state
        return give(state, VERA, ConfirmAsked(ask=next(reversed(state.situation.asks))))

    def time(self) -> Iterator[Move]:
        """A lease runs out, a day or a week passes, and what the watch does then."""
        for command in due_now(self.state):
            yield self.one(f"watch: {type(command).__name__}", WATCH, command)
        leases = [e.lease for e in self.situation.environments.values() if e.lease is not None]
        waiting = [lease.expires_at for lease in leases if self.now < lease.expires_at]
        if waiting and self.disturbs("a lease runs out"):
            yield "a lease runs out", 1, lambda: later(self.state, min(waiting))
        for kind, length in (("a day passes", DAY), ("a week passes", WEEK)):
            if not leases and self.disturbs(kind):
                yield kind, 1, lambda t=length: later(self.state, self.now + t)  # type: ignore[misc]

    def people(self) -> Iterator[Move]:
        """Another operator, another verifier, a stricter policy."""
        for who in (DORA, VERA, ANTON):
            if who.id != self.operator and self.disturbs("another operator"):
                command = DesignateOperator(environment=PRODUCTION, principal=who.id)
                yield f"{who.id} becomes operator", 1, lambda x=command: self.two(x)  # type: ignore[misc]
        if self.disturbs("a deputy"):
            stands_in = DesignateOperator(environment=PRODUCTION, principal=DORA.id, until=self.now + DAY)
            yield "dora stands in for the operator", 1, lambda: self.two(stands_in)
        if self.identity == identity(PRODUCTION) and self.disturbs("another server"):
            anew = RegisterEnvironment(environment=PRODUCTION, identity=identity("elsewhere"))
            yield "production is registered anew", 1, lambda: self.two(anew)
        for who in (DORA, ROSA):
            if "verifier" not in self.situation.team.principals[who.id].roles:
                grant = GrantRole(principal=who.id, role="verifier")
                yield f"{who.id} becomes verifier", 0, lambda x=grant: self.two(x)  # type: ignore[misc]
            elif self.disturbs("a verifier less"):
                revoke = RevokeRole(principal=who.id, role="verifier", reason="x")
                yield self.one(f"{who.id} is verifier no more", VERA, revoke, 1)
        if self.situation.policy_version == 1 and self.disturbs("a stricter policy"):
            yield "three must verify", 1, self.stricter
        if self.situation.policy_version == 1 and ODD in self.scope.disturb:
            yield "rosa alone has three verify", 0, lambda: self.stricter(ROSA)

    def stricter(self, second: Actor = VERA) -> State | None:
        document = {**policies.shipped(), "verifications": 3}
        state = give(self.state, ROSA, ProposePolicy(document=document, reason="x"))
        if state is None:
            return None
        return give(state, second, ApprovePolicy(version=2, document_digest=digest_of(document)))

    # -- one adjustment -------------------------------------------------------------------------------------

    def adjustment(self, adjustment: Adjustment) -> Iterator[Move]:
        """What is done about it."""
        name, bound = adjustment.adjustment, adjustment.bound_digest
        production, stage = self.situation.environments[PRODUCTION], self.situation.environments[STAGE]
        if ODD in self.scope.disturb:
            yield from self.odd(name, adjustment)
        if adjustment.state == "open":
            yield from self.asking(adjustment)
            yield from self.rehearsing(adjustment, stage)
            for who in PEOPLE:
                verify = c.VerifyAdjustment(adjustment=name, bound_digest=bound, method="read")
                yield self.one(f"{who.id} verifies {name}", who, verify)
            other_one = c.VerifyAdjustment(adjustment=name, bound_digest=digest("another plan"), method="read")
            yield self.one(f"dora verifies another plan than {name}", DORA, other_one)
            if self.disturbs("a no"):
                for who in (DORA, ROSA):
                    no = c.RejectAdjustment(adjustment=name, bound_digest=bound, reason="x")
                    yield self.one(f"{who.id} says no to {name}", who, no, 1)
            yield from self.beginning(adjustment)
            if adjustment.attempt is not None:
                yield from self.executing(adjustment, production)
        else:
            for who in PEOPLE:
                right = c.VerifyAdjustmentResult(adjustment=name, method="looked")
                yield self.one(f"{who.id} finds {name} right", who, right)
            if self.disturbs("it is disputed"):
                yield self.one(f"{name} is disputed", DORA, c.DisputeAdjustmentResult(adjustment=name, reason="x"), 1)
            if self.disturbs("it is taken back") and adjustment.reverts is None:
                back = c.RequestAdjustment(plan=plan("undo"), reverts=name)
                yield self.one(f"anton wants {name} back", ANTON, back, 1)

    def odd(self, name: str, adjustment: Adjustment) -> Iterator[Move]:
        """What only who has no business with it would do."""
        right = c.VerifyAdjustmentResult(adjustment=name, method="looked")
        yield self.one(f"rosa finds {name} right, whatever became of it", ROSA, right)
        yield self.one(f"dora cancels {name}", DORA, c.CancelAdjustment(adjustment=name, reason="x"))
        if adjustment.attempt is not None:
            token = adjustment.attempt.token
            tells = c.ResolveAdjustment(adjustment=name, marker=marker_of(name, token), outcome="executed",
                                        observed=self.there(), rows=ROWS, before=digest("before"),
                                        after=digest("after"))  # fmt: skip
            yield self.one(f"dora tells what the marker of {name} says", DORA, tells)

    def asking(self, adjustment: Adjustment) -> Iterator[Move]:
        name = adjustment.adjustment
        if self.disturbs("it is taken back"):
            back = c.RequestAdjustment(plan=plan("undo"), reverts=name)
            yield self.one(f"anton wants {name} back before it is done", ANTON, back, 1)
        yield self.one(f"cancel {name}", ANTON, c.CancelAdjustment(adjustment=name, reason="x"))
        if self.disturbs("another plan") and adjustment.reverts is None:
            other = "b" if adjustment.plan == plan("a") else "a"
            for who in (ANTON, ROSA):
                amend = c.AmendAdjustment(adjustment=name, plan=plan(other), reason="x")
                yield self.one(f"{who.id} amends {name}", who, amend, 1)

    def rehearsing(self, adjustment: Adjustment, stage: Environment) -> Iterator[Move]:
        name, seen = adjustment.adjustment, observed(self.state, PRODUCTION)
        here = replace(observed(self.state, STAGE), schema_digest=seen.schema_digest)
        if stage.lease is None:
            odd = replace(here, schema_digest=digest("another schema"))
            for label, found in (("", here), (" on another schema", odd)):
                start = c.StartAdjustmentRehearsal(adjustment=name, environment=STAGE, observed=found)
                yield self.one(f"rehearse {name}{label}", RUNNER, start)
            return
        for rows in (ROWS, ROWS + 1):
            done = c.ReportAdjustmentRehearsed(
                adjustment=name, environment=STAGE, fencing_token=stage.lease.token, statements=(), rows=rows,
                before=digest("before"), after=digest("after"), duration_ms=1,
            )  # fmt: skip
            yield self.one(f"{name} is rehearsed with {rows} rows", RUNNER, done)
        if self.disturbs("it fails"):
            failed = c.ReportAdjustmentRehearsalFailed(
                adjustment=name, environment=STAGE, fencing_token=stage.lease.token, error="x"
            )
            yield self.one(f"the rehearsal of {name} fails", RUNNER, failed, 1)

    def beginning(self, adjustment: Adjustment) -> Iterator[Move]:
        name, bound, here = adjustment.adjustment, adjustment.bound_digest, self.there()
        other = identity("elsewhere" if self.identity == identity(PRODUCTION) else PRODUCTION)
        odd: tuple[tuple[str, Observed, str], ...] = (
            ("", here, bound),
            (" in another database", replace(here, identity=other), bound),
            (" on another schema", replace(here, schema_digest=digest("another schema")), bound),
            (" by another plan", here, digest("another plan")),
        )
        for who in PEOPLE:
            for label, found, read in odd if who.id == self.operator else odd[:1]:
                start = c.StartAdjustment(adjustment=name, bound_digest=read, observed=found)
                yield self.one(f"{who.id} begins {name}{label}", who, start)

    def executing(self, adjustment: Adjustment, production: Environment) -> Iterator[Move]:
        """The operator's `dt` goes on, fails, or is lost."""
        name, attempt = adjustment.adjustment, adjustment.attempt
        assert attempt is not None
        token, here = attempt.token, self.there()
        who = next(person for person in PEOPLE if person.id == attempt.operator)
        backup = c.ReportAdjustmentBackup(adjustment=name, fencing_token=token, backup_digest=digest("backup"),
                                          place="x", rows=ROWS, size_bytes=1)  # fmt: skip
        yield self.one(f"{name} is backed up", who, backup)
        for rows, holds in ((ROWS, True), (ROWS + 1, True), (ROWS, False)):
            commit = c.CommitAdjustment(adjustment=name, fencing_token=token, observed=here, rows=rows,
                                        effect_holds=holds, before=digest("before"), after=digest("after"),
                                        marker=marker_of(name, token))  # fmt: skip
            yield self.one(f"commit {name}, {rows} rows{'' if holds else ', another effect'}", who, commit)
        executed = c.ReportAdjustmentExecuted(adjustment=name, fencing_token=token, statements=(), rows=ROWS,
                                              before=digest("before"), after=digest("after"),
                                              duration_ms=1)  # fmt: skip
        yield self.one(f"{name} is executed", who, executed, int(attempt.started is None or production.lease is None))
        # Who may not go on any more stops by himself: that helps, and costs nothing.
        stopped = c.ReportAdjustmentFailed(adjustment=name, fencing_token=token, transaction="rolled_back", error="x")
        yield self.one(f"{name} fails, rolled_back", who, stopped)
        if self.disturbs("it fails"):
            yield self.one(f"{name} fails, unknown", who, replace(stopped, transaction="unknown"), 1)
        for outcome in ("executed", "rolled_back"):
            resolved = c.ResolveAdjustment(adjustment=name, marker=marker_of(name, token), outcome=outcome,
                                           observed=here, rows=ROWS, before=digest("before"),
                                           after=digest("after"))  # fmt: skip
            yield self.one(f"the marker of {name} tells: {outcome}", RUNNER, resolved)
        if production.lease is not None and self.disturbs("a lease is broken"):
            broken = BreakLease(environment=PRODUCTION, lease=production.lease.lease, reason="x")
            yield self.one("break the lease of production", ROSA, broken, 1)


def moves_of(state: State, scope: Data, lazy: LazyGate) -> Iterator[Move]:
    """The moves of adjustments; they are decided in full, for they are few."""
    del lazy
    return Adjusting(state, scope).all()


class Canon:
    """Numbers for keys: everything that a rule of adjustments, or its oracle, can tell apart."""

    def key(self, state: State, before: State | None) -> Any:
        """The state's key."""
        del before
        situation, now = state.situation, state.now
        roles = frozenset(p.id for p in situation.team.principals.values() if "verifier" in p.roles)
        places = tuple(_place(situation.environments[name], now) for name in (STAGE, PRODUCTION))
        operator, production = situation.team.operators[PRODUCTION], situation.environments[PRODUCTION]
        deputy = (operator.deputy, operator.deputy_until - now) if operator.at(now) != operator.principal else None  # type: ignore[operator]
        team = (operator.principal, deputy, roles, situation.policy_version, production.identity)
        adjustments = tuple(_adjustment(a, now) for a in situation.adjustments.values())
        more = (len(situation.problems), bool(situation.counters.get("ADJ")))
        return (state.left, team, places, adjustments, more, _told(state.ghost, now))


def _place(e: Environment, now: datetime) -> Any:
    lease = None if e.lease is None else (e.lease.activity, e.lease.holder, now >= e.lease.expires_at)
    restored = e.data.restored
    data = None if restored is None else (now - restored.taken_at, e.data.corrupt is None)
    return (lease, e.unsure is not None, e.occupant is not None and e.occupant.deploy is not None, data)


def _adjustment(a: Adjustment, now: datetime) -> Any:
    rehearsal = None if a.rehearsal is None else (a.rehearsal.good, now - (a.rehearsal.data_taken_at or now))
    words = frozenset((v.by, v.good) for v in a.verifications.values())
    authorized = a.authorization and (a.authorization.operator, a.authorization.valid_until - now)
    attempt = a.attempt and (a.attempt.operator, a.attempt.backup is None, a.attempt.started is None, a.attempt.unknown)
    return (
        a.adjustment, a.state, a.bound_digest, a.requesters, a.expires_at - now, a.policy_version, a.reverts, rehearsal,
        words, authorized, attempt, a.executed_by,
    )  # fmt: skip


def _told(told: Told, now: datetime) -> Any:
    known = tuple(
        (name, a._replace(until=a.until - now, lease=a.lease and "held",  # type: ignore[arg-type]
                          rehearsed=a.rehearsed and (now - a.rehearsed[0], a.rehearsed[1]),  # type: ignore[arg-type]
                          authorized=a.authorized and (a.authorized[0], a.authorized[1] - now)))  # type: ignore[arg-type]
        for name, a in told.adjustments
    )  # fmt: skip
    leases = tuple((place, holder, now >= until) for place, (_, holder, until) in told.leases)
    deputy = (told.deputy[0], told.deputy[1] - now) if told.deputy is not None and now < told.deputy[1] else None
    return (told.operator, deputy, told.identity, told.verifiers, told.wanted, known, leases)


def settled(state: State) -> bool:
    """Every adjustment is over, and production is sure, free and calm."""
    production = state.situation.environments[PRODUCTION]
    calm = not any(problem.environment == PRODUCTION for problem in state.situation.problems.values())
    return not state.situation.adjustments and production.unsure is None and production.lease is None and calm


DATA: tuple[Data, ...] = (
    Data("adjustment", 2, frozenset({
        "a lease is broken", "a lease runs out", "a no", "a stricter policy", "a verifier less", "a day passes",
        "a week passes", "another operator", "another plan", "it fails", "it is disputed", "it is taken back",
    }), "an adjustment of data and one that takes it back; operator, verifiers and policy change"),
    Data("another place", 2, frozenset({"a deputy", "a day passes", "another server"}),
         "an adjustment while somebody stands in for the operator, and production becomes another server"),
)  # fmt: skip
