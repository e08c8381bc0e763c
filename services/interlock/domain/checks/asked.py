"""What a check looks at: the situation, the policy, who asks, and for what."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from typing import TypeVar

from interlock.domain.policy import EnvironmentPolicy, HandReport, Policy
from interlock.domain.situation import Adjustment, DeployRequest, Environment, Release, Situation, Verdict, Work
from interlock.events.catalogue.parts import Observed
from interlock.events.decision import CheckOutcome, CheckState
from interlock.events.envelope import Actor
from interlock.events.fact import fact
from interlock.events.values import Intent


@fact
class Asked:
    """One action on one release or environment at one moment, as a check sees it.

    `requester` is who asked for a deploy that somebody else now starts. `observed` is what the
    runner read in the target, and is None before there is a runner. `attempt` is the work that a
    retry repeats, where this is one. `lease` is a lease's id, or the activity that must hold it, as in
    "restore S-3". `bound_digest`, `rows` and `effect_holds` are what is said of an adjustment: which plan was read,
    how many rows it touched, and whether its effect queries were true.
    """

    situation: Situation
    policy: Policy
    now: datetime
    actor: Actor
    environment: str
    release: Release | None = None
    content: str | None = None
    intent: Intent | None = None
    requester: str | None = None
    request: DeployRequest | None = None
    observed: Observed | None = None
    starting: bool = False
    problem: str | None = None
    areas: tuple[str, ...] = ()
    source: str | None = None
    attempt: Work | None = None
    second: str | None = None
    target: str | None = None
    token: int | None = None
    lease: str | None = None
    hand: HandReport | None = None
    problem_must_be_open: bool = False
    may_be_empty: bool = False
    adjustment: Adjustment | None = None
    bound_digest: str | None = None
    rows: int | None = None
    effect_holds: bool | None = None

    @property
    def place(self) -> Environment:
        """The environment's state."""
        return self.situation.environment(self.environment)

    @property
    def rule(self) -> EnvironmentPolicy:
        """The place's rules; of one that the policy names no more, while it is held, that nothing may come there."""
        return self.policy.place(self.environment) or EnvironmentPolicy(name=self.environment, purpose="rehearsal")

    @property
    def production(self) -> Environment:
        """Production's state."""
        return self.situation.environment(self.policy.production)

    @property
    def stage(self) -> Environment:
        """The state of the environment where releases are rehearsed."""
        return self.situation.environment(self.policy.named("rehearsal"))

    @property
    def subject(self) -> Release:
        """The release that is asked about; a check that needs one stands only in gates that have one."""
        assert self.release is not None
        return self.release

    @property
    def adjusted(self) -> Adjustment:
        """The adjustment that is asked about; a check that needs one stands only in gates that have one."""
        assert self.adjustment is not None
        return self.adjustment

    @property
    def operator(self) -> str | None:
        """Who may execute adjustments now; None where nobody is designated."""
        designated = self.situation.team.operators.get(self.policy.production)
        return designated.at(self.now) if designated is not None else None

    @property
    def is_retry(self) -> bool:
        """Whether the same work made the environment unsure."""
        return self.attempt is not None


Check = Callable[[Asked], CheckOutcome]
C = TypeVar("C", bound=Check)
CHECKS: dict[str, Check] = {}


def check(name: str) -> Callable[[C], C]:
    """Register a check under its name, which is stored forever: another meaning is another name."""

    def register(function: C) -> C:
        CHECKS[name] = function
        return function

    return register


def outcome(name: str, state: CheckState, required: str, observed: str | None = None, **more: object) -> CheckOutcome:
    """A check's answer; `more` are CheckOutcome's other fields."""
    return CheckOutcome(check=name, state=state, required=required, observed=observed, **more)  # type: ignore[arg-type]


def passed_or_failed(name: str, required: str, observed: str | None, *, holds: bool, **more: object) -> CheckOutcome:
    """`passed` where `holds`, otherwise `failed`."""
    return outcome(name, "passed" if holds else "failed", required, observed, **more)


@lru_cache(maxsize=256)
def clock_text(instant: datetime) -> str:
    """A moment for people, as in "Thu 2026-11-26 14:05 GMT"."""
    return instant.strftime("%a %Y-%m-%d %H:%M GMT")


def judged(
    name: str,
    required: str,
    verdict: Verdict | None,
    *,
    found: str,
    who: tuple[str, ...],
    command: str,
    objection: str | None,
    nobody: str = "nobody decided",
) -> CheckOutcome:
    """What a person's verdict is worth: needed where there is none or `objection` stands against it."""
    if verdict is None:
        return outcome(name, "needed", required, nobody, who=who, next=command)
    known = {"evidence": (verdict.position,), "by": verdict.by, "since": verdict.at}
    if not verdict.good:
        return outcome(name, "failed", required, f"rejected by {verdict.by}", who=who, next=command, **known)
    if objection is not None:
        return outcome(name, "needed", required, objection, who=who, next=command)
    return outcome(name, "passed", required, found, **known)
