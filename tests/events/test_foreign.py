"""Another application's events in an envelope of ours: any bytes, any topic, read back as they were."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as some

from interlock.events.canonical import OutsideProfile
from interlock.events.cloudevents import from_kafka, kafka_headers
from interlock.events.codec import BrokenEvent, UnknownEventType, decode
from interlock.events.envelope import Actor, Recorded
from interlock.events.foreign import FOREIGN_CODEC, PREFIX, EventStored, is_foreign, own, state_fields, state_of
from interlock.events.values import Name

AT = datetime(2026, 11, 28, 9, 0, 0, 123456, tzinfo=UTC)


def recorded(state: bytes = b"{}", topic: str = "shop:Order.Placed", stream: str = "order") -> Recorded[Any]:
    return Recorded(
        project="es:orders",
        position=1,
        id=UUID(int=1),
        type=topic,
        schema=1,
        stream=stream,
        version=1,
        recorded_at=AT,
        occurred_at=AT,
        actor=Actor(id="orders", kind="service"),
        command_id=UUID(int=2),
        ordinal=0,
        request_hash="sha256:asked",
        causation=None,
        correlation=None,
        policy_version=0,
        event=EventStored(id_type="text", originator_version=0, **state_fields(state)),
    )


@given(some.binary(max_size=300) | some.text(max_size=100).map(lambda text: text.encode(errors="surrogatepass")))
def test_any_state_comes_back_byte_for_byte_from_canonical_bytes(state: bytes) -> None:
    body = FOREIGN_CODEC.encode(recorded(state))
    document = FOREIGN_CODEC.decode_with_envelope(body)[1]
    assert state_of(document["data"]) == state
    assert rfc8785.dumps(document) == body
    assert FOREIGN_CODEC.decode_exactly(body).raw == body


@given(some.text(min_size=1, max_size=40), some.text(min_size=1, max_size=40))
def test_any_topic_and_stream_can_be_carried_or_is_refused_by_name(topic: str, stream: str) -> None:
    try:
        body = FOREIGN_CODEC.encode(recorded(topic=topic, stream=stream))
    except OutsideProfile:
        assert "\x00" in topic + stream
        return
    event = FOREIGN_CODEC.decode(body)
    assert (event.type, event.stream) == (topic, stream)
    assert from_kafka(kafka_headers(body).items(), body, codec=FOREIGN_CODEC) == event


@pytest.mark.parametrize("data", [{}, {"state": "a", "state_base64": "YQ=="}, {"state_base64": "not base64"}])
def test_a_state_that_is_not_one_thing_is_refused(data: dict[str, str]) -> None:
    with pytest.raises(BrokenEvent):
        state_of(data)


def test_interlocks_own_codec_knows_none_of_them() -> None:
    with pytest.raises(UnknownEventType):
        decode(FOREIGN_CODEC.encode(recorded()))


def test_no_project_of_interlocks_can_have_such_a_name() -> None:
    import re

    pattern = Name.__metadata__[0].pattern  # type: ignore[attr-defined]
    assert re.fullmatch(pattern, "orders")
    assert not re.fullmatch(pattern, f"{PREFIX}orders")
    assert own(["demo", "es:orders", "essex"]) == ["demo", "essex"]
    assert is_foreign("es:orders")
