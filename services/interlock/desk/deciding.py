"""One batch, decided in order: each command sees the effects of the ones before it, and none harms another."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from interlock.desk.answer import Answer, first_answer
from interlock.desk.errors import CommandTooLarge
from interlock.desk.memory import NO_EVENTS, Known, StreamEnds
from interlock.desk.reading import Log, load_streams, stream_ends
from interlock.desk.rules import AnyRecorded, Rules, Verdict
from interlock.desk.stamp import COMMAND_EVENTS_MAX, Origin, recorded, row
from interlock.domain.errors import Changed, InvalidCommand
from interlock.events.envelope import Actor
from interlock.events.seams import EventIds
from interlock.ledger import LedgerError, Row

BATCH_COMMANDS_MAX: Final = 256
BATCH_EVENTS_MAX: Final = 1_000
BATCH_BYTES_MAX: Final = 8 * 1024 * 1024


@dataclass(slots=True, eq=False)
class Waiting:
    """A command and whoever waits for its answer; `inadmissible` says what it names that is not as it must be.

    `overtaken` and `restamped` count decisions that were in vain; `settled` once there is an answer, whether or not
    anybody still waits for it, and `queued` while it waits for its turn.
    """

    command: Any
    actor: Actor
    command_id: UUID
    request_hash: str
    if_version: int | None
    future: asyncio.Future[Answer]
    inadmissible: InvalidCommand | None = None
    overtaken: int = 0
    restamped: int = 0
    settled: bool = False
    queued: bool = False

    def answer(self, answer: Answer) -> None:
        """Give the answer, unless it was given."""
        self.settled = True
        if not self.future.done():
            self.future.set_result(answer)

    def fail(self, error: BaseException) -> None:
        """Give the error, unless an answer was given."""
        self.settled = True
        if not self.future.done():
            self.future.set_exception(error)


def taken(queue: deque[Waiting], most: int) -> list[Waiting]:
    """Take the first ones out of `queue`, `most` of them at most."""
    first = [queue.popleft() for _ in range(min(most, len(queue)))]
    for one in first:
        one.queued = False
    return first


@dataclass(slots=True)
class Decided:
    """One command's place in a batch: its answer, or what the rules raised."""

    waiting: Waiting
    outcome: Answer | Exception
    events: tuple[AnyRecorded, ...] = ()

    def tell(self) -> None:
        """Give the outcome to whoever waits for it."""
        if isinstance(self.outcome, Answer):
            self.waiting.answer(self.outcome)
        else:
            self.waiting.fail(self.outcome)


@dataclass(slots=True)
class Batch:
    """What would be appended `after` a position, what each command would be told, and who waits for the next batch."""

    situation: Any
    after: int
    decided: list[Decided] = field(default_factory=list)
    events: list[AnyRecorded] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    put_off: list[Waiting] = field(default_factory=list)
    streams: dict[str, StreamEnds] = field(default_factory=dict)
    bytes: int = 0

    def has_room_for(self, events: int, size: int) -> bool:
        """Tell whether so many events of `size` bytes together still fit; into an empty batch every command's do."""
        if not self.rows:
            return True
        return len(self.rows) + events <= BATCH_EVENTS_MAX and self.bytes + size <= BATCH_BYTES_MAX


