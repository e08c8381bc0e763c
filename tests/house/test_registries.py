"""What has to be registered is: a projection nobody feeds, or an event nobody can read, is found here."""

from __future__ import annotations

import ast
import importlib

import jsonschema
import pytest

from interlock.events import schemas
from interlock.events.catalogue import CATALOGUE
from interlock.projections import PROJECTIONS, Projection
from tests.house.tree import Source, sources


def projections_made(source: Source) -> list[str]:
    """The names at a module's top level that a Projection is bound to."""
    return [
        target.id
        for node in source.tree.body
        if isinstance(node, ast.Assign | ast.AnnAssign)
        and isinstance(node.value, ast.Call)
        and isinstance(node.value.func, ast.Name)
        and node.value.func.id == "Projection"
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
        if isinstance(target, ast.Name)
    ]


def test_every_projection_is_registered() -> None:
    made = {(source.module, name) for source in sources("projections/") for name in projections_made(source)}
    assert made
    for module, name in made:
        projection = getattr(importlib.import_module(module), name)
        assert isinstance(projection, Projection)
        assert projection in PROJECTIONS, f"{module}.{name}: nobody feeds it; name it in PROJECTIONS"
    assert len(made) == len(PROJECTIONS)


def test_a_projection_that_is_not_registered_would_be_seen() -> None:
    planted = Source("projections/interlock/projections/planted.py", 'PLANTED = Projection("planted", 1, "", ())')
    assert projections_made(planted) == ["PLANTED"]


def test_projections_share_neither_names_nor_tables() -> None:
    names = [projection.name for projection in PROJECTIONS]
    tables = [table for projection in PROJECTIONS for table in projection.tables]
    assert len({*names}) == len(names)
    assert len({*tables}) == len(tables)


def test_a_projection_stands_in_the_module_of_its_name_with_its_question_as_docstring() -> None:
    for projection in PROJECTIONS:
        assert importlib.import_module(f"interlock.projections.{projection.name}").__doc__


def test_every_event_type_has_a_frozen_schema() -> None:
    assert not [*schemas.findings()]
    for schema in schemas.frozen().values():
        jsonschema.Draft202012Validator.check_schema(schema)


def test_an_event_type_without_a_schema_would_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(CATALOGUE, "PlantedHappened", CATALOGUE["ReleaseOpened"])
    assert any(finding.startswith("PlantedHappened.1.json is missing") for finding in schemas.findings())


def test_an_event_type_that_was_taken_away_would_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(CATALOGUE, "ReleaseOpened")
    assert any(finding.startswith("ReleaseOpened.1.json belongs to no event type") for finding in schemas.findings())
