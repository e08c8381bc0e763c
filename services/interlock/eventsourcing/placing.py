"""From calls to the ledger's rows: positions, versions and canonical bytes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from eventsourcing.persistence import DataError

from interlock.events.canonical import EventTooLarge, OutsideProfile
from interlock.events.codec import BrokenEvent
from interlock.events.envelope import Actor, Recorded
from interlock.events.foreign import FOREIGN_CODEC, EventStored
from interlock.events.seams import EventIds
from interlock.eventsourcing.calls import Call, Prepared
from interlock.eventsourcing.errors import conflict
from interlock.eventsourcing.streams import Known, Streams
from interlock.ledger import Row

# Not Interlock's: no policy decided it.
POLICY_VERSION = 0


@dataclass(slots=True)
class Batch:
    """Rows for one append, and each call's first position; `put_off` must see what these leave."""

    rows: list[Row] = field(default_factory=list)
    calls: list[tuple[Call, int]] = field(default_factory=list)
    put_off: list[Call] = field(default_factory=list)
    streams: dict[str, Known] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Placing:
    """Everything that the rows of one batch share."""

    project: str
    actor: Actor
    event_ids: EventIds
    streams: Streams
    after: int
    at: datetime

    def place(self, calls: Iterable[Call]) -> Batch:
        """Place what can be placed; a call that conflicts, or cannot be stored, is refused alone."""
        batch = Batch()
        for call in calls:
            if any(stream in batch.streams and first != batch.streams[stream].last + 1
                   for stream, (first, _) in call.spans.items()):  # fmt: skip
                # It conflicts with one that may still fail: the next batch knows.
                batch.put_off.append(call)
                continue
            refusal = self._conflict(call, batch)
            if refusal is not None:
                call.fail(refusal)
                continue
            try:
                rows = self._rows(call, batch)
            except (EventTooLarge, OutsideProfile, BrokenEvent) as unfit:
                call.fail(DataError(f"{call.events[0].stream}: {unfit}"))
                continue
            batch.calls.append((call, rows[0].position))
            batch.rows += rows
            for stream, (first, last) in call.spans.items():
                batch.streams[stream] = Known(self._begins(stream, batch, first), last)
        return batch

    def _conflict(self, call: Call, batch: Batch) -> Exception | None:
        for stream, (first, _) in call.spans.items():
            known = batch.streams.get(stream) or self.streams.get(stream)
            if known is not None and first != known.last + 1:
                return conflict(stream, first, known.last)
        return None

    def _begins(self, stream: str, batch: Batch, first: int) -> int:
        known = batch.streams.get(stream) or self.streams.get(stream)
        return first if known is None else known.first

    def _rows(self, call: Call, batch: Batch) -> list[Row]:
        if call.command_id is None:
            call.command_id = self.event_ids(self.at)
        position = self.after + len(batch.rows)
        rows = []
        for ordinal, one in enumerate(call.events):
            position += 1
            version = one.version - self._begins(one.stream, batch, call.spans[one.stream][0]) + 1
            body = FOREIGN_CODEC.encode(self._recorded(one, call, call.command_id, position, version, ordinal))
            rows.append(Row(position, one.stream, version, one.topic, self.at, body))
        head = rows[0]
        head.command_id, head.request_hash, head.command_events = call.command_id, call.request_hash, len(rows)
        return rows

    def _recorded(
        self, one: Prepared, call: Call, command_id: UUID, position: int, version: int, ordinal: int
    ) -> Recorded[EventStored]:
        return Recorded(
            project=self.project,
            position=position,
            id=self.event_ids(self.at),
            type=one.topic,
            schema=1,
            stream=one.stream,
            version=version,
            recorded_at=self.at,
            occurred_at=self.at,
            actor=self.actor,
            command_id=command_id,
            ordinal=ordinal,
            request_hash=call.request_hash,
            causation=None,
            correlation=None,
            policy_version=POLICY_VERSION,
            event=one.event,
        )
