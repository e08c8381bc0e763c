"""A recorded event as a CloudEvent 1.0, and back: how it looks on the wire.

`data` is the whole event, byte for byte what the ledger holds; the attributes are copies for those
who route and filter without reading it. In Kafka's binary mode the value is these very bytes and
the attributes are headers `ce_*`; the structured form is one JSON object that holds both.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import orjson
from cloudevents.core.bindings.kafka import KafkaMessage, to_binary
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

from interlock.events.canonical import DEPTH_MAX, EVENT_BYTES_MAX, canonical
from interlock.events.codec import CODEC, BrokenEvent, Codec
from interlock.events.envelope import Recorded
from interlock.events.strict import strict_json

CONTENT_TYPE = "application/json"
STRUCTURED_CONTENT_TYPE = JSONFormat.CONTENT_TYPE
# The attributes repeat a little of the event; escapes may make each character of a text six.
STRUCTURED_BYTES_MAX = 6 * EVENT_BYTES_MAX + 4_096
# The event lies one level deeper.
STRUCTURED_LEVELS_MAX = DEPTH_MAX + 1
FORMAT = JSONFormat()


class AttributesDiffer(BrokenEvent):
    """a CloudEvent's attributes are not what its data says; somebody else changed them"""


def attributes_of(recorded: Recorded[Any]) -> dict[str, Any]:
    """Return the CloudEvent attributes. `position` and `streamversion` are texts: CloudEvents' integers end at 2^31."""
    attributes: dict[str, Any] = {
        "specversion": "1.0",
        "id": str(recorded.id),
        "source": f"/projects/{recorded.project}",
        "type": f"interlock.{recorded.type}.v{recorded.schema}",
        "subject": recorded.stream,
        # When it happened; when it was recorded stands in the data.
        "time": recorded.occurred_at,
        "datacontenttype": CONTENT_TYPE,
        "partitionkey": recorded.project,
        "position": str(recorded.position),
        "streamversion": str(recorded.version),
        "commandid": str(recorded.command_id),
        "actor": recorded.actor.id,
    }
    if recorded.causation is not None:
        attributes["causation"] = str(recorded.causation)
    if recorded.correlation is not None:
        attributes["correlation"] = str(recorded.correlation)
    return attributes


def kafka_message(recorded: Recorded[Any], *, codec: Codec = CODEC) -> KafkaMessage:
    """Return headers `ce_*` (bytes), key (the project) and value (the event's own bytes)."""
    return to_binary(CloudEvent(attributes_of(recorded), _body(recorded, codec)), FORMAT)


def kafka_headers(body: bytes) -> dict[str, bytes]:
    """Return the headers of `kafka_message` for an event's stored bytes, whatever its type.

    Who only carries events need not know what they mean, and carries those of a newer version too.
    """
    return _headers_of(orjson.loads(body))


def _headers_of(envelope: Mapping[str, Any]) -> dict[str, bytes]:
    headers = {
        "ce_specversion": b"1.0",
        "ce_id": envelope["id"].encode(),
        "ce_source": f"/projects/{envelope['project']}".encode(),
        "ce_type": f"interlock.{envelope['type']}.v{envelope['schema']}".encode(),
        "ce_subject": envelope["stream"].encode(),
        "ce_time": envelope.get("occurred_at", envelope["recorded_at"]).encode(),
        "content-type": CONTENT_TYPE.encode(),
        "ce_partitionkey": envelope["project"].encode(),
        "ce_position": b"%d" % envelope["position"],
        "ce_streamversion": b"%d" % envelope["version"],
        "ce_commandid": envelope["command_id"].encode(),
        "ce_actor": envelope["actor"]["id"].encode(),
    }
    for name in ("causation", "correlation"):
        if envelope.get(name) is not None:
            headers[f"ce_{name}"] = b"%d" % envelope[name]
    return headers


def structured(recorded: Recorded[Any], *, codec: Codec = CODEC) -> bytes:
    """Return one JSON object, of type `application/cloudevents+json`."""
    document: Any = strict_json(_body(recorded, codec), bytes_max=EVENT_BYTES_MAX, depth_max=DEPTH_MAX)
    return FORMAT.write(CloudEvent(attributes_of(recorded), document))


def from_kafka(headers: Iterable[tuple[str, bytes]], value: bytes, *, codec: Codec = CODEC) -> Recorded[Any]:
    """Return the event of a binary message. Raises BrokenEvent, AttributesDiffer, and what `decode` raises.

    Other headers than `ce_*` and `content-type` are the carrier's and not looked at.
    """
    recorded = codec.decode_exactly(value)
    expected = kafka_message(recorded, codec=codec).headers
    given = {name: text for name, text in headers if name.startswith("ce_") or name == "content-type"}
    for name in sorted(given.keys() | expected.keys()):
        if given.get(name) != expected.get(name):
            raise AttributesDiffer(f"{name}: {AttributesDiffer.__doc__}")
    return recorded


def from_relay(headers: Iterable[tuple[str, bytes]], value: bytes, *, codec: Codec = CODEC) -> Recorded[Any]:
    """Return the event of a binary message, as `from_kafka` at a third of its cost, for those who only read on.

    The headers are compared with the value; that the value is canonical is believed, as of the ledger's own bytes.
    Whoever stores the bytes anew asks `from_kafka`.
    """
    recorded, envelope = codec.decode_with_envelope(value)
    expected = _headers_of(envelope)
    given = {name: text for name, text in headers if name.startswith("ce_") or name == "content-type"}
    if given != expected:
        name = min(name for name in given.keys() | expected.keys() if given.get(name) != expected.get(name))
        raise AttributesDiffer(f"{name}: {AttributesDiffer.__doc__}")
    return recorded


def from_structured(body: bytes, *, codec: Codec = CODEC) -> Recorded[Any]:
    """Return the event of the structured form.

    Raises BadInput where it is no strict JSON, BrokenEvent, AttributesDiffer, and what `decode` raises.
    """
    document = strict_json(body, bytes_max=STRUCTURED_BYTES_MAX, depth_max=STRUCTURED_LEVELS_MAX)
    if not isinstance(document, dict) or not isinstance(document.get("data"), dict):
        raise BrokenEvent("data: a CloudEvent's data is the whole event here, a JSON object")
    recorded = codec.decode_exactly(canonical(document["data"]))
    expected: Any = strict_json(
        structured(recorded, codec=codec), bytes_max=STRUCTURED_BYTES_MAX, depth_max=STRUCTURED_LEVELS_MAX
    )
    for name in sorted(document.keys() | expected.keys()):
        if document.get(name) != expected.get(name):
            raise AttributesDiffer(f"{name}: {AttributesDiffer.__doc__}")
    return recorded


def _body(recorded: Recorded[Any], codec: Codec) -> bytes:
    # An event of an older schema has its stored bytes only; it is never written anew.
    return recorded.raw or codec.encode(recorded)
