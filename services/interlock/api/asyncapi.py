"""AsyncAPI: what stands on each topic, generated from the registry of events, which is the only place that knows."""

from __future__ import annotations

import json
from functools import cache
from typing import Any, Final

from interlock.api.openapi import component_schemas
from interlock.domain.commands import PUBLISHED
from interlock.events import topics
from interlock.events.catalogue import CATALOGUE
from interlock.events.cloudevents import CONTENT_TYPE
from interlock.events.codec import ENVELOPE, OPTIONAL
from interlock.events.intake import COMMAND_TYPE, OUTCOME_TYPE, REQUEST_ID, REQUEST_SOURCE, STRUCTURED
from interlock.events.schemas import frozen

ASYNCAPI: Final = "3.1.0"
SCHEMA: Final = "#/components/schemas/"
MESSAGE: Final = "#/components/messages/"

_TYPES: Final = {str: "string", int: "integer", dict: "object"}
_INSTANTS: Final = frozenset({"occurred_at", "recorded_at"})
_EVENT_HEADERS: Final = (
    "id", "source", "specversion", "subject", "time", "type", "partitionkey", "position", "streamversion", "commandid",
    "actor",
)  # fmt: skip
_TEXT: Final = {"type": "string"}


@cache
def document(version: str) -> dict[str, Any]:
    """Return the whole document of this version."""
    schemas, messages = _commands(), {}
    for file, schema in sorted(frozen().items()):
        type_name, number, _ = file.split(".")
        name = f"{type_name}.{number}"
        schemas.update(_parted(name, schema))
        schemas[f"event.{name}"] = _event_schema(type_name, int(number), name)
        messages[f"event.{name}"] = _event_message(type_name, int(number), schema)
    schemas["Envelope"], schemas["EventHeaders"] = _envelope(), _headers(_EVENT_HEADERS)
    schemas |= _outcome_schemas()
    schemas["Anything"] = {"description": "the original bytes, whatever they are"}
    for name in sorted(PUBLISHED):
        schemas[f"command.{name}"] = _request_schema(name)
        messages[f"command.{name}"] = _request_message(name)
    messages |= _answer_messages()
    return {
        "asyncapi": ASYNCAPI,
        "info": {
            "title": "Interlock's topics",
            "version": version,
            "description": "Release events as CloudEvents in Kafka's binary mode; requests, their outcomes, and what "
            "could not be understood.",
        },
        "defaultContentType": CONTENT_TYPE,
        "channels": _channels(messages),
        "operations": _operations(),
        "components": {"schemas": schemas, "messages": messages},
    }


def _channels(messages: dict[str, Any]) -> dict[str, Any]:
    def channel(address: str, said: str, *begins: str) -> dict[str, Any]:
        return {
            "address": address,
            "description": said,
            "messages": {name: {"$ref": MESSAGE + name} for name in sorted(messages) if name.startswith(begins)},
        }

    own = channel(
        topics.own_intake("{principal}"), "Requests by this principal, by the topic's access list", "command."
    )
    own["parameters"] = {"principal": {"description": "the only principal that may write here"}}
    return {
        "events": channel(
            topics.EVENTS,
            "Every recorded event, keyed by project, in order of position; at least once: drop what is not the next",
            "event.",
        ),
        "intake": channel(topics.INTAKE, "Requests, each signed by its principal", "command."),
        "ownIntake": own,
        "outcomes": channel(topics.OUTCOMES, "The answer to each request, under the request's key", "outcome."),
        "deadLetter": channel(topics.DEAD_LETTER, "What could not be understood, and why", "dead-letter"),
    }


def _operations() -> dict[str, Any]:
    """What Interlock itself does: it sends events, outcomes and dead letters, and receives requests."""
    does = {"events": "send", "intake": "receive", "ownIntake": "receive", "outcomes": "send", "deadLetter": "send"}
    return {
        f"{action}{channel[0].upper()}{channel[1:]}": {"action": action, "channel": {"$ref": f"#/channels/{channel}"}}
        for channel, action in does.items()
    }


