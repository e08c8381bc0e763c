"""The intake: records in, commands to the desk, outcomes out; an offset is committed when all of its is done.

What a crash leaves: before the decision, nothing; after it, a command that is recorded and not yet answered; after the
answer, an answer that comes twice. In each case the record is read again, and answered as it was the first time.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition

from interlock.bus import (
    CAREFUL_RECORDS,
    JOIN_SECONDS,
    UNREADABLE,
    BusError,
    Cluster,
    Graveyard,
    KafkaAddress,
    KafkaAway,
    Topic,
    TopicMissing,
    Topics,
    refused_by_name,
    step_over,
    within,
)
from interlock.desk import Desk
from interlock.events.seams import MonotonicClock, Sleep
from interlock.evidence import EvidenceStore
from interlock.intake.handling import Handled, Handling, Ready
from interlock.intake.telling import Telling
from interlock.ledger import Ledger
from interlock.letters import DeadLetters, Record

CLIENT: Final = "interlock-intake"
GROUP: Final = "interlock-intake"
BATCH_RECORDS_MAX: Final = 200
POLL_SECONDS: Final = 0.2
RETRY_SECONDS: Final = 0.5
CALL_SECONDS: Final = 10.0
STOP_SECONDS: Final = 5.0
# A consumer that stands still for so long while there is more to read is thrown away.
STUCK_SECONDS: Final = 30.0
LOOK_SECONDS: Final = 1.0

_log = logging.getLogger(__name__)


def own_topic(names: Topics, principal: str) -> Topic:
    """Return the topic into which, by the broker's access list, this principal alone may write."""
    intake = names.intake
    return replace(intake, name=f"{intake.name}.{principal}", about=f"What {principal} publishes, and nobody else.")


