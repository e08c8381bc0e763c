"""What a server tells Prometheus: numbers, and the names of checks, projections, environments and projects; no more.

No release, person, problem or reason is named, so that whoever scrapes it needs to be trusted with nothing.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from interlock.api import Parts
from interlock.api.metrics import PERIOD_DAYS_DEFAULT
from interlock.domain.situation import Situation
from interlock.events.seams import MonotonicClock
from interlock.letters import DeadLetters
from interlock.projections import audit_trail
from interlock.serve.delivery import AWAY, Delivery, Standing, measuring
from interlock.serve.figures import of_part, text_of

# Whoever scrapes more often gets the same answer: nobody can keep the database busy by asking.
FRESH_SECONDS: Final = 5.0
# With what delivery may take, less than the ten seconds that Prometheus waits by itself.
GATHER_SECONDS_MAX: Final = 6.0
REFUSALS_AT_ONCE: Final = 500


class Refusals:
    """Counts refusals by the check that did not hold; reads only what is new since it looked last."""

    def __init__(self) -> None:
        """Know of none yet."""
        self._position: dict[str, int] = {}
        self._counts: Counter[tuple[str, str]] = Counter()

    async def counted(self, connection: Any, project: str) -> list[tuple[str, int]]:
        """Return each check with how often it refused something in this project."""
        filters = audit_trail.Filters(type="ActionRefused")
        while True:
            rows = await audit_trail.entries(
                connection,
                project,
                filters,
                after=self._position.get(project, 0),
                limit=REFUSALS_AT_ONCE,
                data=True,
            )
            for row in rows:
                self._position[project] = row["position"]
                self._counts.update((project, check) for check in _held_up(row["data"]["decision"]))
            if len(rows) < REFUSALS_AT_ONCE:
                break
        return sorted((check, count) for (named, check), count in self._counts.items() if named == project)


def _held_up(decision: Mapping[str, Any]) -> Iterator[str]:
    for check in decision.get("checks") or ():
        if check["state"] not in {"passed", "not_applicable"}:
            yield check["check"]


class Exposition:
    """Gathers everything when it is asked, at most once in FRESH_SECONDS; what is away is left out, and said."""

    def __init__(
        self,
        parts: Parts,
        monotonic: MonotonicClock,
        more: Sequence[Collector] = (),
    ) -> None:
        """Tell of `parts`, and of what `more` collects as requests come."""
        self._parts = parts
        self._monotonic = monotonic
        self._more = more
        self._refusals = Refusals()
        self._delivery = Delivery(measuring(parts), monotonic)
        self._one_at_a_time = asyncio.Lock()
        self._told: tuple[float, tuple[Metric, ...]] | None = None

    async def text(self) -> bytes:
        """Return Prometheus's text format."""
        async with self._one_at_a_time:
            now = self._monotonic()
            if self._told is None or now - self._told[0] >= FRESH_SECONDS:
                self._told = (now, tuple([each async for each in self._gather()]))
            return text_of(*self._told[1], more=self._more)

    async def _gather(self) -> AsyncIterator[Metric]:
        parts = self._parts
        yield GaugeMetricFamily(
            "interlock_test_clock", "1 where requests set the clock.", value=float(parts.test_clock)
        )
        strangers = CounterMetricFamily("interlock_unknown_callers", "Requests of callers that nobody knows.")
        strangers.add_metric((), parts.strangers.count)
        yield strangers
        ready = GaugeMetricFamily("interlock_ready", "1 where the part is ready, 0 where it is not.", labels=["part"])
        for name, state in (await parts.readiness()).items():
            ready.add_metric((name,), float(state == "ok"))
        yield ready
        found: list[Metric] = []
        families, standing, heads, up = Families(), dict[str, Standing](), dict[str, int](), False
        try:
            async with asyncio.timeout(GATHER_SECONDS_MAX):
                heads = {project: head for project, head in (await parts.ledger.heads()).items() if head}
                up = True
                for part, figures in parts.figures.items():
                    found += of_part(part, await figures())
                for project in sorted(heads):
                    standing[project] = await self._of_project(families, project, heads[project])
        except TimeoutError:
            pass  # So many projects take longer than this; that the ledger is away cannot be told from it.
        except AWAY:
            families, up = Families(), False
        yield GaugeMetricFamily("interlock_ledger_up", "1 where the ledger answered this scrape.", value=float(up))
        if up:
            samples, behind = await self._delivery.told(standing)
            for name, labels, value in samples:
                families.add(name, labels, value)
            families.add("projects_behind", (), len(heads) - len(standing) + behind)
        for each in (*found, *families.all()):
            yield each

    async def _of_project(self, families: Families, project: str, head: int) -> Standing:
        parts = self._parts
        families.add("ledger_events", (project,), head)
        models = await parts.read_models.told(project)
        for model in models:
            labels = (project, model.name)
            families.add("projection_lag_events", labels, max(0, head - model.position))
            families.add("projection_stopped", labels, float(model.stopped_because is not None))
        situation: Situation = await parts.desk.situation(project)
        now = await parts.desk.now(project)
        _of_situation(families, project, situation, now)
        async with parts.connection() as connection:
            for check, count in await self._refusals.counted(connection, project):
                families.add("refusals", (project, check), count)
        families.add("dead_letters_waiting", (project,), await DeadLetters(parts.ledger).waiting(project))
        reached = min((model.position for model in models), default=0)
        return Standing(situation, now, min(reached, situation.position))


