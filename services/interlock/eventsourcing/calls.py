"""One call of `insert_events`: what is to be recorded, whole or not at all, and whoever waits for it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeAlias
from uuid import UUID

from eventsourcing.persistence import DataError, StoredEvent, Tracking

from interlock.events.foreign import EventStored, state_fields
from interlock.events.values import INTEGER_MAX
from interlock.eventsourcing.errors import conflict
from interlock.ledger import BATCH_EVENTS_MAX

# A stream's name stands in an index, whose entries are small.
ORIGINATOR_BYTES_MAX: Final = 1_000

IdType: TypeAlias = Literal["uuid", "text"]


@dataclass(slots=True)
class Prepared:
    """One event, but for what only the ledger's present state can say."""

    stream: str
    topic: str
    version: int
    event: EventStored


@dataclass(slots=True)
class Call:
    """Events that are recorded together; `spans` are each stream's first and last version among them.

    `unsure` from the moment at which its outcome was lost: then its command id is looked up before it is sent again.
    """

    events: list[Prepared]
    spans: dict[str, tuple[int, int]]
    request_hash: str
    deadline: float
    tracking: Tracking | None = None
    tracking_table: tuple[str, str] | None = None
    command_id: UUID | None = None
    unsure: bool = False
    future: Future[list[int]] = field(default_factory=Future)

    def tell(self, positions: list[int]) -> None:
        """Answer; whoever gave up waiting is not told."""
        if not self.future.done():
            self.future.set_result(positions)

    def fail(self, error: BaseException) -> None:
        """Refuse."""
        if not self.future.done():
            self.future.set_exception(error)


def prepared(stored_events: Sequence[StoredEvent], *, deadline: float, tracking: Tracking | None = None) -> Call:
    """Return the call; raise DataError for what no ledger takes, IntegrityError for versions out of order."""
    if len(stored_events) > BATCH_EVENTS_MAX:
        raise DataError(f"{len(stored_events)} events in one call; {BATCH_EVENTS_MAX} are recorded together at most")
    spans: dict[str, tuple[int, int]] = {}
    events: list[Prepared] = []
    digest = hashlib.sha256()
    for stored in stored_events:
        stream, id_type = stream_of(stored.originator_id)
        version = _checked(stored)
        first, last = spans.get(stream, (version, version - 1))
        if version != last + 1:
            raise conflict(stream, version, None)
        spans[stream] = (first, version)
        made = EventStored(id_type=id_type, originator_version=version, **_fields(stored.state))
        events.append(Prepared(stream, stored.topic, version, made))
        for part in (stream.encode(), b"%d" % version, stored.topic.encode(errors="replace"), stored.state):
            digest.update(b"%d:" % len(part))
            digest.update(part)
    return Call(events, spans, f"sha256:{digest.hexdigest()}", deadline, tracking)


def stream_of(originator_id: object) -> tuple[str, IdType]:
    """Return the stream's name and the id's type. Raises DataError."""
    if isinstance(originator_id, UUID):
        return str(originator_id), "uuid"
    if not isinstance(originator_id, str) or not originator_id:
        raise DataError(f"an originator's id is a UUID or a text, not {originator_id!r}")
    try:
        size = len(originator_id.encode())
    except UnicodeEncodeError:
        raise DataError("an originator's id holds no half of a surrogate pair") from None
    if size > ORIGINATOR_BYTES_MAX or "\x00" in originator_id:
        raise DataError(f"an originator's id has at most {ORIGINATOR_BYTES_MAX} bytes and no NUL; this one: {size}")
    return originator_id, "text"


def _checked(stored: StoredEvent) -> int:
    version = stored.originator_version
    if type(version) is not int or not -INTEGER_MAX <= version <= INTEGER_MAX:
        raise DataError(f"a version is an integer of at most 53 bits, not {version!r}")
    topic: Any = stored.topic
    if not isinstance(topic, str) or not topic:
        raise DataError(f"a topic is a text, not {topic!r}")
    return version


def _fields(state: Any) -> dict[str, str]:
    if not isinstance(state, bytes | bytearray | memoryview):
        raise DataError(f"a state is bytes, not {type(state).__name__}")
    return state_fields(bytes(state))
