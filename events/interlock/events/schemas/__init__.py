"""The frozen JSON Schema of each event type and version: what may stand in `data`, for ever.

A file is written once. When a class changes its shape, its schema number must change too, with an
upcaster from the old one: history is not rewritten because today's class is another.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from importlib import resources
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from interlock.events.catalogue import CATALOGUE
from interlock.events.strict import adapter_of

DIALECT = "https://json-schema.org/draft/2020-12/schema"
# Words, not shape: they may be improved without another schema number.
WORDS = frozenset({"title", "description"})
# Below these keywords stand names of ours, not keywords.
NAMES = frozenset({"properties", "$defs"})
# The digests of all shapes that were ever published: lines are added here, none is ever changed or removed.
PUBLISHED = "PUBLISHED"


class _WithoutNull(GenerateJsonSchema):
    """What is stored never holds null: an absent field is left out."""

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        if schema.get("default") is None:
            return self.generate_inner(schema["schema"])
        return super().default_schema(schema)


def file_name(type_name: str, schema: int) -> str:
    """Return the name of the file, as `ReleaseOpened.1.json`."""
    return f"{type_name}.{schema}.json"


def today(type_name: str) -> dict[str, Any]:
    """Return the JSON Schema of the class that writes `type_name` now."""
    known: Any
    known, schema = CATALOGUE[type_name]
    made = adapter_of(known).json_schema(schema_generator=_WithoutNull)
    shape = {**without_words(made), "title": type_name, "description": made["description"]}
    return {"$schema": DIALECT, "$id": f"urn:interlock:event:{type_name}:{schema}", **shape}


def frozen() -> Mapping[str, dict[str, Any]]:
    """Return all frozen schemas by file name."""
    return {
        entry.name: json.loads(entry.read_text(encoding="utf-8"))
        for entry in resources.files(__name__).iterdir()
        if entry.name.endswith(".json")
    }


def published() -> dict[str, str]:
    """Return the digest of each published schema's shape, by file name, as PUBLISHED holds it."""
    text = resources.files(__name__).joinpath(PUBLISHED).read_text(encoding="utf-8")
    return {name: digest for digest, _, name in (line.partition("  ") for line in text.splitlines())}


def shape_digest(schema: dict[str, Any]) -> str:
    """Return the digest of a schema's shape, which words do not change."""
    shape = json.dumps(without_words(schema), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(shape.encode("utf-8")).hexdigest()


def without_words(schema: Any) -> Any:
    """Return a JSON Schema without titles and descriptions: its shape."""
    if isinstance(schema, list):
        return [without_words(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: {name: without_words(inner) for name, inner in value.items()} if key in NAMES else without_words(value)
        for key, value in schema.items()
        if key not in WORDS
    }


def findings() -> Iterator[str]:
    """Say what is not as it must be: a file that is missing, or a class that left its frozen shape."""
    there = frozen()
    for type_name, (_, schema) in sorted(CATALOGUE.items()):
        for number in range(1, schema + 1):
            if file_name(type_name, number) not in there:
                yield f"{file_name(type_name, number)} is missing: make schemas"
        stored = there.get(file_name(type_name, schema))
        if stored is not None and without_words(stored) != without_words(today(type_name)):
            yield (
                f"{type_name} is not what {file_name(type_name, schema)} froze: events of this shape may be stored. "
                f"Give the class schema={schema + 1} and write an upcaster from {schema} (interlock.events.upcasting)"
            )
    digests = published()
    for name in sorted(there.keys() | digests.keys()):
        if name not in digests:
            yield f"{name} is not in {PUBLISHED}: make schemas"
        elif name not in there or shape_digest(there[name]) != digests[name]:
            yield f"{name} was published with another shape, which others rely on: restore it, and take a new number"
    for name in sorted(there):
        type_name, version, _ = name.split(".")
        if type_name not in CATALOGUE or int(version) > CATALOGUE[type_name][1]:
            yield f"{name} belongs to no event type there is: a type that was stored is never removed"
