"""What each long-running part counts, as /metrics tells it: by the part itself, and by the server that runs it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector, CollectorRegistry

from interlock.api.parts import Figures
from interlock.webhooks import Webhooks

if TYPE_CHECKING:
    from interlock.intake import Intake
    from interlock.relay import Relay

TEXT: Final = b"text/plain; version=0.0.4; charset=utf-8"
COUNTED: Final = "_total"


# What every figure of a part means. One without words is a mistake: whoever reads it would have to guess.
WORDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "relay_lag_events": "Events recorded and not published yet, whoever publishes.",
        "relay_lag_seconds": "Age of the oldest event that is not published yet.",
        "relay_lag_projects": "Projects with events that are not published yet.",
        "relay_active": "1 where this relay publishes, 0 where it waits for another one's end.",
        "relay_generation": "The relay's generation: a higher one has taken over.",
        "relay_published_total": "Events published by this process.",
        "relay_rebuilt_total": "How often the producer was built anew after trouble with Kafka.",
        "relay_in_trouble": "1 while something keeps it from publishing.",
        "intake_handled_total": "Records of the intake handled by this process.",
        "intake_put_aside_total": "Records that could not be understood, put aside by this process.",
        "intake_rebuilt_total": "How often the consumer was built anew after trouble with Kafka.",
        "intake_in_trouble": "1 while something keeps it from taking.",
        "webhooks_told_total": "Messages that endpoints accepted from this process.",
        "webhooks_waiting": "Messages that wait to be sent: the outbox.",
        "webhooks_failed": "Messages that were given up.",
        "webhooks_oldest_seconds": "Age of the oldest message that waits.",
        "webhooks_active": "1 where this process sends, 0 where it waits for another one's end.",
        "webhooks_in_trouble": "1 while something keeps it from sending.",
    }
)


def of_relay(part: Relay) -> Figures:
    """Return what tells of a relay."""

    async def figures() -> Mapping[str, float]:
        lag, standing = await part.lag(), part.standing()
        return {
            "lag_events": lag.events,
            "lag_seconds": lag.seconds,
            "lag_projects": lag.projects,
            "active": standing.active,
            "generation": standing.generation,
            "published_total": standing.published,
            "rebuilt_total": standing.rebuilt,
            "in_trouble": standing.trouble is not None,
        }

    return figures


def of_intake(part: Intake) -> Figures:
    """Return what tells of an intake."""

    async def figures() -> Mapping[str, float]:
        return {
            "handled_total": part.handled,
            "put_aside_total": part.put_aside,
            "rebuilt_total": part.rebuilt,
            "in_trouble": part.trouble is not None,
        }

    return figures


def of_webhooks(part: Webhooks) -> Figures:
    """Return what tells of the sender of webhooks."""

    async def figures() -> Mapping[str, float]:
        standing = await part.standing()
        return {
            "told_total": standing.told,
            "waiting": standing.waiting,
            "failed": standing.failed,
            "oldest_seconds": standing.oldest_seconds,
            "active": standing.active,
            "in_trouble": standing.trouble is not None,
        }

    return figures


def of_part(part: str, figures: Mapping[str, float]) -> Iterator[Metric]:
    """Yield a part's figures, each with its words; raise KeyError for one that has none."""
    for name, value in figures.items():
        whole = f"{part}_{name}"
        if name.endswith(COUNTED):
            # Counters get the ending by themselves.
            counter = CounterMetricFamily(f"interlock_{whole.removesuffix(COUNTED)}", WORDS[whole])
            counter.add_metric((), float(value))
            yield counter
        else:
            yield GaugeMetricFamily(f"interlock_{whole}", WORDS[whole], value=float(value))


class Told(Collector):
    """Families that were gathered already, as the client library collects them."""

    def __init__(self, families: Iterable[Metric]) -> None:
        """Tell `families`."""
        self._families = tuple(families)

    def collect(self) -> Iterable[Metric]:
        """Return them."""
        return self._families


def text_of(*families: Metric, more: Iterable[Collector] = ()) -> bytes:
    """Return families, and what `more` collects, in Prometheus's text format."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Told(families))
    for collector in more:
        registry.register(collector)
    made: bytes = generate_latest(registry)
    return made
