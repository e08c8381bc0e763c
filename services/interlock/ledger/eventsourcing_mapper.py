"""Recorded events as the `eventsourcing` library's stored events, and back: the same canonical bytes, no Python paths.

The library's own mapper writes an object's attributes under a topic that is a Python path, so that moving a class
breaks old events. Ours keeps the bytes that are in the ledger, under a topic of the event's type and schema.
"""

from __future__ import annotations

from typing import Any, NoReturn

from eventsourcing.domain import DomainEventProtocol
from eventsourcing.persistence import JSONTranscoder, Mapper, MapperDeserialisationError, StoredEvent

from interlock.events.codec import BrokenEvent, UnknownEventType, UnknownSchema, decode, encode
from interlock.events.envelope import Recorded


class NotARecordedEvent(TypeError):
    """this mapper stores recorded events of Interlock and nothing else"""


class CanonicalMapper(Mapper[str]):
    """A `Mapper` whose states are canonical bytes, for aggregates identified by their stream's name.

    It takes no compressor and no cipher: the bytes are what is hashed, sent and exported.
    """

    def __init__(self) -> None:
        """Need nothing: the codec knows every type."""
        super().__init__(transcoder=JSONTranscoder())

    def to_stored_event(self, domain_event: DomainEventProtocol[str]) -> StoredEvent:
        """Return the library's form of a `Recorded`; its bytes, where it was read from any, are not written anew."""
        if not isinstance(domain_event, Recorded):
            raise NotARecordedEvent(type(domain_event).__name__)
        return StoredEvent(
            originator_id=domain_event.stream,
            originator_version=domain_event.version,
            topic=topic_of(domain_event),
            state=domain_event.raw or encode(domain_event),
        )

    def to_domain_event(self, stored_event: StoredEvent) -> DomainEventProtocol[str]:
        """Return the event in today's shape; raise MapperDeserialisationError where bytes and columns disagree."""
        try:
            recorded: Recorded[Any] = decode(stored_event.state)
        except (BrokenEvent, UnknownEventType, UnknownSchema) as error:
            _refuse(stored_event, f"{type(error).__name__}: {error}", error)
        said = (stored_event.originator_id, stored_event.originator_version, stored_event.topic)
        meant = (recorded.stream, recorded.version, topic_of(recorded))
        if said != meant:
            _refuse(stored_event, f"its bytes are of {meant}")
        return recorded


def topic_of(recorded: Recorded[Any]) -> str:
    """Return the topic: type and stored schema, such as `ReleaseOpened/1`. Stored for ever."""
    return f"{recorded.type}/{recorded.schema}"


def _refuse(stored: StoredEvent, why: str, cause: Exception | None = None) -> NoReturn:
    raise MapperDeserialisationError(
        f"version {stored.originator_version} of {stored.originator_id}, topic {stored.topic}: {why}"
    ) from cause
