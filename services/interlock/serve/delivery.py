"""Each project's figures of delivery, as /metrics tells them: worked out again only where something happened since.

They are of a whole period of each project, so with many projects they are the slowest thing that a scrape asks. What
cannot be worked out in time is told as it was worked out last, and has its turn in one of the next scrapes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import asyncpg

from interlock.api import Parts
from interlock.api.metrics import PERIOD_DAYS_DEFAULT, measured
from interlock.api.problems import Problem
from interlock.desk import DeskError
from interlock.domain.situation import Situation
from interlock.events.seams import MonotonicClock
from interlock.ledger import LedgerError

DELIVERY_SECONDS_MAX: Final = 3.0
# The period moves on although nothing happens: by so much it may be told too early.
AGE_SECONDS_MAX: Final = 3_600.0
AWAY: Final = (LedgerError, DeskError, Problem, asyncpg.PostgresError, OSError, TimeoutError)

Sample = tuple[str, tuple[str, ...], float | None]
Measure = Callable[[str, "Standing"], Awaitable[tuple[Sample, ...]]]


@dataclass(frozen=True, slots=True)
class Standing:
    """How a project stands: its situation at `now`, and how far the read models are, from which delivery is told."""

    situation: Situation
    now: datetime
    reached: int


@dataclass(frozen=True, slots=True)
class _Known:
    of: tuple[int, int]
    at: float
    samples: tuple[Sample, ...]


class Delivery:
    """Remembers each project's samples, and where it stood when they were worked out."""

    def __init__(
        self, measure: Measure, monotonic: MonotonicClock, *, seconds_max: float = DELIVERY_SECONDS_MAX
    ) -> None:
        """Work out a project's samples by `measure`, within `seconds_max` for all of them."""
        self._measure = measure
        self._monotonic = monotonic
        self._seconds_max = seconds_max
        self._known: dict[str, _Known] = {}
        self._tried: dict[str, float] = {}

    async def told(self, projects: Mapping[str, Standing]) -> tuple[list[Sample], int]:
        """Return all samples that are known, and for how many of `projects` they are too old, or none are."""
        waiting = [project for project in projects if not self._holds(project, projects[project])]
        # Whose turn was longest ago is first: one project that takes all the time keeps the others waiting once.
        waiting.sort(key=lambda project: self._tried.get(project, float("-inf")))
        behind = len(waiting)
        try:
            async with asyncio.timeout(self._seconds_max):
                for project in waiting:
                    standing, self._tried[project] = projects[project], self._monotonic()
                    samples = await self._measure(project, standing)
                    self._known[project] = _Known(_where(standing), self._monotonic(), samples)
                    behind -= 1
        except AWAY:
            pass  # What was worked out before still stands, and the next scrape goes on from here.
        return [sample for project in sorted(self._known) for sample in self._known[project].samples], behind

    def _holds(self, project: str, standing: Standing) -> bool:
        known = self._known.get(project)
        if known is None or known.of != _where(standing):
            return False
        return self._monotonic() - known.at < AGE_SECONDS_MAX


def _where(standing: Standing) -> tuple[int, int]:
    """Figures of a position that the read models had not reached are those of another one."""
    position: int = standing.situation.position
    return position, standing.reached


def measuring(parts: Parts) -> Measure:
    """Return what works out a project's samples from the read models of `parts`."""

    async def measure(project: str, standing: Standing) -> tuple[Sample, ...]:
        situation = standing.situation
        if situation.policy_version not in situation.policies:
            return ()
        since = standing.now - timedelta(days=PERIOD_DAYS_DEFAULT)
        return tuple(_samples(project, await measured(parts, project, situation, since=since, until=standing.now)))

    return measure


def _samples(project: str, found: Mapping[str, Any]) -> Iterator[Sample]:
    lead, recovery = found["lead_time"], found["failed_deployment_recovery_time"]
    yield "dora_deployments", (project,), found["deployment_frequency"]["deployments"]
    yield "dora_changes", (project,), lead["changes"]
    for part in ("working", "person", "window"):
        yield "dora_lead_time_spent_seconds", (project, part), lead[f"{part}_seconds"]
    yield "dora_lead_time_seconds", (project,), lead["median_seconds"]
    yield "dora_failed_deployments", (project,), recovery["failed"]
    yield "dora_recovery_time_seconds", (project,), recovery["median_seconds"]
    for name, key in (("dora_change_fail_ratio", "change_fail_rate"), ("dora_rework_ratio", "rework_rate")):
        percent = found[key]["percent"]
        yield name, (project,), None if percent is None else percent / 100
