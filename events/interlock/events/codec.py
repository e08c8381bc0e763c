"""A recorded event as canonical bytes, and back.

The bytes are what is stored, hashed, sent and exported; they are written once, when the ledger
gives the event its position, and never again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, get_args
from uuid import UUID

import orjson
from msgspec import to_builtins

from interlock.events.canonical import (
    EVENT_BYTES_MAX,
    EventTooLarge,
    OutsideProfile,
    canonical,
    digest_of_bytes,
    written,
)
from interlock.events.catalogue import CATALOGUE
from interlock.events.envelope import Actor, ActorKind, Recorded
from interlock.events.fitting import Misfit, instant_of, instant_text
from interlock.events.shapes import reader_of, writer_of
from interlock.events.straight import Straight
from interlock.events.upcasting import UPCASTERS, StepMissing, Upcasters

T = TypeVar("T")
Catalogue = Mapping[str, tuple[type[Any], int]]

# What an envelope holds, and the JSON type of each; those that may be absent are in OPTIONAL.
ENVELOPE: Mapping[str, type[Any]] = {
    "actor": dict,
    "causation": int,
    "command_id": str,
    "correlation": int,
    "data": dict,
    "id": str,
    "occurred_at": str,
    "ordinal": int,
    "policy_version": int,
    "position": int,
    "project": str,
    "recorded_at": str,
    "request_hash": str,
    "schema": int,
    "stream": str,
    "type": str,
    "version": int,
}
OPTIONAL = frozenset({"causation", "correlation", "occurred_at"})
ACTOR_KINDS = frozenset(get_args(ActorKind))


class BrokenEvent(ValueError):
    """the bytes are no event, or the value cannot become one"""


class NotCanonical(BrokenEvent):
    """the bytes are an event, but not its canonical bytes"""


class UnknownEventType(LookupError):
    """no event type has this name here; a newer version may know it"""


class UnknownSchema(LookupError):
    """this event type has no such schema here; a newer version may know it"""


class Codec:
    """Encodes and decodes the types of one catalogue. Everybody but a few tests uses the module's functions."""

    def __init__(self, catalogue: Catalogue, upcasters: Upcasters) -> None:
        """Take the types there are, and the steps from their older schemas."""
        self._catalogue = catalogue
        self._upcasters = upcasters
        self._straight = Straight(catalogue)

    def encode(self, recorded: Recorded[Any]) -> bytes:
        """Return the canonical bytes of the whole event; `recorded.raw` is not looked at.

        Raises BrokenEvent where a value has the wrong type, OutsideProfile, EventTooLarge,
        UnknownEventType, and UnknownSchema for any schema but today's: nothing else is written.
        """
        cls, today = self._class_of(recorded.type)
        write = writer_of(cls)
        if recorded.schema != today:
            raise UnknownSchema(f"{recorded.type} is written with schema {today}, not {recorded.schema}")
        if type(recorded.event) is not cls:
            raise BrokenEvent(f"a {recorded.type} is expected, not a {type(recorded.event).__name__}")
        actor = {"id": recorded.actor.id, "kind": recorded.actor.kind}
        if recorded.actor.credential is not None:
            actor["credential"] = recorded.actor.credential
        try:
            document: dict[str, Any] = {
                "actor": actor,
                "command_id": to_builtins(recorded.command_id),
                "data": write(recorded.event),
                "id": to_builtins(recorded.id),
                "ordinal": recorded.ordinal,
                "policy_version": recorded.policy_version,
                "position": recorded.position,
                "project": recorded.project,
                "recorded_at": instant_text(recorded.recorded_at),
                "request_hash": recorded.request_hash,
                "schema": today,
                "stream": recorded.stream,
                "type": recorded.type,
                "version": recorded.version,
            }
            if recorded.occurred_at != recorded.recorded_at:
                document["occurred_at"] = instant_text(recorded.occurred_at)
        except Misfit as misfit:
            raise BrokenEvent(f"{recorded.type}: {misfit}") from None
        if recorded.causation is not None:
            document["causation"] = recorded.causation
        if recorded.correlation is not None:
            document["correlation"] = recorded.correlation
        body = written(document)
        if len(body) > EVENT_BYTES_MAX:
            raise EventTooLarge(len(body))
        return body

    def decode(self, body: bytes) -> Recorded[Any]:
        """Return the event with `raw` = `body`; its class is today's, its `schema` the stored one.

        Raises BrokenEvent, UnknownEventType, UnknownSchema.
        """
        return self._straight.read(body) or self.decode_with_envelope(body)[0]

    def decode_with_envelope(self, body: bytes) -> tuple[Recorded[Any], dict[str, Any]]:
        """As `decode`, with the JSON object that the event was made of, for who needs that too."""
        try:
            document = orjson.loads(body)
        except ValueError as error:
            raise BrokenEvent(f"no JSON: {error}") from None
        if type(document) is not dict:
            raise BrokenEvent("an object is expected")
        try:
            return self._recorded(document, body), document
        except Misfit as misfit:
            raise BrokenEvent(str(misfit)) from None
        except (KeyError, TypeError, ValueError) as error:
            if isinstance(error, (BrokenEvent, UnknownEventType, UnknownSchema)):
                raise
            raise BrokenEvent(_envelope_fault(document, error)) from None

    def decode_exactly(self, body: bytes) -> Recorded[Any]:
        """As `decode`, for bytes that come from outside: they must be the canonical ones. Raises NotCanonical too."""
        recorded = self.decode(body)
        try:
            same = canonical(orjson.loads(body)) == body
            if same and recorded.schema == self._class_of(recorded.type)[1]:
                # Only then can it be written again; so no empty array and no other spelling of an id gets through.
                same = self.encode(recorded) == body
        except OutsideProfile as outside:
            raise NotCanonical(str(outside)) from None
        if not same or len(body) > EVENT_BYTES_MAX:
            raise NotCanonical(NotCanonical.__doc__)
        return recorded

    def _class_of(self, type_name: str) -> tuple[Any, int]:
        try:
            return self._catalogue[type_name]
        except KeyError:
            raise UnknownEventType(type_name) from None

    def _recorded(self, document: dict[str, Any], body: bytes) -> Recorded[Any]:
        if not document.keys() <= ENVELOPE.keys():
            raise BrokenEvent(f"{min(document.keys() - ENVELOPE.keys())}: the envelope has no such field")
        for name, value in document.items():
            if type(value) is not ENVELOPE[name]:
                raise BrokenEvent(f"{name}: {ENVELOPE[name].__name__} is expected")
        type_name, schema = document["type"], document["schema"]
        recorded_at = instant_of(document["recorded_at"])
        occurred_at = document.get("occurred_at")
        return Recorded(
            project=document["project"],
            position=document["position"],
            id=UUID(document["id"]),
            type=type_name,
            schema=schema,
            stream=document["stream"],
            version=document["version"],
            recorded_at=recorded_at,
            occurred_at=recorded_at if occurred_at is None else instant_of(occurred_at),
            actor=_actor(**document["actor"]),
            command_id=UUID(document["command_id"]),
            ordinal=document["ordinal"],
            request_hash=document["request_hash"],
            causation=document.get("causation"),
            correlation=document.get("correlation"),
            policy_version=document["policy_version"],
            event=self._event(type_name, schema, document["data"]),
            raw=body,
        )

    def _event(self, type_name: str, schema: int, data: dict[str, Any]) -> Any:
        cls, today = self._class_of(type_name)
        if schema != today:
            if not 1 <= schema < today:
                raise UnknownSchema(f"{type_name} {schema}")
            try:
                data = self._upcasters.upcast(type_name, data, from_schema=schema, to_schema=today)
            except StepMissing:
                raise UnknownSchema(f"{type_name} {schema}") from None
        try:
            return reader_of(cls)(data)
        except Misfit as misfit:
            raise misfit.within("data") from None


