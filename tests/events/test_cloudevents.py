"""On the wire an event is a CloudEvent 1.0 whose data is the ledger's bytes, and comes back as it went."""

from __future__ import annotations

import json
import re

import pytest
from cloudevents.core.bindings.kafka import KafkaMessage, from_binary_event
from cloudevents.core.formats.json import JSONFormat

from interlock.events.catalogue import CATALOGUE
from interlock.events.cloudevents import (
    AttributesDiffer,
    attributes_of,
    from_kafka,
    from_relay,
    from_structured,
    kafka_headers,
    kafka_message,
    structured,
)
from interlock.events.codec import BrokenEvent, NotCanonical, decode, encode
from interlock.events.envelope import Recorded
from interlock.events.strict import BadInput
from tests.events import kettles
from tests.events.corpus import stored
from tests.events.examples import example, recorded

BODIES = [body for bodies in stored().values() for body in bodies]
ONE = decode(encode(recorded(example(CATALOGUE["ReleaseOpened"][0]))))
LEAN = decode(encode(recorded(example(CATALOGUE["ReleaseOpened"][0], full=False), full=False)))


@pytest.mark.parametrize("body", BODIES)
def test_every_stored_event_goes_out_and_comes_back_in_both_modes(body: bytes) -> None:
    event = decode(body)
    message = kafka_message(event)
    assert message.value == body
    assert message.key == event.project
    assert from_kafka(message.headers.items(), message.value) == event
    assert from_relay(message.headers.items(), message.value) == event
    assert from_structured(structured(event)) == event


@pytest.mark.parametrize("body", BODIES)
def test_who_only_carries_bytes_gives_them_the_same_headers(body: bytes) -> None:
    assert kafka_headers(body) == kafka_message(decode(body)).headers


@pytest.mark.parametrize("event", [ONE, LEAN])
def test_a_carrier_gives_events_with_and_without_causes_the_same_headers(event: Recorded) -> None:
    assert kafka_headers(encode(event)) == kafka_message(event).headers


def test_the_attributes_are_cloudevents() -> None:
    assert kafka_message(ONE).headers == {
        "ce_specversion": b"1.0",
        "ce_id": b"019abf5a-1c3a-7b52-9c7e-3f1f0a4d2b11",
        "ce_source": b"/projects/demo",
        "ce_type": b"interlock.ReleaseOpened.v1",
        "ce_subject": b"release/4.12.0",
        "ce_time": b"2026-11-26T14:05:00Z",
        "content-type": b"application/json",
        "ce_partitionkey": b"demo",
        "ce_position": b"18205",
        "ce_streamversion": b"17",
        "ce_commandid": b"5a1c0f0e-9f36-4f0c-8a57-0f5c1d1f7a90",
        "ce_actor": b"anton",
        "ce_causation": b"18102",
        "ce_correlation": b"17900",
    }
    assert all(re.fullmatch("[a-z0-9]{1,20}", name) for name in attributes_of(ONE))
    assert {"causation", "correlation"}.isdisjoint(attributes_of(LEAN))


def test_any_cloudevents_reader_understands_both_modes() -> None:
    message = kafka_message(ONE)
    binary = from_binary_event(KafkaMessage(message.headers, message.key, message.value))
    whole = JSONFormat().read(None, structured(ONE))
    assert binary.get_type() == whole.get_type() == "interlock.ReleaseOpened.v1"
    assert binary.get_time() == whole.get_time() == ONE.occurred_at
    assert binary.get_data() == whole.get_data() == json.loads(ONE.raw)


def test_an_event_that_was_never_stored_goes_out_as_it_would_be() -> None:
    fresh = recorded(ONE.event)
    assert kafka_message(fresh).value == encode(fresh)


def test_an_old_event_goes_out_as_it_was_stored() -> None:
    old = kettles.CODEC.decode(kettles.STORED_FIRST)
    message = kafka_message(old, codec=kettles.CODEC)
    assert message.value == kettles.STORED_FIRST
    assert message.headers["ce_type"] == b"interlock.KettleBoiled.v1"
    assert from_kafka(message.headers.items(), message.value, codec=kettles.CODEC) == old
    assert from_structured(structured(old, codec=kettles.CODEC), codec=kettles.CODEC) == old


@pytest.mark.parametrize("name", sorted(kafka_message(ONE).headers))
def test_a_header_that_is_not_what_the_event_says_is_refused(name: str) -> None:
    message = kafka_message(ONE)
    for headers in (
        {**message.headers, name: b"7"},
        {key: text for key, text in message.headers.items() if key != name},
    ):
        for read in (from_kafka, from_relay):
            with pytest.raises(AttributesDiffer, match=name):
                read(headers.items(), message.value)


def test_a_carriers_own_headers_are_not_looked_at() -> None:
    message = kafka_message(ONE)
    assert from_kafka([*message.headers.items(), ("traceparent", b"00-1-2-01")], message.value) == ONE
    with pytest.raises(AttributesDiffer, match="ce_mood"):
        from_kafka([*message.headers.items(), ("ce_mood", b"good")], message.value)


def test_a_changed_value_is_refused() -> None:
    message = kafka_message(ONE)
    with pytest.raises(NotCanonical):
        from_kafka(message.headers.items(), message.value + b" ")
    with pytest.raises(AttributesDiffer, match="ce_position"):
        from_kafka(message.headers.items(), message.value.replace(b'"position":18205', b'"position":18206'))


@pytest.mark.parametrize(
    "name, value", [("position", "7"), ("source", "/projects/other"), ("mood", "good"), ("time", "x")]
)
def test_a_structured_event_whose_attributes_differ_is_refused(name: str, value: str) -> None:
    document = json.loads(structured(ONE))
    with pytest.raises(AttributesDiffer, match=name):
        from_structured(json.dumps({**document, name: value}).encode())


def test_what_is_no_cloudevent_of_ours_is_refused() -> None:
    for body in (b"[]", b"{}", b'{"data":"x"}', b'{"data":{}}'):
        with pytest.raises(BrokenEvent):
            from_structured(body)
    with pytest.raises(BadInput, match="twice"):
        from_structured(structured(ONE).replace(b'"position": "18205"', b'"position": "18205", "position": "18205"'))
