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
from interlock.desk.memory import Memory, StreamEnds
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

    `overtaken` and `restamped` count decisions that were in vain.
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

    def answer(self, answer: Answer) -> None:
        """Give the answer, unless it was given."""
        if not self.future.done():
            self.future.set_result(answer)

    def fail(self, error: BaseException) -> None:
        """Give the error, unless an answer was given."""
        if not self.future.done():
            self.future.set_exception(error)


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
    """What would be appended, what each command would be told, and who has to wait for the next batch."""

    situation: Any
    decided: list[Decided] = field(default_factory=list)
    events: list[AnyRecorded] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    put_off: list[Waiting] = field(default_factory=list)
    bytes: int = 0

    def has_room_for(self, events: Sequence[AnyRecorded]) -> bool:
        """Tell whether `events` still fit; into an empty batch every command's do."""
        if not self.rows:
            return True
        size = sum(len(event.raw) for event in events)
        return len(self.rows) + len(events) <= BATCH_EVENTS_MAX and self.bytes + size <= BATCH_BYTES_MAX


class Deciding:
    """Decides one batch at the instant `now` on what `memory` holds; it reads closed streams, and changes nothing."""

    def __init__(
        self, project: str, *, memory: Memory, log: Log, rules: Rules, event_ids: EventIds, now: datetime
    ) -> None:
        """`now` is the instant that every event of the batch will carry."""
        self._project = project
        self._memory = memory
        self._log = log
        self._rules = rules
        self._event_ids = event_ids
        self._now = now
        self._batch = Batch(memory.situation)
        self._streams: dict[str, StreamEnds] = {}
        self._closed: dict[str, list[AnyRecorded]] = {}

    async def decide(self, waiting: Sequence[Waiting]) -> Batch:
        """Decide `waiting` in order. Raises what the ledger raises, and UnknownEvent; no command's own error."""
        await self._load(self._needed(waiting))
        todo = deque(waiting)
        ids: set[UUID] = set()
        while todo:
            one = todo.popleft()
            if one.command_id in ids:
                # Sent twice at once: when the first is recorded, the second finds its answer.
                self._batch.put_off.append(one)
                continue
            ids.add(one.command_id)
            try:
                if not await self._decide(one):
                    self._batch.put_off += [one, *todo]
                    break
            except LedgerError:
                raise
            except Exception as error:
                self._batch.decided.append(Decided(one, error))
        return self._batch

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
        batch, rules = self._batch, self._rules
        if one.inadmissible is not None:
            raise one.inadmissible
        seen = await self._with_closed(one.command)
        verdict = rules.decide(seen, one.command, one.actor, self._now)
        await self._find_ends({verdict.subject, *(fact.stream for fact in verdict.facts)})
        if one.if_version is not None and one.if_version != self._ends(verdict.subject).version:
            raise Changed(verdict.subject, one.if_version, self._ends(verdict.subject).version)
        streams: dict[str, StreamEnds] = {}
        events = self._record(one, verdict, streams)
        if not batch.has_room_for(events):
            return False
        situation = batch.situation
        for event in events:
            situation = rules.evolve(situation, event)
        position = self._memory.position + len(batch.events)
        batch.decided.append(Decided(one, first_answer(verdict, events, position), events))
        batch.situation = situation
        batch.events += events
        batch.rows += [row(event, command_events=len(events)) for event in events]
        batch.bytes += sum(len(event.raw) for event in events)
        self._streams |= streams
        return True

    async def _with_closed(self, command: Any) -> Any:
        """Return the situation with what `command` names and is over; only its decision sees that.

        What the desk keeps stays the fold of the log and nothing else, so that it is equal to a replay and bounded.
        """
        seen, asked = self._batch.situation, set[str]()
        # What is loaded may lead to more: ask until nothing is wanted any more.
        while needed := set(self._rules.streams_needed(seen, command)) - asked:
            await self._load(needed)
            for stream in sorted(needed):
                of_this_batch = [event for event in self._batch.events if event.stream == stream]
                seen = self._rules.admit(seen, stream, [*self._closed[stream], *of_this_batch])
            asked |= needed
        return seen

    async def _load(self, streams: set[str]) -> None:
        missing = streams - self._closed.keys()
        if missing:
            for stream, events in (await load_streams(self._log, self._project, sorted(missing))).items():
                self._closed[stream] = events
                first = events[0].position if events else None
                self._memory.learn(stream, StreamEnds(len(events), first))

    async def _find_ends(self, streams: set[str]) -> None:
        unknown = [name for name in streams if name not in self._streams and self._memory.stream(name) is None]
        if unknown:
            for stream, ends in (await stream_ends(self._log, self._project, sorted(unknown))).items():
                self._memory.learn(stream, ends)
                self._streams[stream] = ends

    def _ends(self, stream: str) -> StreamEnds:
        return self._streams.get(stream) or self._memory.stream(stream) or StreamEnds(0, None)

    def _record(self, one: Waiting, verdict: Verdict, streams: dict[str, StreamEnds]) -> tuple[AnyRecorded, ...]:
        """Return the verdict's facts as events, and put the streams' new ends into `streams`."""
        if len(verdict.facts) > COMMAND_EVENTS_MAX:
            raise CommandTooLarge(f"it would record {len(verdict.facts)} events; {COMMAND_EVENTS_MAX} fit")
        first = self._memory.position + len(self._batch.events) + 1
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
            policy_version=self._rules.policy_version(self._batch.situation),
            first=first,
            correlation=(streams.get(verdict.subject) or self._ends(verdict.subject)).first,
        )
        return tuple(
            recorded(fact, origin, ordinal=ordinal, version=version, event_id=self._event_ids(self._now))
            for ordinal, (fact, version) in enumerate(zip(verdict.facts, versions, strict=True))
        )