def _actor(id: str, kind: Any, credential: str | None = None) -> Actor:  # noqa: A002 - the stored field's name
    if kind not in ACTOR_KINDS or type(id) is not str or type(credential) not in {str, type(None)}:
        raise BrokenEvent("actor: id, kind and perhaps credential are expected")
    return Actor(id=id, kind=kind, credential=credential)


def _envelope_fault(document: dict[str, Any], error: Exception) -> str:
    missing = sorted(ENVELOPE.keys() - document.keys() - OPTIONAL)
    return f"{missing[0]}: the envelope needs this field" if missing else f"the envelope is broken: {error}"


def plain(value: object, *, without: str | None = None) -> dict[str, Any]:
    """Return one fact (an event, a decision, a command) as a JSON object, as it stands in `data`, but for one field.

    Absent fields are left out. Raises BrokenEvent where a value has the wrong type.
    """
    cls: Any = type(value)
    try:
        made: dict[str, Any] = writer_of(cls, without=without)(value)
    except Misfit as misfit:
        raise BrokenEvent(f"{cls.__name__}: {misfit}") from None
    return made


def fact_of(cls: type[T], document: object) -> T:
    """Return the fact of class `cls` that `plain` made this JSON object of. Raises BrokenEvent."""
    known: Any = cls
    try:
        made: T = reader_of(known)(document)
    except Misfit as misfit:
        raise BrokenEvent(f"{cls.__name__}: {misfit}") from None
    return made


def digest_of(value: object) -> str:
    """Return `sha256:…` of the canonical bytes of a fact or a JSON value. Raises OutsideProfile, BrokenEvent."""
    # What a fact becomes has only types and keys that are in the profile: it is not looked through once more.
    return digest_of_bytes(written(plain(value)) if hasattr(value, "__dataclass_fields__") else canonical(value))


def request_hash(action: str, command: object, *, actor: str) -> str:
    """Return the digest by which a repeated command is told from another one under the same id.

    `action` names the command's type, `command` is a fact or a JSON value, `actor` a principal id:
    nobody gets somebody else's answer by guessing an id.
    """
    if hasattr(command, "__dataclass_fields__"):
        return digest_of_bytes(written({"action": action, "actor": actor, "command": plain(command)}))
    return digest_of({"action": action, "actor": actor, "command": command})


CODEC = Codec(CATALOGUE, UPCASTERS)
encode = CODEC.encode
decode = CODEC.decode
decode_exactly = CODEC.decode_exactly