class Intake:
    """Reads the intake's topics as one of a group. `own` names the principal of each topic that is one's own."""

    def __init__(
        self,
        desk: Desk,
        ledger: Ledger,
        address: KafkaAddress,
        topics: Topics,
        *,
        home: str,
        sleep: Sleep,
        monotonic: MonotonicClock,
        own: Mapping[str, str] | None = None,
        group: str = GROUP,
        create_topics: bool = False,
        stuck_seconds: float = STUCK_SECONDS,
        make_consumer: Callable[..., AIOKafkaConsumer] = AIOKafkaConsumer,
        cluster: Cluster | None = None,
        letters: DeadLetters | None = None,
        evidence: EvidenceStore | None = None,
    ) -> None:
        """`home` is the project that is shown dead letters which name no project.

        `cluster`, `letters` and `evidence` are those at `address` and beside `ledger` unless others are given.
        """
        self._cluster = cluster or Cluster(address, CLIENT, sleep=sleep)
        self._address = address
        self._topics = topics
        self._home = home
        self._sleep = sleep
        self._monotonic = monotonic
        self._group = group
        self._create_topics = create_topics
        self._stuck_seconds = stuck_seconds
        self._make_consumer = make_consumer
        self._own = dict(own or {})
        self._letters = letters or DeadLetters(ledger)
        self._handling = Handling(desk, ledger, evidence or EvidenceStore(ledger), sleep, home=home, own=self._own)
        self._graveyard = Graveyard()
        self._moving: dict[TopicPartition, tuple[int, float]] = {}
        self.trouble: str | None = None
        self.handled = 0
        self.put_aside = 0
        self.rebuilt = 0
        self._careful = 0

    async def run(self) -> None:
        """Take requests until cancelled."""
        try:
            await self._topics_are_there()
            async with self._cluster.producer() as producer:
                telling = Telling(producer, self._topics, self._letters, self._home)
                while True:
                    await self._with_one_consumer(telling)
                    self.rebuilt += 1
                    await self._sleep(RETRY_SECONDS)
        finally:
            await self._graveyard.close(STOP_SECONDS)

    async def _topics_are_there(self) -> None:
        """Create the topics that are missing, or find them as they must be; until then nothing can be taken."""
        own = [replace(own_topic(self._topics, principal), name=name) for name, principal in self._own.items()]
        wanted = [self._topics.intake, self._topics.outcomes, self._topics.dead_letter, *own]
        while True:
            try:
                await self._cluster.ensure(wanted, create=self._create_topics)
                return
            except BusError as not_yet:
                self._say(str(not_yet))
                await self._sleep(RETRY_SECONDS)

    async def _with_one_consumer(self, telling: Telling) -> None:
        consumer = self._make_consumer(
            group_id=self._group,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            fetch_max_wait_ms=int(POLL_SECONDS * 1000),
            **self._address.options(CLIENT),
        )
        consumer.subscribe([self._topics.intake.name, *self._own], listener=_Quiet())
        try:
            with refused_by_name():
                await self._graveyard.start(JOIN_SECONDS, consumer)
                await self._take_from(consumer, telling)
        except BusError as away:
            self._say(str(away))
        except Exception as trouble:
            # Nobody thought of it; reading again from the committed offsets is all there is to do.
            _log.exception("the intake stumbled")
            self._say(f"{type(trouble).__name__}: {trouble}")
        finally:
            self._graveyard.bury(consumer)

    def _say(self, trouble: str | None) -> None:
        if trouble is not None and trouble != self.trouble:
            _log.warning("the intake cannot go on now: %s", trouble)
        self.trouble = trouble

    async def _take_from(self, consumer: AIOKafkaConsumer, telling: Telling) -> None:
        self._moving.clear()
        looked = self._monotonic()
        while True:
            found = await self._read(consumer, telling)
            if found:
                await self._take(found, telling)
                ends = {where: records[-1].offset + 1 for where, records in found.items()}
                # A crash before this reads them again, and answers them as before.
                await within(CALL_SECONDS, consumer.commit(ends))
            now = self._monotonic()
            if now - looked >= LOOK_SECONDS:
                looked = now
                await self._again(telling)
                await self._look_for_progress(consumer, now)
                self._say(None)

    async def _read(self, consumer: AIOKafkaConsumer, telling: Telling) -> Mapping[TopicPartition, Sequence[Any]]:
        """Return what is there; what the client cannot take apart is put aside without its bytes."""
        most = 1 if self._careful else BATCH_RECORDS_MAX
        try:
            found: Mapping[TopicPartition, Sequence[Any]] = await within(
                CALL_SECONDS, consumer.getmany(timeout_ms=int(POLL_SECONDS * 1000), max_records=most)
            )
        except UNREADABLE:
            careful, self._careful = self._careful, CAREFUL_RECORDS
            skipped = await step_over(consumer, consumer.assignment(), CALL_SECONDS) if careful else []
            if not skipped:
                raise  # Read again from what is committed, one by one.
            await self._told([await self._handling.unreadable(one) for one in skipped], telling)
            await within(CALL_SECONDS, consumer.commit({one.place: one.following for one in skipped}))
            return {}
        self._careful = max(0, self._careful - sum(len(records) for records in found.values()))
        return found

    async def _take(self, found: Mapping[TopicPartition, Sequence[Any]], telling: Telling) -> None:
        """Handle a batch: understood and proved in order, queued at the desk in order, answered in order."""
        handling = self._handling
        waiting: list[asyncio.Task[Handled]] = []
        for each in (record for records in found.values() for record in records):
            ready = await handling.ready(Record.of(each))
            waiting.append(asyncio.create_task(self._settled(ready)))
        try:
            await self._told(await asyncio.gather(*waiting), telling)
        finally:
            for task in waiting:
                task.cancel()

    async def _told(self, handled: Sequence[Handled], telling: Telling) -> None:
        await telling.tell(handled)
        self.handled += len(handled)
        self.put_aside += sum(one.aside is not None for one in handled)

    async def _settled(self, ready: Ready | Handled) -> Handled:
        return ready if isinstance(ready, Handled) else await self._handling.decided(ready)

    async def _again(self, telling: Telling) -> None:
        """Try what somebody asked to be tried again; understood or not, it is told."""
        for letter in await self._letters.asked():
            handled = await self._settled(await self._handling.ready(letter.record, vouched=True))
            await self._told([handled], telling)
            if handled.aside is None and handled.outcome is not None:
                await self._letters.settled(letter, handled.outcome.said)

    async def _look_for_progress(self, consumer: AIOKafkaConsumer, now: float) -> None:
        """Raise TopicMissing where one is gone, KafkaAway where a partition has more and stood still for too long."""
        for name in (self._topics.intake.name, *self._own):
            # A consumer whose topic was deleted is given no partitions, and has nothing to say of it.
            if not consumer.partitions_for_topic(name):
                raise TopicMissing(name)
        places = list(consumer.assignment())
        ends = await within(CALL_SECONDS, consumer.end_offsets(places)) if places else {}
        for where in places:
            position = await within(CALL_SECONDS, consumer.position(where))
            before, since = self._moving.get(where, (-1, now))
            if position != before or position >= ends[where]:
                self._moving[where] = (position, now)
            elif now - since >= self._stuck_seconds:
                raise KafkaAway(f"{where.topic} {where.partition} stands still at {position} of {ends[where]}")


class _Quiet(ConsumerRebalanceListener):  # type: ignore[misc]
    """Nothing to do: what is under way is finished, and whoever reads it again is answered the same."""

    def on_partitions_revoked(self, revoked: Any) -> None:
        """Go on."""

    def on_partitions_assigned(self, assigned: Any) -> None:
        """Go on."""