class Deciding:
    """Decides one batch at the instant `now` on what `memory` holds; it reads closed streams, and changes nothing.

    `batch` is what came of it so far.
    """

    def __init__(
        self, project: str, *, memory: Known, log: Log, rules: Rules, event_ids: EventIds, now: datetime
    ) -> None:
        """`now` is the instant that every event of the batch will carry."""
        self._project = project
        self._memory = memory
        self._log = log
        self._rules = rules
        self._event_ids = event_ids
        self._now = now
        self.batch = Batch(memory.situation, memory.position)
        self._closed: dict[str, list[AnyRecorded]] = {}
        # What the ledger said, also where the memory has no room for it.
        self._asked: dict[str, StreamEnds] = {}
        self._ids: set[UUID] = set()

    async def decide(self, waiting: Sequence[Waiting]) -> Batch:
        """Decide `waiting` in order, after those of before. Raises what the ledger raises, and UnknownEvent.

        No command's own error is raised: that one is told.
        """
        await self._load(self._needed(waiting))
        todo = deque(waiting)
        while todo:
            one = todo.popleft()
            if one.command_id in self._ids or self._memory.is_under_way(one.command_id):
                # Sent twice at once: when the first is recorded, the second finds its answer.
                self.batch.put_off.append(one)
                continue
            self._ids.add(one.command_id)
            try:
                if not await self._decide(one):
                    self.batch.put_off += [one, *todo]
                    break
            except LedgerError:
                raise
            except Exception as error:
                self.batch.decided.append(Decided(one, error))
        return self.batch

    def _needed(self, waiting: Iterable[Waiting]) -> set[str]:
        """Return the closed streams of the whole batch, to be read at once; what fails here fails again alone."""
        needed: set[str] = set()
        for one in waiting:
            try:
                needed.update(self._rules.streams_needed(self._memory.situation, one.command))
            except Exception:  # noqa: S112 - deciding that command raises it to whoever sent it
                continue
        return needed

    async def _decide(self, one: Waiting) -> bool:
        """Decide one command; return whether it fitted into the batch."""
        batch, rules = self.batch, self._rules
        if one.inadmissible is not None:
            raise one.inadmissible
        seen = batch.situation
        if needed := rules.streams_needed(seen, one.command):
            seen = await self._with_closed(seen, one.command, set(needed))
        verdict = rules.decide(seen, one.command, one.actor, self._now)
        if unknown := self._unknown(verdict):
            await self._find_ends(unknown)
        if one.if_version is not None and one.if_version != self._ends(verdict.subject).version:
            raise Changed(verdict.subject, one.if_version, self._ends(verdict.subject).version)
        streams: dict[str, StreamEnds] = {}
        events = self._record(one, verdict, streams)
        size = sum([len(event.raw) for event in events])
        if not batch.has_room_for(len(events), size):
            return False
        situation = batch.situation
        for event in events:
            situation = rules.evolve(situation, event)
        position = batch.after + len(batch.events)
        batch.decided.append(Decided(one, first_answer(verdict, events, position), events))
        batch.situation = situation
        batch.events += events
        batch.rows += [row(event, command_events=len(events)) for event in events]
        batch.bytes += size
        batch.streams |= streams
        return True

    async def _with_closed(self, seen: Any, command: Any, needed: set[str]) -> Any:
        """Return the situation with what `command` names and is over; only its decision sees that.

        What the desk keeps stays the fold of the log and nothing else, so that it is equal to a replay and bounded.
        """
        asked = set[str]()
        # What is loaded may lead to more: ask until nothing is wanted any more.
        while needed:
            await self._load(needed)
            for stream in sorted(needed):
                of_this_batch = [event for event in self.batch.events if event.stream == stream]
                seen = self._rules.admit(seen, stream, [*self._closed[stream], *of_this_batch])
            asked |= needed
            needed = set(self._rules.streams_needed(seen, command)) - asked
        return seen

    async def _load(self, streams: set[str]) -> None:
        missing = streams - self._closed.keys()
        if missing:
            for stream, found in (await load_streams(self._log, self._project, sorted(missing))).items():
                events = self._closed[stream] = self._memory.whole(stream, found)
                first = events[0].position if events else None
                self._memory.learn(stream, StreamEnds(len(events), first))

    def _unknown(self, verdict: Verdict) -> list[str]:
        """Return the streams of a verdict whose ends the ledger has to be asked for."""
        names = {verdict.subject}
        for fact in verdict.facts:
            names.add(fact.stream)
        known, memory = self.batch.streams, self._memory
        return [name for name in names if name not in known and memory.stream(name) is None]

    async def _find_ends(self, unknown: list[str]) -> None:
        for stream, ends in (await stream_ends(self._log, self._project, sorted(unknown))).items():
            self._memory.learn(stream, ends)
            self._asked[stream] = ends

    def _ends(self, stream: str) -> StreamEnds:
        return self.batch.streams.get(stream) or self._memory.stream(stream) or self._asked.get(stream) or NO_EVENTS

    def _record(self, one: Waiting, verdict: Verdict, streams: dict[str, StreamEnds]) -> tuple[AnyRecorded, ...]:
        """Return the verdict's facts as events, and put the streams' new ends into `streams`."""
        if len(verdict.facts) > COMMAND_EVENTS_MAX:
            raise CommandTooLarge(f"it would record {len(verdict.facts)} events; {COMMAND_EVENTS_MAX} fit")
        first = self.batch.after + len(self.batch.events) + 1
        versions = []
        for ordinal, fact in enumerate(verdict.facts):
            ends = streams.get(fact.stream) or self._ends(fact.stream)
            begins = first + ordinal if ends.first is None else ends.first
            streams[fact.stream] = StreamEnds(ends.version + 1, begins)
            versions.append(ends.version + 1)
        origin = Origin(
            project=self._project,
            actor=one.actor,
            command_id=one.command_id,
            request_hash=one.request_hash,
            recorded_at=self._now,
            policy_version=self._rules.policy_version(self.batch.situation),
            first=first,
            correlation=(streams.get(verdict.subject) or self._ends(verdict.subject)).first,
        )
        return tuple(
            recorded(fact, origin, ordinal=ordinal, version=version, event_id=self._event_ids(self._now))
            for ordinal, (fact, version) in enumerate(zip(verdict.facts, versions, strict=True))
        )
