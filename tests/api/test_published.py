"""What others build on: AsyncAPI that the official parser finds valid, and schemas that never change."""

from __future__ import annotations

import json
import re
import subprocess
from typing import Any

import jsonschema
import pytest

from interlock.api import asyncapi
from interlock.domain.commands import PUBLISHED
from interlock.events import schemas, topics
from interlock.events.catalogue import CATALOGUE
from interlock.events.cloudevents import kafka_message
from interlock.events.codec import decode
from tests.api.conftest import Here
from tests.events.corpus import stored
from tests.house.tree import REPOSITORY

PARSER = REPOSITORY / "tests" / "asyncapi" / "check.cjs"
BODIES = [body for bodies in stored().values() for body in bodies]


def judged(document: dict[str, Any]) -> dict[str, Any]:
    """What the official parser says of an AsyncAPI document."""
    done = subprocess.run(
        ["node", str(PARSER)], input=json.dumps(document), capture_output=True, text=True, check=True, timeout=100
    )
    made: dict[str, Any] = json.loads(done.stdout)
    return made


async def test_the_official_parser_finds_nothing_to_say_about_the_document(here: Here) -> None:
    document = (await here.http.get("/asyncapi.json")).json()
    found = judged(document)
    assert found["diagnostics"] == []
    assert found["valid"]
    own = topics.own_intake("{principal}")
    assert set(found["channels"]) == {topics.EVENTS, topics.INTAKE, own, topics.OUTCOMES, topics.DEAD_LETTER}
    events = {f"interlock.{name}.v{number}" for name, (_, today) in CATALOGUE.items() for number in range(1, today + 1)}
    assert events <= set(found["messages"])
    assert {f"interlock.command.{name}" for name in PUBLISHED} <= set(found["messages"])


def test_the_official_parser_finds_what_is_wrong() -> None:
    document = json.loads(json.dumps(asyncapi.document("1")))
    document["channels"]["events"]["messages"]["event.ReleaseOpened.1"]["$ref"] = "#/components/messages/nothing"
    found = judged(document)
    assert not found["valid"]
    assert found["diagnostics"]


def validator(name: str) -> jsonschema.Draft202012Validator:
    whole = asyncapi.document("1")
    return jsonschema.Draft202012Validator({"$ref": f"#/components/schemas/{name}", "components": whole["components"]})


@pytest.mark.parametrize("body", BODIES)
def test_every_stored_event_is_what_the_document_says(body: bytes) -> None:
    event = decode(body)
    message = kafka_message(event)
    validator(f"event.{event.type}.{event.schema}").validate(json.loads(message.value))
    validator("EventHeaders").validate({name: text.decode() for name, text in message.headers.items()})


def test_an_event_that_is_none_is_not_what_the_document_says() -> None:
    event = decode(BODIES[0])
    document = json.loads(event.raw)
    check = validator(f"event.{event.type}.{event.schema}")
    for broken in ({**document, "type": "Other"}, {**document, "data": {}}, {**document, "position": "1"}):
        assert not check.is_valid(broken)


async def test_every_frozen_schema_is_served_for_ever_the_same(here: Here) -> None:
    for name, schema in schemas.frozen().items():
        type_name, number, _ = name.split(".")
        answer = await here.http.get(f"/schemas/{type_name}/{number}.json")
        assert answer.json() == schema
        assert "immutable" in answer.headers["cache-control"]
    assert (await here.http.get("/schemas/ReleaseOpened/99.json")).status_code == 404
    assert (await here.http.get("/schemas/..%2Fcodec/1.json")).status_code == 404


async def test_the_page_leads_to_every_schema_and_needs_no_other_host(here: Here) -> None:
    page = (await here.http.get("/schemas")).text
    assert re.findall(r"https?://", page) == []
    links = set(re.findall(r'href="([^"]+)"', page))
    assert {f"/schemas/{n.split('.')[0]}/{n.split('.')[1]}.json" for n in schemas.frozen()} <= links
    for link in links:
        assert (await here.http.get(link)).status_code == 200, link