def _of_situation(families: Families, project: str, situation: Situation, now: datetime) -> None:
    for place in situation.environments.values():
        problems = sum(each.open and each.environment == place.name for each in situation.problems.values())
        families.add("problems_open", (project, place.name), problems)
        held = place.lease
        families.add("lease_held", (project, place.name, held.kind if held else ""), float(held is not None))
        if held is not None:
            left = (held.expires_at - now).total_seconds()
            families.add("lease_remaining_seconds", (project, place.name, held.kind), left)


# Each family: its words, its labels; those of COUNTERS only grow.
FAMILIES: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = {
    "ledger_events": ("Events recorded: the last position.", ("project",)),
    "projection_lag_events": ("Events that a read model does not have yet.", ("project", "projection")),
    "projection_stopped": ("1 where a read model stopped and needs somebody.", ("project", "projection")),
    "projects_behind": ("Projects of which this scrape tells older figures of delivery, or nothing: time ran out.", ()),
    "refusals": ("Refusals recorded, by the check that did not hold.", ("project", "check")),
    "problems_open": ("Open problems.", ("project", "environment")),
    "lease_held": ("1 where an activity holds the environment, by its kind.", ("project", "environment", "kind")),
    "lease_remaining_seconds": (
        "Until the lease expires; negative where its end is not recorded yet.",
        ("project", "environment", "kind"),
    ),
    "dead_letters_waiting": ("Records of the intake that were put aside and wait for somebody.", ("project",)),
    "dora_deployments": (f"Deployments to production in {PERIOD_DAYS_DEFAULT} days.", ("project",)),
    "dora_changes": (f"Commits that reached production in {PERIOD_DAYS_DEFAULT} days.", ("project",)),
    "dora_lead_time_seconds": ("Median change lead time of these, from commit to production.", ("project",)),
    "dora_lead_time_spent_seconds": ("What the lead time of all of these was spent on.", ("project", "on")),
    "dora_failed_deployments": ("Deployments of these that needed immediate intervention.", ("project",)),
    "dora_recovery_time_seconds": ("Median failed deployment recovery time of these.", ("project",)),
    "dora_change_fail_ratio": ("Share of these deployments that failed, from 0 to 1.", ("project",)),
    "dora_rework_ratio": ("Share of these deployments that were for a problem in production.", ("project",)),
}
COUNTERS: Final = frozenset({"ledger_events", "refusals"})


class Families:
    """Samples by their family; a value that does not exist is no sample."""

    def __init__(self) -> None:
        """Have none yet."""
        self._made: dict[str, Any] = {}

    def add(self, name: str, labels: Iterable[str], value: float | None) -> None:
        """Add a sample of the family `name` of FAMILIES."""
        if value is None:
            return
        if name not in self._made:
            words, names = FAMILIES[name]
            kind = CounterMetricFamily if name in COUNTERS else GaugeMetricFamily
            self._made[name] = kind(f"interlock_{name}", words, labels=names)
        self._made[name].add_metric(tuple(labels), float(value))

    def all(self) -> list[Metric]:
        """Return the families that have a sample."""
        return [*self._made.values()]
