"""Group commit: what queued during the last commit is the next batch; each call is recorded once, or refused alone."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Final, TypeAlias

import orjson
from eventsourcing.persistence import InternalError, OperationalError

from interlock.events.envelope import Actor
from interlock.events.seams import EventIds, MonotonicClock, Sleep
from interlock.eventsourcing.calls import Call
from interlock.eventsourcing.errors import as_library
from interlock.eventsourcing.placing import Batch, Placing
from interlock.eventsourcing.streams import Known, Streams
from interlock.eventsourcing.tracking import Conflict, append_tracked
from interlock.ledger import (
    BatchRefused,
    ClockDisagrees,
    Head,
    Ledger,
    LedgerError,
    LedgerUnavailable,
    Overtaken,
    Row,
    Session,
    VersionGap,
)
from interlock.ledger.clock import LedgerClock

# A batch has one call, or as many as come to this.
BATCH_EVENTS: Final = 1_000
BATCH_STATE_CHARACTERS: Final = 4_000_000
RETRY_SECONDS: Final = 0.1
# After somebody else was faster, writers take turns for so long: then they share fairly, and a lone one pays nothing.
TURNS_SECONDS: Final = 1.0

Log: TypeAlias = Ledger | Session

log = logging.getLogger(__name__)


class Committer:
    """Records the calls of one process in one project. Lives in one event loop."""

    def __init__(
        self,
        opened: Callable[[], Awaitable[Ledger]],
        project: str,
        actor: Actor,
        *,
        monotonic: MonotonicClock,
        event_ids: EventIds,
        sleep: Sleep,
    ) -> None:
        """Write to the ledger that `opened` gives, as `actor`."""
        self._opened = opened
        self._project = project
        self._actor = actor
        self._monotonic = monotonic
        self._event_ids = event_ids
        self._sleep = sleep
        self._clock = LedgerClock(monotonic)
        self._streams = Streams()
        self._queue: deque[Call] = deque()
        self._working: asyncio.Task[None] | None = None
        self._head: tuple[int, datetime | None] | None = None
        self._turns_until = float("-inf")

    def submit(self, call: Call) -> None:
        """Let a call wait for the next batch."""
        self._queue.append(call)
        if self._working is None or self._working.done():
            self._working = asyncio.create_task(self._work(), name=f"commits of {self._project}")

    def begins(self, stream: str) -> int | None:
        """Return with which version a stream begins, where that is known; from any thread."""
        known = self._streams.get(stream)
        return None if known is None else known.first

    async def finish(self) -> None:
        """Return when everything that waits is answered."""
        if self._working is not None:
            await asyncio.gather(self._working, return_exceptions=True)

    async def _work(self) -> None:
        while self._queue:
            calls = self._next()
            try:
                await self._settle(calls)
            except Exception as error:
                log.exception("the commits of %s", self._project)
                self._head = None
                self._fail(calls, InternalError(f"{type(error).__name__}: {error}"))
            except BaseException:
                self._fail([*calls, *self._queue], OperationalError("the application is closing; outcome unknown"))
                raise

    def _next(self) -> list[Call]:
        """Take what goes together. Whoever also moves a tracked position goes alone: that is one transaction of two."""
        calls = [self._queue.popleft()]
        events, characters = len(calls[0].events), _characters(calls[0])
        while self._queue and calls[0].tracking is None and self._queue[0].tracking is None:
            events += len(self._queue[0].events)
            characters += _characters(self._queue[0])
            if events > BATCH_EVENTS or characters > BATCH_STATE_CHARACTERS:
                break
            calls.append(self._queue.popleft())
        return calls

    async def _settle(self, calls: list[Call]) -> None:
        """Try until each call is answered, or its time is over; a try that failed says what to do before the next."""
        while waiting := self._in_time(calls):
            try:
                async with self._log() as at:
                    await self._commit(at, waiting)
            except (Overtaken, VersionGap):
                # Somebody else appended, or one of our streams goes on where we do not know of: both are read anew.
                self._turns_until = self._monotonic() + TURNS_SECONDS
                self._forget(waiting)
            except ClockDisagrees:
                self._clock.forget()
                self._head = None
            except LedgerUnavailable as away:
                await self._away(waiting, away)
            except BatchRefused as refused:
                await self._isolate(waiting, refused)
            except LedgerError as error:
                self._head = None
                self._fail(waiting, as_library(error))
            calls = [call for call in calls if not call.future.done() and call not in self._queue]

    def _in_time(self, calls: list[Call]) -> list[Call]:
        """Return those that still wait; refuse those whose time is over."""
        now = self._monotonic()
        for call in calls:
            if now > call.deadline:
                said = "its outcome is unknown: read before you try again" if call.unsure else "nothing was recorded"
                call.fail(OperationalError(f"the ledger could not be reached in time; {said}"))
        return [call for call in calls if not call.future.done()]

    async def _away(self, calls: list[Call], away: LedgerUnavailable) -> None:
        """A crash here, or a lost answer, leaves each call recorded or not: its command id tells, at the next try."""
        if away.unknown_outcome:
            for call in calls:
                call.unsure = True
        self._forget(calls)
        await self._sleep(RETRY_SECONDS)

    async def _isolate(self, calls: list[Call], refused: BatchRefused) -> None:
        """One call is refused as wrong; tried one by one, the others go through."""
        self._forget(calls)
        if len(calls) == 1:
            log.error("the ledger refuses a call of %s: %s", self._project, refused)
            calls[0].fail(as_library(refused))
            return
        for call in calls:
            await self._settle([call])

    def _forget(self, calls: list[Call]) -> None:
        self._head = None
        self._streams.doubt(stream for call in calls for stream in call.spans)

    @asynccontextmanager
    async def _log(self) -> AsyncIterator[Log]:
        """Lend the ledger; while others write too, at one's turn and with the news read first."""
        ledger = await self._opened()
        if self._monotonic() >= self._turns_until:
            yield ledger
            return
        async with ledger.turn(self._project) as turn:
            self._head = None
            yield turn

    async def _commit(self, at: Log, waiting: list[Call]) -> None:
        """Answer what was recorded before its answer was lost; append the rest, and answer that."""
        calls = await self._answer_known(at, waiting)
        if not calls:
            return
        position, last = self._head or await self._look(at)
        if streams := self._streams.to_read(calls):
            self._streams.read(streams, await self._read_streams(streams))
        now = await self._now(at)
        now = now if last is None else max(last, now)
        placing = Placing(self._project, self._actor, self._event_ids, self._streams, position, now)
        batch = placing.place(calls)
        self._queue.extendleft(reversed(batch.put_off))
        if batch.rows:
            await self._append(at, batch, placing.at)

    async def _append(self, at: Log, batch: Batch, recorded_at: datetime) -> None:
        sent = self._monotonic()
        [(first, _), *_] = batch.calls
        try:
            clock = await self._one_append(at, batch.rows, first)
        except Conflict as conflict:
            first.fail(conflict.error)
            return
        # A crash from here on loses nothing: whoever asks finds the rows.
        self._clock.learn(clock, sent=sent, received=self._monotonic())
        self._head = (batch.rows[-1].position, recorded_at)
        self._streams.learn(batch.streams)
        for call, position in batch.calls:
            call.tell(list(range(position, position + len(call.events))))

    async def _one_append(self, at: Log, rows: list[Row], first: Call) -> datetime:
        if first.tracking is None:
            return await at.append(self._project, rows)
        return await append_tracked(await self._opened(), self._project, rows, first)

    async def _answer_known(self, at: Log, waiting: list[Call]) -> list[Call]:
        """Answer the calls that were recorded although their answer was lost; return the others."""
        unsure = {call.command_id: call for call in waiting if call.unsure and call.command_id is not None}
        if unsure:
            for command_id, answer in (await at.answers(self._project, list(unsure))).items():
                unsure[command_id].tell([event.position for event in answer.events])
        return [call for call in waiting if not call.future.done()]

    async def _look(self, at: Log) -> tuple[int, datetime | None]:
        head = await self._head_of(at)
        self._head = (head.position, head.recorded_at)
        return self._head

    async def _head_of(self, at: Log) -> Head:
        sent = self._monotonic()
        head = await at.head(self._project)
        self._clock.learn(head.clock, sent=sent, received=self._monotonic())
        return head

    async def _now(self, at: Log) -> datetime:
        """Return the ledger's clock, from the copy where that may be trusted; a test clock is always looked at."""
        if self._clock.is_set is None:
            self._clock.is_set = await (await self._opened()).is_test()
        now = None if self._clock.is_set else self._clock.now()
        return now if now is not None else (await self._head_of(at)).clock

    async def _read_streams(self, streams: list[str]) -> dict[str, Known]:
        ledger = await self._opened()
        found = {}
        for stream, ends in (await ledger.ends(self._project, streams, bodies=True)).items():
            assert ends.body is not None  # it was asked for
            # Where its versions begin stands in its first event.
            first = int(orjson.loads(ends.body)["data"]["originator_version"])
            found[stream] = Known(first, first + ends.version - 1)
        return found

    @staticmethod
    def _fail(calls: list[Call], error: Exception) -> None:
        for call in calls:
            call.fail(error)


def _characters(call: Call) -> int:
    return sum(len(one.event.state or one.event.state_base64 or "") for one in call.events)
