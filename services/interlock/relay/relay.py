"""The relay: reads the ledger in order, sends what it read, and stores how far it is after Kafka has it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from interlock.bus import (
    Batch,
    BusError,
    Cluster,
    KafkaAddress,
    Producer,
    Sent,
    Topic,
    partition_of,
)
from interlock.events.cloudevents import kafka_headers
from interlock.events.seams import MonotonicClock, Sleep
from interlock.ledger import LedgerError, Stored
from interlock.relay import state
from interlock.relay.cursors import Published
from interlock.relay.moved import Ledger, Moved
from interlock.relay.office import Office, Superseded, Tenure
from interlock.relay.older import must_hold_what_is_published
from interlock.relay.state import Lag, Standing

CLIENT: Final = "interlock-relay"
PAGE_EVENTS_MAX: Final = 500
ROUND_PROJECTS_MAX: Final = 48
RETRY_SECONDS: Final = 1.0

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Filled:
    """A batch for one partition, and up to which position (and record of the batch) it holds each project."""

    batch: Batch
    holds: dict[str, tuple[int, int]] = field(default_factory=dict)


class Relay:
    """Publishes every project's events to one topic, in order of position, at least once.

    Several may run on one database: one publishes, the others wait for its office. While Kafka is away nothing
    upstream notices; what was recorded meanwhile is published when it is back.
    """

    def __init__(
        self,
        ledger: Ledger,
        dsn: str,
        address: KafkaAddress,
        topic: Topic,
        *,
        sleep: Sleep,
        monotonic: MonotonicClock,
        create_topic: bool = True,
        office: Office | None = None,
        producer: Callable[[], Producer] | None = None,
        cluster: Cluster | None = None,
    ) -> None:
        """Read `ledger`, hold the office in the database at `dsn`, publish to `topic` at `address`."""
        self._ledger = ledger
        self._cluster = cluster or Cluster(address, CLIENT, sleep=sleep)
        self._topic = topic
        self._sleep = sleep
        self._create_topic = create_topic
        self._office = office or Office(dsn, topic.name, sleep=sleep, monotonic=monotonic)
        self._make_producer = producer or self._cluster.producer
        self._positions: dict[str, int] = {}
        self._active = False
        self._generation = 0
        self._published = 0
        self._rebuilt = 0
        self._trouble: str | None = None
        self._last_error: str | None = None

    def standing(self) -> Standing:
        """Return how this relay is doing."""
        return Standing(self._active, self._generation, self._published, self._rebuilt, self._trouble, self._last_error)

    async def lag(self) -> Lag:
        """Return what is recorded and not published, whoever publishes. Raises LedgerError."""
        async with self._ledger.connection() as connection:
            return await state.lag(connection, self._topic.name)

    async def run(self) -> None:
        """Publish whenever in office, until cancelled. Whatever goes wrong is tried again."""
        while True:
            try:
                async with self._office.held(self._waiting) as tenure, self._make_producer() as producer:
                    self._active, self._generation, self._trouble = True, tenure.generation, None
                    await self._publish(tenure, producer)
            except Superseded as over:
                _log.warning("this relay is over: %s", over)
                self._last_error = f"{Superseded.__doc__}: {over}"
            except (LedgerError, OSError) as away:
                self._went_wrong(away)
            except Exception as unexpected:
                _log.exception("the relay begins anew")
                self._went_wrong(unexpected)
            finally:
                self._active = False
            await self._sleep(RETRY_SECONDS)

    async def _publish(self, tenure: Tenure, producer: Producer) -> None:
        """Publish until the office is lost. Raises Superseded, LedgerError."""
        while True:
            try:
                await self._begin(tenure, producer)
                self._trouble = None
                async with Moved(self._ledger, self._positions, self._sleep) as moved:
                    while True:
                        await self._round(tenure, producer, moved)
            except BusError as trouble:
                # Whatever was sent may be there or not; from the stored positions on it is sent again.
                self._went_wrong(trouble)
                self._rebuilt += 1
                await self._sleep(RETRY_SECONDS)

    async def _begin(self, tenure: Tenure, producer: Producer) -> None:
        """Look at the topic, and at how far each project is in it. Raises BusError, Superseded, LedgerError."""
        # Made at the start only: a topic that somebody deletes under us is not silently made again.
        created = await self._cluster.ensure([self._topic], create=self._create_topic)
        self._create_topic = False
        for name in created:
            _log.warning("topic %s was not there and is made", name)
        published = await tenure.enter_cluster(await self._cluster.name())
        ends: dict[int, int] = {}
        for where in published.values():
            ends[where.partition] = max(ends.get(where.partition, -1), where.offset)
        lost = await self._lost(ends)
        for project, where in published.items():
            if where.partition in lost:
                _log.error("%s: Kafka has lost what was published; it is published again from the first event", project)
        count = await producer.partitions(self._topic.name)
        after = {number: ends[number] + 1 if number in ends.keys() - lost else 0 for number in range(count)}
        await must_hold_what_is_published(self._ledger, self._cluster, self._topic.name, after)
        self._positions.clear()
        self._positions.update(
            {project: where.position for project, where in published.items() if where.partition not in lost}
        )

    async def _lost(self, ends: Mapping[int, int]) -> set[int]:
        """Return the partitions that end before what was acknowledged: deleted and made anew, or restored."""
        if not ends:
            return set()
        found = await self._cluster.ends(self._topic.name, ends)
        return {partition for partition, end in found.items() if end <= ends[partition]}

    def _waiting(self) -> None:
        """Somebody else publishes: whatever was wrong here is not what matters now."""
        self._trouble = None

    async def _round(self, tenure: Tenure, producer: Producer, moved: Moved) -> None:
        """Send one page of each of some projects that moved, then store how far they are."""
        projects = await moved.next(ROUND_PROJECTS_MAX)
        pages = {project: await self._read(project) for project in projects}
        partitions = await self._fill(producer, tenure.generation, pages)
        if partitions:
            # A relay that was frozen asks first whether it still is the one.
            await tenure.confirm()
            outcomes = await producer.send_batches(
                self._topic.name, [(partition, filled.batch) for partition, filled in partitions.items()]
            )
            await self._settle(tenure, partitions, outcomes)
        for project, page in pages.items():
            if len(page) == PAGE_EVENTS_MAX or (page and page[-1].position > self._positions.get(project, 0)):
                moved.add(project)

    async def _read(self, project: str) -> Sequence[Stored]:
        return await self._ledger.read(project, after=self._positions.get(project, 0), limit=PAGE_EVENTS_MAX)

    async def _fill(
        self, producer: Producer, generation: int, pages: Mapping[str, Sequence[Stored]]
    ) -> dict[int, Filled]:
        """Put what was read into one batch per partition; what does not fit is read again in the next round."""
        filled: dict[int, Filled] = {}
        if not any(pages.values()):
            return filled
        count = await producer.partitions(self._topic.name)
        for project, page in pages.items():
            key = project.encode()
            partition = partition_of(key, count)
            into = filled.get(partition)
            for stored in page:
                if into is None:
                    into = filled[partition] = Filled(await producer.batch())
                if not into.batch.add(key, stored.body, headers_of(stored, generation), _milliseconds(stored)):
                    break
                into.holds[project] = (stored.position, into.batch.records)
        return filled

    async def _settle(
        self, tenure: Tenure, partitions: Mapping[int, Filled], outcomes: Sequence[Sent | BusError]
    ) -> None:
        """Store how far those are that Kafka has. Raises the first BusError after that, Superseded, LedgerError."""
        published: list[tuple[str, Published]] = []
        for filled, outcome in zip(partitions.values(), outcomes, strict=True):
            if isinstance(outcome, Sent):
                first = outcome.offset - filled.batch.records
                for project, (position, records) in filled.holds.items():
                    published.append((project, Published(position, outcome.partition, first + records)))
                self._published += filled.batch.records
        if published:
            # A crash here leaves these records in Kafka and the old positions: the next relay sends them once more.
            await tenure.store(published)
            self._positions.update({project: where.position for project, where in published})
        for outcome in outcomes:
            if isinstance(outcome, BusError):
                raise outcome
        self._trouble = None

    def _went_wrong(self, error: BaseException) -> None:
        said = str(error) or type(error).__name__
        if said != self._trouble:
            _log.warning("the relay waits: %s", said)
        self._trouble = self._last_error = said


def headers_of(stored: Stored, generation: int) -> list[tuple[str, bytes]]:
    """Return a record's headers: the CloudEvent's, and by their plain names what a consumer checks first."""
    return [
        *kafka_headers(stored.body).items(),
        ("position", b"%d" % stored.position),
        ("version", b"%d" % stored.version),
        ("generation", b"%d" % generation),
    ]


def _milliseconds(stored: Stored) -> int:
    return int(stored.recorded_at.timestamp() * 1_000)
