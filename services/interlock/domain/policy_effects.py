"""What a proposed policy would change for what is open now: asked of the same gates, before anybody approves it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

from interlock.domain.explain import gates
from interlock.domain.situation import Situation
from interlock.events.decision import CheckOutcome, Decision
from interlock.events.fact import fact


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
    """The gate of one open release to one environment, under the policy in force and under the proposed one."""

    release: str
    environment: str
    before: Decision
    after: Decision
    checks: tuple[CheckChanged, ...]

    @property
    def flips(self) -> bool:
        """Whether the release could not go there any more, or now could."""
        return self.before.result != self.after.result


def after_approval(situation: Situation, version: int, document: dict[str, Any]) -> Situation:
    """The situation as it would be with this policy in force; a release keeps the one that it was opened under too."""
    return replace(situation, policies={**situation.policies, version: document}, policy_version=version)


def effects(situation: Situation, version: int, document: dict[str, Any], now: datetime) -> tuple[GateChanged, ...]:
    """What would be otherwise for each open release in each environment, in the order of releases and of the flow."""
    following = after_approval(situation, version, document)
    return tuple(
        changed
        for release in sorted(situation.releases.values(), key=lambda each: each.position)
        if release.open
        for changed in _of_release(situation, following, release.name, now)
    )


def _of_release(before: Situation, following: Situation, release: str, now: datetime) -> Iterator[GateChanged]:
    decisions = gates(before, release, now)
    for environment, after in gates(following, release, now).items():
        checks = tuple(_changed(decisions[environment], after))
        if checks:
            yield GateChanged(
                release=release, environment=environment, before=decisions[environment], after=after, checks=checks
            )


def _changed(before: Decision, after: Decision) -> Iterator[CheckChanged]:
    was = {outcome.check: outcome for outcome in before.checks}
    would = {outcome.check: outcome for outcome in after.checks}
    for name in dict.fromkeys((*was, *would)):
        if was.get(name) != would.get(name):
            yield CheckChanged(check=name, before=was.get(name), after=would.get(name))
