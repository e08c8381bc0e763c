"""Data adjustments on the walk: mostly what helps one on, and now and then what nobody should get away with."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from random import Random
from typing import Any

from interlock.domain.commands.adjustment import (
    AmendAdjustment,
    CancelAdjustment,
    DisputeAdjustmentResult,
    RejectAdjustment,
    ReportAdjustmentRehearsalFailed,
    RequestAdjustment,
    ResolveAdjustment,
    VerifyAdjustmentResult,
)
from interlock.domain.commands.environment import MarkDataCorrupt, RenewLease, StartRestore
from interlock.domain.commands.governance import ConfirmAsked, DesignateOperator, GrantRole, RevokeRole
from interlock.domain.errors import InvalidCommand, NotFound
from interlock.domain.situation import Adjustment
from tests.domain import adjusting
from tests.domain.adjusting import SCRATCH
from tests.domain.given import PRODUCTION, STAGE, Story
from tests.domain.story import digest

AT_ONCE = 2
VERIFIERS = ("qa-1", "qa-2", "vera")
OPERATORS = ("operator-1", "operator-1", "anton", "qa-1", "rm-1")
KEPT = 40


class Adjusting:
    """The part of a walk that is about adjustments; whatever was asked once may be asked again, much later."""

    def __init__(self, story: Story, random: Random) -> None:
        """Go on with this story; `random` is the walk's own."""
        self.story = story
        self.random = random
        self.asked: list[tuple[str, Any]] = []

    def ask(self, who: str, command: Any) -> bool:
        """Give the command, and remember it; whether it was accepted."""
        self.asked = [*self.asked[-KEPT:], (who, command)]
        try:
            return type(self.story.ask(who, command)).__name__ == "Accepted"
        except (NotFound, InvalidCommand):
            return False

    @property
    def operator(self) -> str:
        """Who is operator now."""
        return self.story.situation.team.operators[PRODUCTION].at(self.story.now)

    def pick(self) -> Adjustment | None:
        """One of those that are not over."""
        known = list(self.story.situation.adjustments.values())
        return self.random.choice(known) if known else None

    # -- what helps -------------------------------------------------------------------------------------

    def help(self) -> None:
        """Begin one, or bring one a step further."""
        adjustment = self.pick()
        many = len(self.story.situation.adjustments) >= AT_ONCE
        if adjustment is None or (not many and self.random.random() < 0.3):
            self.request()
            return
        name = adjustment.adjustment
        if adjustment.attempt is not None:
            self.go_on(adjustment)
        elif adjustment.state != "open":
            self.look(adjustment)
        elif any(p.lease and p.lease.adjustment == name for p in self.story.situation.environments.values()):
            self.rehearsed(name)
        else:
            self.mend(adjustment)

    def request(self) -> None:
        """One more, by somebody, of some risk."""
        who = self.random.choice(("dora", "anton", "qa-1", "rm-1"))
        salt = str(self.random.randrange(1000))
        risk = "high" if self.random.random() < 0.3 else "normal"
        self.ask(who, RequestAdjustment(plan=adjusting.plan(salt=salt, risk=risk)))

    def mend(self, adjustment: Adjustment) -> None:
        """What its execution lacks first, or the execution."""
        name = adjustment.adjustment
        missing = {outcome.check for outcome in adjusting.gate(self.story, name).missing}
        if "adjustment-rehearsed" in missing:
            self.rehearse(name)
        elif missing & {"adjustment-verified", "verifiers-independent"}:
            self.ask(self.random.choice(VERIFIERS), adjusting.verification(self.story, name))
        elif "authorization-valid" in missing:
            self.story.tick(seconds=1)
        else:
            self.ask(self.operator, adjusting.starting(self.story, name))

    def rehearse(self, name: str) -> None:
        """In scratch or in stage, on data that may have to be restored first."""
        environment = self.random.choice((SCRATCH, SCRATCH, STAGE))
        if self.ask("ci-1", adjusting.start_rehearsal(self.story, name, environment)):
            if self.random.random() < 0.8:
                self.rehearsed(name)
            return
        observed = adjusting.seen_in(self.story, SCRATCH)
        self.ask("ci-1", StartRestore(environment=SCRATCH, source=PRODUCTION, observed=observed))

    def rehearsed(self, name: str) -> None:
        """The report of its rehearsal, mostly a good one."""
        for place in self.story.situation.environments.values():
            if place.lease is None or place.lease.activity != f"rehearsal {name}":
                continue
            if self.random.random() < 0.85:
                self.ask("ci-1", adjusting.rehearsed_report(self.story, name, place.name))
                return
            token = place.lease.token
            failed = ReportAdjustmentRehearsalFailed(
                adjustment=name, environment=place.name, fencing_token=token, error="no"
            )
            self.ask("ci-1", failed)
            return

    def go_on(self, adjustment: Adjustment) -> None:
        """The next step of its execution, or of what became of it."""
        name, attempt = adjustment.adjustment, adjustment.attempt
        if attempt is None:
            return
        if attempt.unknown:
            self.resolve(name, attempt.marker or "")
        elif self.random.random() < 0.08:
            self.story.tick(minutes=self.random.choice((5, 16)))
        elif attempt.started is None and self.random.random() < 0.15:
            self.hurry(name, attempt.operator)
        elif attempt.backup is None:
            self.ask(attempt.operator, adjusting.backup(self.story, name))
        elif attempt.started is None:
            self.ask(attempt.operator, adjusting.committing(self.story, name))
        else:
            report = self.random.random()
            transaction = "unknown" if report > 0.8 else "rolled_back"
            command: Any = adjusting.executed_report(self.story, name)
            if report > 0.6:
                command = adjusting.failed_report(self.story, transaction, name)
            self.ask(attempt.operator, command)

    def resolve(self, name: str, marker: str) -> None:
        """What the marker says."""
        executed = self.random.random() < 0.5
        command = ResolveAdjustment(
            adjustment=name,
            marker=marker,
            outcome="executed" if executed else "rolled_back",
            observed=adjusting.seen_in(self.story, PRODUCTION),
        )
        self.ask(self.random.choice(("ci-1", self.operator, "dora")), command)

    def look(self, adjustment: Adjustment) -> None:
        """Somebody looks at its result, or takes it back."""
        name, who = adjustment.adjustment, self.random.choice(("qa-1", "reviewer-1", "rm-1", "vera"))
        choice = self.random.random()
        if choice < 0.2:
            self.ask(self.operator, adjusting.starting(self.story, name))
        elif choice < 0.5:
            self.ask(who, VerifyAdjustmentResult(adjustment=name, method="counted"))
        elif choice < 0.6:
            self.ask(who, DisputeAdjustmentResult(adjustment=name, reason="x"))
        else:
            undo = adjusting.plan(script_digest=adjustment.plan.undo_digest, undo_digest=digest(f"redo {name}"))
            self.ask(self.random.choice(("dora", "qa-2")), RequestAdjustment(plan=undo, reverts=name))

    # -- what nobody should get away with ----------------------------------------------------------------

    def whim(self) -> None:
        """Somebody changes his mind, his role or his place; or tries what he may not."""
        adjustment = self.pick()
        if adjustment is None:
            self.request()
            return
        name, bound = adjustment.adjustment, adjustment.bound_digest
        anybody = self.random.choice((*VERIFIERS, "dora", "anton", "operator-1", "rm-1", "ci-1"))
        match self.random.randrange(11):
            case 0:
                self.designate()
            case 1:
                self.ask("admin-1", RevokeRole(principal=self.random.choice(VERIFIERS), role="verifier", reason="x"))
            case 2:
                self.two(GrantRole(principal=self.random.choice((*VERIFIERS, "anton")), role="verifier"))
            case 3:
                plan = adjusting.plan(salt=str(self.random.randrange(1000)))
                self.ask(anybody, AmendAdjustment(adjustment=name, plan=plan, reason="x"))
            case 4:
                self.ask(anybody, RejectAdjustment(adjustment=name, bound_digest=bound, reason="x"))
            case 5:
                self.ask(anybody, adjusting.verification(self.story, name))
            case 6:
                self.ask(anybody, CancelAdjustment(adjustment=name, reason="x"))
            case 7:
                self.ask("qa-1", MarkDataCorrupt(environment=self.random.choice((SCRATCH, STAGE)), reason="x"))
            case 8:
                self.hurry(name, anybody)
            case 9:
                self.ask(anybody, VerifyAdjustmentResult(adjustment=name, method="x"))
            case _:
                self.again()

    def two(self, command: Any) -> None:
        """What takes two administrators."""
        if self.ask("admin-1", command):
            for ask in list(self.story.situation.asks):
                self.ask("admin-2", ConfirmAsked(ask=ask))

    def designate(self) -> None:
        """Another operator, or a deputy for a while."""
        until = self.story.now + timedelta(hours=2) if self.random.random() < 0.5 else None
        person = self.random.choice(OPERATORS)
        self.two(DesignateOperator(environment=PRODUCTION, principal=person, until=until))

    def hurry(self, name: str, anybody: str) -> None:
        """A step of its execution too early, with another result, in another database, or by somebody else."""
        who = self.random.choice((anybody, self.operator))
        if self.story.situation.environment(PRODUCTION).lease is None:
            self.ask(who, adjusting.starting(self.story, name))
            return
        commit = adjusting.committing(self.story, name)
        lease = self.story.situation.environment(PRODUCTION).lease
        commands = [
            commit,
            replace(commit, rows=commit.rows + 1),
            replace(commit, effect_holds=False),
            replace(commit, observed=adjusting.wrong_place(commit.observed)),
            adjusting.executed_report(self.story, name),
            adjusting.failed_report(self.story, "rolled_back", name),
            RenewLease(environment=PRODUCTION, lease=lease.lease if lease else "L-1", fencing_token=1),
        ]
        self.ask(who, self.random.choice(commands))

    def again(self) -> None:
        """Something that was asked before, perhaps by somebody else."""
        if self.asked:
            who, command = self.random.choice(self.asked)
            self.ask(who if self.random.random() < 0.7 else self.operator, command)
