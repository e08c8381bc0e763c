"""One command before the rules: what it names, who gives it, when, and how its answer is made."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from interlock.domain import policy as policies
from interlock.domain.checks import Asked
from interlock.domain.entitlements import role_held
from interlock.domain.errors import InvalidCommand, NotFound
from interlock.domain.gates import evaluate
from interlock.domain.policy import Policy
from interlock.domain.situation import Adjustment, Ask, Environment, Problem, Release, Situation
from interlock.events.catalogue import team
from interlock.events.codec import digest_of, plain
from interlock.events.decision import CheckOutcome, Decision, NextStep
from interlock.events.envelope import Actor
from interlock.events.fact import fact, replace

ALLOWED_AT_ATTEMPTS_MAX = 5


@fact
class New:
    """One thing to be recorded in `stream`; `occurred_at` only for a past fact that was reported."""

    stream: str
    event: Any
    occurred_at: datetime | None = None


@fact
class Ruled:
    """The rules' answer to one command: the decision, and what is to be recorded where it allows."""

    subject: str
    decision: Decision
    facts: tuple[New, ...] = ()


Effect = Callable[[Decision], Iterable[New]]


@dataclass(slots=True, kw_only=True)
class Case:
    """A command with everything that its decision may look at.

    `asker` is the first of two persons, where the actor confirms what that one asked for.
    """

    situation: Situation
    command: Any
    actor: Actor
    now: datetime
    asker: Actor | None = None
    ask: Ask | None = None
    following: Policy | None = None

    @property
    def policy(self) -> Policy:
        """The policy in force."""
        if self.following is None:
            document = self.situation.policies.get(self.situation.policy_version)
            parsed = policies.followed(document) if document is not None else policies.parse(policies.shipped())
            self.following = parsed
        return self.following

    def release(self, name: str) -> Release:
        """The release of that name. Raises NotFound."""
        release = self.situation.releases.get(name)
        if release is None:
            raise NotFound("release", name)
        return release

    def environment(self, name: str) -> Environment:
        """The environment of that name, by the policy. Raises NotFound."""
        if self.policy.environment(name) is None:
            raise NotFound("environment", name)
        return self.situation.environment(name)

    def place(self, name: str) -> Environment:
        """The environment of that name, or the scratch database. Raises NotFound.

        What an activity still holds is known until it is over, also when the policy names it no more.
        """
        held = name in self.situation.environments and self.situation.environments[name].lease is not None
        if not held and self.policy.place(name) is None:
            raise NotFound("environment", name)
        return self.situation.environment(name)

    def adjustment(self, name: str) -> Adjustment:
        """The adjustment of that name. Raises NotFound."""
        adjustment = self.situation.adjustments.get(name)
        if adjustment is None:
            raise NotFound("adjustment", name)
        return adjustment

    def problem(self, name: str) -> Problem:
        """The problem of that name. Raises NotFound."""
        problem = self.situation.problems.get(name)
        if problem is None:
            raise NotFound("problem", name)
        return problem

    def past(self, happened_at: datetime | None) -> datetime | None:
        """When a reported fact happened, where that lies back; a reporter's clock that runs ahead says no more."""
        return happened_at if happened_at is not None and happened_at < self.now else None

    def new_id(self, kind: str, offset: int = 1) -> str:
        """The next free id of a kind, as in "D-17"."""
        return f"{kind}-{self.situation.counters.get(kind, 0) + offset}"

    def asked(self, environment: str, release: Release | None = None, **more: Any) -> Asked:
        """What the checks look at."""
        return Asked(
            situation=self.situation,
            policy=self.policy,
            now=self.now,
            actor=self.actor,
            environment=environment,
            release=release,
            second=self.asker.id if self.asker is not None else None,
            **more,
        )

    def ruled(
        self,
        action: str,
        subject: str,
        names: Sequence[str],
        asked: Asked | None,
        effect: Effect,
        *,
        extra: Iterable[CheckOutcome] = (),
    ) -> Ruled:
        """Evaluate the checks, who may ask at all first; where all hold, say what is to be recorded."""
        roles = [role_held(self.situation, self.command, self.actor)]
        if self.asker is not None:
            asker = role_held(self.situation, self.command, self.asker)
            roles.append(replace(asker, observed=f"{self.asker.id}: {asker.observed}"))
        role = next((outcome for outcome in roles if not outcome.holds), roles[0])
        checks = (role, *extra, *(evaluate(names, asked) if asked is not None else ()))
        decision = self._decision(action, checks, asked)
        return Ruled(subject=subject, decision=decision, facts=tuple(effect(decision)) if decision.allowed else ())

    def unchanged(self, action: str, subject: str) -> Ruled:
        """It is so already: nothing is recorded, and nothing is refused to who may ask."""
        return self.ruled(action, subject, (), None, lambda _: ())

    def _decision(self, action: str, checks: tuple[CheckOutcome, ...], asked: Asked | None) -> Decision:
        missing = tuple(outcome for outcome in checks if not outcome.holds)
        allowed_at = None
        if missing and asked is not None and all(outcome.state == "waiting" for outcome in missing):
            allowed_at = self._allowed_at(missing, asked)
        # What passed is said in the answer and kept with its evidence; the steps only for what is missing.
        return Decision(
            action=action,
            result="refused" if missing else "allowed",
            position=self.situation.position,
            policy_version=self.situation.policy_version,
            checks=checks,
            allowed_at=allowed_at,
            next=tuple(_steps(missing, asked, allowed_at)),
        )

    def _allowed_at(self, waiting: tuple[CheckOutcome, ...], asked: Asked) -> datetime | None:
        """When every check that waits would pass; None where they never do together in the time looked at."""
        moment = self.now
        names = [outcome.check for outcome in waiting]
        for _ in range(ALLOWED_AT_ATTEMPTS_MAX):
            outcomes = evaluate(names, replace(asked, now=moment))
            later = [outcome.passes_at for outcome in outcomes if not outcome.holds and outcome.passes_at]
            if all(outcome.holds for outcome in outcomes):
                return moment
            if not later:
                return None
            moment = max(later)
        return None

    def two_persons(self, action: str, subject: str, names: Sequence[str], asked: Asked, effect: Effect) -> Ruled:
        """The first person asks; when the second confirms, everything is decided anew, and the effect names both."""
        if self.asker is not None:
            return self.ruled(action, subject, (*names, "second-person"), asked, effect)
        command = plain(self.command)
        kind = type(self.command).__name__
        digest = digest_of({"command": kind, "fields": command})
        for known in self.situation.asks.values():
            if known.bound_digest == digest and known.asked_by == self.actor.id and self.now < known.until:
                return self.ruled(action, subject, names, asked, lambda _: ())
        event = team.SecondPersonAsked(
            ask=self.new_id("C"),
            action=action,
            command_type=kind,
            command=command,
            bound_digest=digest,
            asked_by=self.actor.id,
            until=self.now + timedelta(hours=self.policy.second_person_hours),
        )
        return self.ruled(action, subject, names, asked, lambda _: (New(stream="team", event=event),))

    def confirmation(self) -> Iterator[New]:
        """That a second person did it, where this is a confirmation; the effect follows it."""
        if self.ask is not None:
            event = team.SecondPersonConfirmed(
                ask=self.ask.ask, asked_by=self.ask.asked_by, bound_digest=self.ask.bound_digest
            )
            yield New(stream="team", event=event)

    @property
    def first_and_second(self) -> tuple[str, str]:
        """The two persons of an effect that needs two. Raises InvalidCommand before the second confirmed."""
        if self.asker is None:
            raise InvalidCommand("command", "this takes a second person")
        return self.asker.id, self.actor.id


def _steps(missing: Iterable[CheckOutcome], asked: Asked | None, allowed_at: datetime | None) -> Iterable[NextStep]:
    seen: set[str] = set()
    request = asked is not None and asked.intent in {"promote", "redeploy"} and not asked.starting
    if allowed_at is not None and asked is not None and asked.release is not None and request:
        yield NextStep(
            command=f"dt deploy {asked.release.name} {asked.environment} --at-window",
            why=f"starts at {allowed_at.strftime('%a %H:%M GMT')}; every check runs again then",
        )
    for outcome in missing:
        if outcome.next is None or outcome.next in seen:
            continue
        seen.add(outcome.next)
        who = f" ({' or '.join(outcome.who[:4])})" if outcome.who else ""
        yield NextStep(command=outcome.next, why=f"{outcome.check}{who}")
