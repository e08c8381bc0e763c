"""Old shapes are read as today's, step by step, and are never written again."""

from __future__ import annotations

from dataclasses import replace

import pytest

from interlock.events import codec
from interlock.events.catalogue import CATALOGUE
from interlock.events.codec import Codec, UnknownEventType, UnknownSchema
from interlock.events.upcasting import UPCASTERS, Data, StepMissing, StepTwice, Upcasters
from tests.events import kettles
from tests.events.examples import recorded


def test_an_old_event_is_read_in_todays_shape() -> None:
    found = kettles.CODEC.decode(kettles.STORED_FIRST)
    assert found.event == kettles.KettleBoiled(millilitres=1_500, room="kitchen", tea="Assam")


def test_an_old_event_keeps_its_schema_and_its_bytes() -> None:
    found = kettles.CODEC.decode_exactly(kettles.STORED_FIRST)
    assert (found.schema, found.raw) == (1, kettles.STORED_FIRST)


def test_todays_shape_is_written_and_read_without_a_step() -> None:
    event = kettles.KettleBoiled(millilitres=250, room="attic")
    body = kettles.CODEC.encode(recorded(event, catalogue=kettles.CATALOGUE))
    assert b'"schema":2' in body
    assert kettles.CODEC.decode_exactly(body).event == event


def test_nothing_but_todays_schema_is_ever_written() -> None:
    found = kettles.CODEC.decode(kettles.STORED_FIRST)
    with pytest.raises(UnknownSchema):
        kettles.CODEC.encode(found)
    assert kettles.CODEC.encode(replace(found, schema=2))


@pytest.mark.parametrize("schema", [b"3", b"0", b"-1"])
def test_a_schema_from_the_future_stops_the_reader(schema: bytes) -> None:
    with pytest.raises(UnknownSchema, match="KettleBoiled"):
        kettles.CODEC.decode(kettles.STORED_FIRST.replace(b'"schema":1', b'"schema":' + schema))


def test_a_type_of_tests_is_unknown_in_production() -> None:
    assert "KettleBoiled" not in CATALOGUE
    with pytest.raises(UnknownEventType, match="KettleBoiled"):
        codec.decode(kettles.STORED_FIRST)


def test_every_type_can_be_read_from_its_first_schema_on() -> None:
    UPCASTERS.check(CATALOGUE)
    kettles.UPCASTERS.check(kettles.CATALOGUE)
    with pytest.raises(StepMissing, match="KettleBoiled 1"):
        Upcasters().check(kettles.CATALOGUE)


def test_a_hole_in_a_types_history_is_an_unknown_schema() -> None:
    with pytest.raises(UnknownSchema):
        Codec(kettles.CATALOGUE, Upcasters()).decode(kettles.STORED_FIRST)


def test_steps_are_a_chain() -> None:
    steps = Upcasters()

    @steps.step("T", from_schema=1)
    def first(data: Data) -> Data:
        return {**data, "way": data["way"] + "a"}

    @steps.step("T", from_schema=2)
    def second(data: Data) -> Data:
        return {**data, "way": data["way"] + "b"}

    given = {"way": ""}
    assert steps.upcast("T", given, from_schema=1, to_schema=3) == {"way": "ab"}
    assert steps.upcast("T", given, from_schema=2, to_schema=3) == {"way": "b"}
    assert given == {"way": ""}
    with pytest.raises(StepTwice):
        steps.step("T", from_schema=1)(second)
