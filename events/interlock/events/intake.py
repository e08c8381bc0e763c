"""What services publish to be decided: a CloudEvent 1.0 whose data is a command or an observation.

    type      interlock.command.NAME, or interlock.observation.NAME
    source    who sends, as a URI reference; with `id` it names one intent for ever: sent again, it is answered again
    id        a text that this source uses once
    project   the project that it is for (an extension attribute)
    time      when it was made; a signed record without it proves nothing
    ifversion the version at which the sender read the subject (an extension attribute; may be absent)
    data      the command's fields, as the HTTP API takes them

In Kafka's structured mode the value is one JSON object with all of it, and the header `content-type` says so; in
binary mode the attributes are headers `ce_*` and the value is the data. A record is signed over everything that is
decided on: a prefix that no other protocol of ours has, these headers in order of their names, and the value.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from typing import Final
from uuid import UUID, uuid5

from interlock.events.canonical import canonical

COMMAND_TYPE: Final = "interlock.command."
OBSERVATION_TYPE: Final = "interlock.observation."
OUTCOME_TYPE: Final = "interlock.outcome."
STRUCTURED: Final = "application/cloudevents+json"
JSON: Final = "application/json"

CONTENT_TYPE_HEADER: Final = "content-type"
KEY_HEADER: Final = "interlock-key"
SIGNATURE_HEADER: Final = "interlock-signature"
# What a request's answer, and a dead letter, say of the record that they are about.
REQUEST_SOURCE: Final = "requestsource"
REQUEST_ID: Final = "requestid"

# The desk's limit is on what a command records; a record beyond it is a mistake, and is put aside unread.
RECORD_BYTES_MAX: Final = 262_144
KEY_ALGORITHM: Final = "ed25519:"

_PREFIX: Final = b"interlock-intake-1\n"
_NAMESPACE: Final = UUID("5b6c1a52-30ab-5f0e-9f2c-6a4f0e7d1c11")

Headers = Iterable[tuple[str, bytes]]


def command_id(project: str, source: str, request: str) -> UUID:
    """Return the id of the command that this request is, each time it comes."""
    return uuid5(_NAMESPACE, canonical([project, source, request]).decode())


class Unsignable(ValueError):
    """a header holds a line's end, so that two records could have one signature"""


def signed_bytes(headers: Headers, value: bytes) -> bytes:
    """Return what a record's signature is over: other bytes for every other record. Raises Unsignable."""
    named = sorted((name, text) for name, text in headers if name.startswith("ce_") or name == CONTENT_TYPE_HEADER)
    if any("\n" in name or b"\n" in text for name, text in named):
        raise Unsignable(Unsignable.__doc__)
    return _PREFIX + b"".join(name.encode() + b": " + text + b"\n" for name, text in named) + b"\n" + value


def key_text(public_key: bytes) -> str:
    """Return a public key of 32 bytes as the header and `dt` write it: `ed25519:` and its base64."""
    return KEY_ALGORITHM + base64.b64encode(public_key).decode("ascii")


def key_digest(key: str) -> str:
    """Return what a credential for signing keeps of a public key, written as `key_text` does.

    A bearer token begins otherwise, so no public key is ever the secret of one.
    """
    return f"sha256:{hashlib.sha256(key.encode('utf-8')).hexdigest()}"
