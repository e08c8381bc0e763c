"""OpenAPI: every status of every route, every command's schema, every answer's form."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import TypeAdapter
from starlette.routing import BaseRoute

from interlock.desk import BATCH_COMMANDS_MAX
from interlock.domain.commands import COMMANDS
from interlock.domain.problem_types import PROBLEM_TYPES
from interlock.events.decision import Decision

REF: Final = "#/components/schemas/{model}"
DECISION: Final = "Decision"
COMMAND_ANSWER: Final = "CommandAnswer"
ANSWER: Final = "Answer"
BATCH: Final = "CommandBatch"
BATCH_ANSWER: Final = "CommandBatchAnswer"
PROBLEM: Final = "Problem"

# What can happen to any request; and what more, by what the route does.
ANY: Final = ("malformed", "too-slow", "invalid", "method-not-allowed", "unexpected")
WITH_PROJECT: Final = (
    "not-authenticated",
    "scope-missing",
    "not-found",
    "no-test-clock",
    "clock-went-back",
    "unavailable",
    "behind",
    "cursor-invalid",
)
WITH_BODY: Final = ("too-large", "unsupported-media-type")
CHANGES: Final = ("refused", "role-missing", "moved", "changed", "idempotency-key-reused", "outcome-unknown")


class Documented:
    """Arguments for a route's declaration, so that each says all of its statuses."""

    @staticmethod
    def of(
        schema: str = ANSWER,
        *,
        command: str | None = None,
        changes: bool = False,
        project: bool = True,
        body: bool = False,
        tag: bool = False,
        media_type: str = "application/json",
        also: Sequence[str] = (),
    ) -> dict[str, Any]:
        """Return what documents a route that answers with `schema`, and takes `command` as its body if given."""
        names = [*ANY, *also]
        if project:
            names += WITH_PROJECT
        if body or command:
            names += WITH_BODY
        if changes:
            names += CHANGES
        content = {"$ref": REF.format(model=schema)} if media_type == "application/json" else {"type": "string"}
        responses: dict[int | str, dict[str, Any]] = {
            200: {
                "description": "Done",
                "content": {media_type: {"schema": content}},
                "headers": _headers(project=project),
            }
        }
        if tag:
            responses[304] = {"description": "It is still the version that If-None-Match names"}
        for status in sorted({PROBLEM_TYPES[name].status for name in names}):
            kinds = [PROBLEM_TYPES[name] for name in dict.fromkeys(names) if PROBLEM_TYPES[name].status == status]
            responses[status] = {
                "description": "; ".join(f"`{kind.name}`: {kind.title}" for kind in kinds),
                "content": {"application/problem+json": {"schema": {"$ref": REF.format(model=PROBLEM)}}},
            }
        return {"responses": responses, "openapi_extra": _extra(command, project=project, changes=changes)}


def _headers(*, project: bool) -> dict[str, Any]:
    if not project:
        return {}
    return {
        "Interlock-Position": {"description": "the position at which the answer holds", "schema": {"type": "integer"}},
        "Interlock-As-Of": {
            "description": "the instant at which a read's answer holds",
            "schema": {"type": "string", "format": "date-time"},
        },
    }


def _extra(command: str | None, *, project: bool, changes: bool) -> dict[str, Any]:
    extra: dict[str, Any] = {}
    parameters: list[dict[str, Any]] = []
    if project:
        extra["security"] = [{"token": []}]
        parameters.append(
            _header(
                "Interlock-Now",
                "test servers only: the instant that it is now (RFC 3339)",
                {"type": "string", "format": "date-time"},
            )
        )
    if changes:
        parameters.append(
            _header(
                "Idempotency-Key",
                "a new UUID per intent; the same one to repeat it",
                {"type": "string", "format": "uuid"},
                required=True,
            )
        )
        parameters.append(
            _header("If-Match", "the subject's ETag: refused (412) where it changed since", {"type": "string"})
        )
    if parameters:
        extra["parameters"] = parameters
    if command is not None:
        extra["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": {"$ref": REF.format(model=command)}}},
        }
    return extra


def _header(name: str, description: str, schema: dict[str, Any], *, required: bool = False) -> dict[str, Any]:
    return {"name": name, "in": "header", "required": required, "description": description, "schema": schema}


