"""What a proposed policy would change for what is open now: asked of the same gates, before anybody approves it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Literal

from interlock.domain.explain import adjustment_gate, gates
from interlock.domain.situation import Situation
from interlock.events.decision import CheckOutcome, Decision
from interlock.events.fact import fact, replace


@fact
class CheckChanged:
    """One check that would answer otherwise. `before` or `after` is None where it is not asked at all."""

    check: str
    before: CheckOutcome | None
    after: CheckOutcome | None

    @property
    def flips(self) -> bool:
        """Whether it would stand in the way and does not, or the other way round; figures alone change nothing yet."""
        holds = [outcome is None or outcome.holds for outcome in (self.before, self.after)]
        return holds[0] != holds[1]


@fact
class GateChanged:
    """The gate of one open release to one environment, under the policy in force and under the proposed one.

    Or that of executing an open adjustment of data; `subject` is the release's or the adjustment's name.
    """

    kind: Literal["release", "adjustment"]
    subject: str
    environment: str
    before: Decision
    after: Decision
    checks: tuple[CheckChanged, ...]

    @property
    def flips(self) -> bool:
        """Whether it could not go there any more, or now could."""
        return self.before.result != self.after.result


def after_approval(situation: Situation, version: int, document: dict[str, Any]) -> Situation:
    """The situation as it would be with this policy in force; what is open keeps the one that it began under too."""
    return replace(situation, policies={**situation.policies, version: document}, policy_version=version)


def effects(situation: Situation, version: int, document: dict[str, Any], now: datetime) -> tuple[GateChanged, ...]:
    """What would be otherwise: for each open release in the order of the flow, then for each open adjustment."""
    following = after_approval(situation, version, document)
    return (*_of_releases(situation, following, now), *_of_adjustments(situation, following, now))


def _of_releases(before: Situation, following: Situation, now: datetime) -> Iterator[GateChanged]:
    for release in sorted(before.releases.values(), key=lambda each: each.position):
        if release.open:
            decisions = gates(before, release.name, now)
            for environment, after in gates(following, release.name, now).items():
                yield from _gate("release", release.name, environment, decisions[environment], after)


def _of_adjustments(before: Situation, following: Situation, now: datetime) -> Iterator[GateChanged]:
    for adjustment in sorted(before.adjustments.values(), key=lambda each: each.position):
        if adjustment.state == "open":
            name, environment = adjustment.adjustment, adjustment.plan.targets.environment
            was, would = (adjustment_gate(each, name, now) for each in (before, following))
            yield from _gate("adjustment", name, environment, was, would)


def _gate(
    kind: Literal["release", "adjustment"], subject: str, environment: str, before: Decision, after: Decision
) -> Iterator[GateChanged]:
    checks = tuple(_changed(before, after))
    if checks:
        yield GateChanged(
            kind=kind, subject=subject, environment=environment, before=before, after=after, checks=checks
        )


def _changed(before: Decision, after: Decision) -> Iterator[CheckChanged]:
    was = {outcome.check: outcome for outcome in before.checks}
    would = {outcome.check: outcome for outcome in after.checks}
    for name in dict.fromkeys((*was, *would)):
        if was.get(name) != would.get(name):
            yield CheckChanged(check=name, before=was.get(name), after=would.get(name))
