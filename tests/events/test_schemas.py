"""Every event type has a frozen schema; a class that leaves it is found, and a frozen file is never written again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from interlock.events import schemas
from interlock.events.catalogue import CATALOGUE
from interlock.events.catalogue.problem import ProblemReported
from interlock.events.catalogue.release import ReleaseOpened
from interlock.events.codec import plain
from interlock.events.schemas.__main__ import main
from tests.events import kettles
from tests.events.examples import example

FILES = Path(schemas.__file__).parent


def test_every_event_type_is_what_its_schema_froze() -> None:
    assert list(schemas.findings()) == []
    assert main(["--check"]) == 0


@pytest.mark.parametrize("name, schema", sorted(schemas.frozen().items()))
def test_a_frozen_schema_is_a_schema(name: str, schema: dict[str, Any]) -> None:
    jsonschema.Draft202012Validator.check_schema(schema)
    type_name, number, _ = name.split(".")
    assert schema["$id"] == f"urn:interlock:event:{type_name}:{number}"
    assert schema["additionalProperties"] is False
    assert '"null"' not in json.dumps(schema)


def test_a_class_that_left_its_frozen_shape_is_told_to_take_another_schema(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(CATALOGUE, "ReleaseOpened", (kettles.KettleBoiled, 1))
    [finding] = [one for one in schemas.findings() if one.startswith("ReleaseOpened ")]
    assert "schema=2" in finding
    assert "upcaster" in finding


def test_a_type_without_a_file_and_a_file_without_a_type_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(CATALOGUE, "KettleBoiled", (kettles.KettleBoiled, 2))
    monkeypatch.delitem(CATALOGUE, "ReleaseOpened")
    found = "\n".join(schemas.findings())
    assert "KettleBoiled.1.json is missing" in found
    assert "KettleBoiled.2.json is missing" in found
    assert "ReleaseOpened.1.json belongs to no event type" in found


def test_a_frozen_file_is_never_written_again(monkeypatch: pytest.MonkeyPatch) -> None:
    before = {file.name: file.read_bytes() for file in FILES.glob("*.json")}
    monkeypatch.setitem(CATALOGUE, "ReleaseOpened", (kettles.KettleBoiled, 1))
    assert main(["--write"]) == 1
    assert {file.name: file.read_bytes() for file in FILES.glob("*.json")} == before


def test_a_breaking_change_to_a_published_schema_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    frozen = json.loads(json.dumps(schemas.frozen()))
    there = {**frozen, "ReleaseOpened.1.json": {**frozen["ReleaseOpened.1.json"], "required": []}}
    del there["ReleaseHeld.1.json"]
    monkeypatch.setattr(schemas, "frozen", lambda: there)
    found = "\n".join(schemas.findings())
    assert "ReleaseOpened.1.json was published with another shape" in found
    assert "ReleaseHeld.1.json was published with another shape" in found


def test_a_schema_is_published_once_and_its_digest_never_written_again(monkeypatch: pytest.MonkeyPatch) -> None:
    before = (FILES / schemas.PUBLISHED).read_bytes()
    assert set(schemas.published()) == set(schemas.frozen())
    there = {**schemas.frozen(), "ReleaseOpened.1.json": {"type": "object"}}
    monkeypatch.setattr(schemas, "frozen", lambda: there)
    assert main([]) == 1
    assert (FILES / schemas.PUBLISHED).read_bytes() == before


def test_words_may_change_and_names_of_fields_are_no_words() -> None:
    document = schemas.today("ProblemReported")
    assert {"title", "description"} <= document["properties"].keys()
    shape = schemas.without_words(document)
    assert {"title", "description"} <= shape["properties"].keys()
    assert {"title", "description"}.isdisjoint(shape.keys())
    assert document["description"].startswith((ProblemReported.__doc__ or "").split("\n", maxsplit=1)[0])


def test_a_frozen_schema_refuses_what_no_event_has() -> None:
    validator = jsonschema.Draft202012Validator(schemas.frozen()["ReleaseOpened.1.json"])
    data = plain(example(ReleaseOpened))
    validator.validate(data)
    for broken in ({**data, "mood": "good"}, {**data, "problem": None}, {**data, "name": ""}, {**data, "kind": "x"}):
        assert not validator.is_valid(broken)


def test_an_unknown_argument_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--force"]) == 2
    assert "--check" in capsys.readouterr().err
