"""Stored events of every type and schema are read for ever, to the same bytes, and are what their schema froze."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest

from interlock.events.catalogue import CATALOGUE
from interlock.events.codec import decode_exactly, encode
from interlock.events.schemas import frozen
from tests.events.corpus import stored

STORED = stored()
BODIES = [
    pytest.param(type_name, body, id=f"{type_name}-{line}")
    for type_name, bodies in STORED.items()
    for line, body in enumerate(bodies, start=1)
]
FROZEN = {name: jsonschema.Draft202012Validator(schema) for name, schema in frozen().items()}


@pytest.mark.parametrize("type_name, body", BODIES)
def test_a_stored_event_is_read_for_ever(type_name: str, body: bytes) -> None:
    found = decode_exactly(body)
    assert found.type == type_name
    assert type(found.event) is CATALOGUE[type_name][0]
    if found.schema == CATALOGUE[type_name][1]:
        assert encode(found) == body


@pytest.mark.parametrize("type_name, body", BODIES)
def test_a_stored_event_is_what_its_schema_froze(type_name: str, body: bytes) -> None:
    document: dict[str, Any] = json.loads(body)
    FROZEN[f"{type_name}.{document['schema']}.json"].validate(document["data"])


def test_the_corpus_holds_every_schema_of_every_type() -> None:
    found = {(type_name, json.loads(body)["schema"]) for type_name, bodies in STORED.items() for body in bodies}
    expected = {(name, number) for name, (_, today) in CATALOGUE.items() for number in range(1, today + 1)}
    assert found == expected, "python -m tests.events.corpus adds what is missing"
