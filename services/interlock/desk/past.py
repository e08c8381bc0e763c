"""Situations as they were: the log folded up to a position, the last few kept."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Final

from interlock.desk.reading import PAGE_EVENTS, decoded
from interlock.desk.snapshots import load

if TYPE_CHECKING:
    from interlock.desk.reading import Ledger
    from interlock.desk.rules import Rules

PAST_SITUATIONS_MAX: Final = 32
# On the way to a late position a fold is kept at each of these distances, for the next question nearby.
STEP_EVENTS: Final = 2_000


class Past:
    """A bounded number of folds of past positions, of all projects together."""

    def __init__(self, ledger: Ledger, rules: Rules) -> None:
        """Read from `ledger`, fold by `rules`."""
        self._ledger = ledger
        self._rules = rules
        self._kept: OrderedDict[tuple[str, int], Any] = OrderedDict()

    async def situation(self, project: str, position: int) -> Any:
        """Return the fold of the first `position` events, which must exist, from the nearest earlier one kept."""
        at, situation = await self._nearest(project, position)
        while at < position:
            page = await self._ledger.bodies(project, after=at, limit=PAGE_EVENTS, up_to=position)
            for number, body in enumerate(page, start=at + 1):
                situation = self._rules.evolve(situation, decoded(body, number))
                at = number
                if at % STEP_EVENTS == 0:
                    self._keep(project, at, situation)
        self._keep(project, at, situation)
        return situation

    async def _nearest(self, project: str, position: int) -> tuple[int, Any]:
        best = max((at for name, at in self._kept if name == project and at <= position), default=0)
        if best + STEP_EVENTS < position:
            snapshot = await load(self._ledger, project, self._rules)
            if best < snapshot.position <= position:
                return snapshot.position, snapshot.situation
        return best, self._kept[project, best] if best else self._rules.empty

    def _keep(self, project: str, position: int, situation: Any) -> None:
        self._kept[project, position] = situation
        self._kept.move_to_end((project, position))
        if len(self._kept) > PAST_SITUATIONS_MAX:
            self._kept.popitem(last=False)