@cache
def component_schemas() -> dict[str, Any]:
    """Return the schemas of all commands, of decisions, of problems and of the answers' common form."""
    made: dict[str, Any] = {}
    classes: dict[str, type[Any]] = {**COMMANDS, DECISION: Decision}
    for name, cls in classes.items():
        schema = TypeAdapter(cls).json_schema(ref_template=REF)
        made.update(schema.pop("$defs", {}))
        made[name] = schema
    for schema in made.values():
        if schema.get("type") == "object":
            schema.setdefault("additionalProperties", False)
    made.update(_own_schemas())
    return made


def _own_schemas() -> dict[str, Any]:
    text, integer = {"type": "string"}, {"type": "integer"}
    event = {
        "type": "object",
        "required": ["type", "position", "stream", "version", "recorded_at", "by", "data"],
        "properties": {
            "type": text,
            "position": integer,
            "stream": text,
            "version": integer,
            "recorded_at": {"type": "string", "format": "date-time"},
            "occurred_at": {"type": "string", "format": "date-time"},
            "by": text,
            "data": {"type": "object"},
        },
    }
    return {
        "Event": event,
        COMMAND_ANSWER: {
            "type": "object",
            "required": ["status", "position", "subject", "events"],
            "properties": {
                "status": {"const": "accepted"},
                "position": integer,
                "subject": text,
                "repeated": {"type": "boolean"},
                "events": {"type": "array", "items": {"$ref": REF.format(model="Event")}},
            },
        },
        **_batch_schemas(),
        ANSWER: {
            "type": "object",
            "description": "`position` is the one at which the answer holds",
            "properties": {"position": integer, "next_cursor": text},
            "additionalProperties": True,
        },
        PROBLEM: _problem_schema(),
    }


def _batch_schemas() -> dict[str, Any]:
    text, uuid = {"type": "string"}, {"type": "string", "format": "uuid"}
    given = {
        "type": "object",
        "required": ["command", "id", "fields"],
        "properties": {
            "command": {**text, "description": "as in /v1/{project}/commands/NAME"},
            "id": {**uuid, "description": "what Idempotency-Key is to a single command"},
            "fields": {"type": "object", "description": "what is the body of a single command"},
            "if_version": {"type": "integer", "description": "what If-Match is to a single command"},
        },
        "additionalProperties": False,
    }
    told = {
        "type": "object",
        "required": ["id"],
        "properties": {
            "id": uuid,
            "version": {"type": "integer", "description": "what ETag is to a single command"},
            "answer": {"$ref": REF.format(model=COMMAND_ANSWER)},
            "problem": {"$ref": REF.format(model=PROBLEM)},
        },
    }
    return {
        BATCH: {
            "type": "object",
            "required": ["commands"],
            "properties": {
                "commands": {"type": "array", "minItems": 1, "maxItems": BATCH_COMMANDS_MAX, "items": given}
            },
            "additionalProperties": False,
        },
        BATCH_ANSWER: {
            "type": "object",
            "required": ["answers", "position"],
            "properties": {"position": {"type": "integer"}, "answers": {"type": "array", "items": told}},
        },
    }


def _problem_schema() -> dict[str, Any]:
    text, integer = {"type": "string"}, {"type": "integer"}
    pair = {"type": "object", "properties": {"field": text, "what": text}}
    step = {"type": "object", "properties": {"command": text, "why": text}}
    return {
        "type": "object",
        "required": ["type", "title", "status", "detail", "errors", "next"],
        "properties": {
            "type": {"enum": [kind.uri for kind in PROBLEM_TYPES.values()]},
            "title": text,
            "status": integer,
            "detail": text,
            "errors": {"type": "array", "items": pair},
            "next": {"type": "array", "items": step},
            "recorded": integer,
            "decision": {"$ref": REF.format(model=DECISION)},
        },
        "additionalProperties": True,
    }


def document(app: FastAPI, more: Sequence[BaseRoute] = ()) -> dict[str, Any]:
    """Return the whole OpenAPI document: of the application's routes, and of `more`."""
    routes = [*app.routes, *more]
    made = get_openapi(title=app.title, version=app.version, description=app.description, routes=routes)
    components = made.setdefault("components", {})
    components["schemas"] = component_schemas()
    components["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    for path in made["paths"].values():
        for operation in path.values():
            # The framework's own form of a refused value; ours is the problem document, which stands there already.
            operation["responses"] = {
                status: said
                for status, said in operation["responses"].items()
                if "HTTPValidationError" not in str(said)
            }
    return made
