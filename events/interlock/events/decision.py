"""A decision: what was asked, each check's answer, and what can be done next.

One form everywhere: in events, over HTTP, in `dt`, on pages and in Kafka's outcomes.
"""

from __future__ import annotations

from typing import Literal

from interlock.events.fact import fact
from interlock.events.values import Instant, Integer

CheckState = Literal["passed", "failed", "waiting", "needed", "not_applicable"]
Result = Literal["allowed", "refused"]


@fact
class CheckOutcome:
    """What one check found.

    `passed`, `failed`, `waiting` (for time: `passes_at`), `needed` (of people: `who`, principal
    ids, and `next`, the command they would give) or `not_applicable`. `evidence` are positions.
    """

    check: str
    state: CheckState
    required: str | None = None
    observed: str | None = None
    evidence: tuple[Integer, ...] = ()
    by: str | None = None
    since: Instant | None = None
    passes_at: Instant | None = None
    until: Instant | None = None
    who: tuple[str, ...] = ()
    next: str | None = None

    @property
    def holds(self) -> bool:
        """Whether this check does not stand in the way."""
        return self.state in {"passed", "not_applicable"}


@fact
class NextStep:
    """A command somebody can give now, and why it helps."""

    command: str
    why: str


@fact
class Decision:
    """The whole answer. `position` is the last one that the decision saw.

    `allowed_at` is given only when time alone is missing.
    """

    action: str
    result: Result
    position: Integer
    policy_version: Integer
    checks: tuple[CheckOutcome, ...] = ()
    allowed_at: Instant | None = None
    next: tuple[NextStep, ...] = ()

    @property
    def allowed(self) -> bool:
        """Whether the action may go ahead."""
        return self.result == "allowed"

    @property
    def missing(self) -> tuple[CheckOutcome, ...]:
        """The checks that stand in the way, in the gate's order."""
        return tuple(check for check in self.checks if not check.holds)
