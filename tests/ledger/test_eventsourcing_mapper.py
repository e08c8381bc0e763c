"""The eventsourcing library sees recorded events as its own, holding the ledger's bytes."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from eventsourcing.domain import DomainEventProtocol
from eventsourcing.persistence import MapperDeserialisationError
from eventsourcing.popo import POPOAggregateRecorder

from interlock.events.catalogue.ledger import Annotated
from interlock.events.codec import decode, encode
from interlock.events.envelope import Actor, Recorded
from interlock.ledger import Ledger, Row
from interlock.ledger.eventsourcing_mapper import CanonicalMapper, NotARecordedEvent
from tests.ledger.rows import PROJECT, command

AT = datetime(2026, 11, 28, 9, 0, 0, 123456, tzinfo=UTC)


def recorded(position: int = 1, version: int = 1, at: datetime = AT) -> Recorded[Any]:
    return Recorded(
        project=PROJECT,
        position=position,
        id=UUID(int=position),
        type="Annotated",
        schema=1,
        stream="4.12.0",
        version=version,
        recorded_at=at,
        occurred_at=at,
        actor=Actor(id="anton", kind="person"),
        command_id=command(position),
        ordinal=0,
        request_hash="sha256:asked",
        causation=None,
        correlation=None,
        policy_version=1,
        event=Annotated(target=7, kind="remark", text="looked at it"),
    )


def test_a_recorded_event_satisfies_the_librarys_protocol() -> None:
    event: DomainEventProtocol[str] = recorded(version=3)
    assert (event.originator_id, event.originator_version) == ("4.12.0", 3)


def test_it_is_stored_as_its_canonical_bytes_under_its_type_and_schema() -> None:
    stored = CanonicalMapper().to_stored_event(recorded())
    assert (stored.originator_id, stored.originator_version) == ("4.12.0", 1)
    assert stored.topic == "Annotated/1"
    assert stored.state == encode(recorded())


def test_it_comes_back_equal_with_the_same_bytes() -> None:
    mapper = CanonicalMapper()
    read = decode(encode(recorded()))
    stored = mapper.to_stored_event(read)
    assert stored.state is read.raw
    assert mapper.to_domain_event(stored) == read


@pytest.mark.parametrize(
    "lie",
    [
        {"originator_id": "other"},
        {"originator_version": 2},
        {"topic": "Annotated/2"},
        {"topic": "builtins:int"},
        {"state": b"{}"},
    ],
)
def test_columns_that_differ_from_the_bytes_are_refused(lie: dict[str, Any]) -> None:
    mapper = CanonicalMapper()
    stored = dataclasses.replace(mapper.to_stored_event(recorded()), **lie)
    with pytest.raises(MapperDeserialisationError):
        mapper.to_domain_event(stored)


def test_nothing_else_is_stored() -> None:
    class Foreign:
        originator_id = "4.12.0"
        originator_version = 1

    with pytest.raises(NotARecordedEvent):
        CanonicalMapper().to_stored_event(Foreign())


def test_the_librarys_own_recorder_keeps_them() -> None:
    mapper, recorder = CanonicalMapper(), POPOAggregateRecorder()
    events = [recorded(position, version=position) for position in (1, 2, 3)]
    recorder.insert_events([mapper.to_stored_event(event) for event in events])
    assert [mapper.to_domain_event(one) for one in recorder.select_events("4.12.0")] == [
        decode(encode(event)) for event in events
    ]


async def test_the_ledger_takes_what_the_codec_writes(ledger: Ledger) -> None:
    at = (await ledger.head(PROJECT)).clock
    event = recorded(at=at)
    body = encode(event)
    await ledger.append(
        PROJECT, [Row(1, event.stream, 1, event.type, at, body, event.command_id, event.request_hash, 1)]
    )
    [stored] = await ledger.read(PROJECT, after=0, limit=10)
    assert decode(stored.body) == decode(body)