def _parted(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    """Return a frozen schema, and what it defines for itself, as components: nothing in it leads elsewhere."""
    text = json.dumps({key: value for key, value in schema.items() if key not in {"$defs", "$id", "$schema"}})
    found = {name: _led(json.loads(text), name)}
    for inner, defined in schema.get("$defs", {}).items():
        found[f"{name}.{inner}"] = _led(defined, name)
    return found


def _led(schema: Any, name: str) -> Any:
    """Return a schema whose references lead to the components of `name`."""
    if isinstance(schema, list):
        return [_led(item, name) for item in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: SCHEMA + f"{name}." + value.removeprefix("#/$defs/")
        if key == "$ref" and isinstance(value, str)
        else _led(value, name)
        for key, value in schema.items()
    }


def _commands() -> dict[str, Any]:
    """What the API documents: commands, decisions, problems and answers; as components they have the same address."""
    return dict(component_schemas())


def _envelope() -> dict[str, Any]:
    properties: dict[str, Any] = {
        name: {"type": _TYPES[kind], **({"format": "date-time"} if name in _INSTANTS else {})}
        for name, kind in ENVELOPE.items()
    }
    return {
        "type": "object",
        "description": "One event as the ledger holds it, byte for byte: canonical JSON (RFC 8785)",
        "properties": properties,
        "required": sorted(ENVELOPE.keys() - OPTIONAL),
    }


def _event_schema(type_name: str, number: int, name: str) -> dict[str, Any]:
    own = {"type": {"const": type_name}, "schema": {"const": number}, "data": {"$ref": SCHEMA + name}}
    return {"allOf": [{"$ref": f"{SCHEMA}Envelope"}, {"type": "object", "properties": own}]}


def _event_message(type_name: str, number: int, schema: dict[str, Any]) -> dict[str, Any]:
    today = number == CATALOGUE[type_name][1]
    return {
        "name": f"interlock.{type_name}.v{number}",
        "title": type_name if today else f"{type_name} as it was written with schema {number}",
        "summary": schema["description"],
        "contentType": CONTENT_TYPE,
        "headers": {"$ref": f"{SCHEMA}EventHeaders"},
        "payload": {"$ref": f"{SCHEMA}event.{type_name}.{number}"},
        "bindings": _keyed("the project"),
    }


def _headers(attributes: tuple[str, ...]) -> dict[str, Any]:
    names = [f"ce_{name}" for name in attributes]
    return {"type": "object", "properties": dict.fromkeys(names, _TEXT), "required": names}


def _request_schema(name: str) -> dict[str, Any]:
    texts = dict.fromkeys(("id", "source", "project", "subject", "ifversion"), _TEXT)
    return {
        "type": "object",
        "properties": {
            **texts,
            "specversion": {"const": "1.0"},
            "type": {"const": COMMAND_TYPE + name},
            "time": {"type": "string", "format": "date-time"},
            "datacontenttype": {"const": CONTENT_TYPE},
            "data": {"$ref": SCHEMA + name},
        },
        "required": ["specversion", "id", "source", "type", "project", "data"],
        "additionalProperties": False,
    }


def _request_message(name: str) -> dict[str, Any]:
    return {
        "name": COMMAND_TYPE + name,
        "title": name,
        "summary": (PUBLISHED[name].__doc__ or name).strip().splitlines()[0],
        "contentType": STRUCTURED,
        "payload": {"$ref": f"{SCHEMA}command.{name}"},
        "bindings": _keyed("whatever the sender likes: the answer has the same key"),
    }


def _outcome_schemas() -> dict[str, Any]:
    attributes = ("id", "source", "specversion", "type", "time", REQUEST_SOURCE, REQUEST_ID)
    letter = ["reason", "topic", "partition", "offset"]
    return {
        "OutcomeHeaders": _headers(attributes),
        "DeadLetterHeaders": {
            "type": "object",
            "description": "the record's own headers, and these",
            "properties": {f"interlock-dead-letter-{name}": _TEXT for name in letter},
            "required": [f"interlock-dead-letter-{name}" for name in letter],
        },
    }


def _answer_messages() -> dict[str, Any]:
    def outcome(kind: str, title: str, schema: str, content_type: str) -> dict[str, Any]:
        return {
            "name": f"{OUTCOME_TYPE}{kind}",
            "title": title,
            "contentType": content_type,
            "headers": {"$ref": f"{SCHEMA}OutcomeHeaders"},
            "payload": {"$ref": SCHEMA + schema},
            "bindings": _keyed("the request's"),
        }

    return {
        "outcome.accepted": outcome(
            "accepted", "Accepted: the events, as the API answers", "CommandAnswer", CONTENT_TYPE
        ),
        "outcome.refused": outcome(
            "refused", "Refused: the problem document, with the decision", "Problem", "application/problem+json"
        ),
        "dead-letter": {
            "name": "interlock.dead-letter",
            "title": "A record that could not be understood",
            "contentType": "application/octet-stream",
            "headers": {"$ref": f"{SCHEMA}DeadLetterHeaders"},
            "payload": {"$ref": f"{SCHEMA}Anything"},
            "bindings": _keyed("the record's"),
        },
    }


def _keyed(by: str) -> dict[str, Any]:
    return {"kafka": {"key": {"type": "string", "description": by}, "bindingVersion": "0.5.0"}}
