"""An event type of two schemas that exists in tests only, so that upcasting is real from the start.

Schema 1 counted litres in a text; schema 2 counts millilitres and names the room.
"""

from __future__ import annotations

from typing import Any

from interlock.events.codec import Codec
from interlock.events.fact import fact
from interlock.events.upcasting import Data, Upcasters
from interlock.events.values import Line, Positive


@fact
class KettleBoiled:
    """Water is hot."""

    millilitres: Positive
    room: Line
    tea: Line | None = None


CATALOGUE: dict[str, tuple[type[Any], int]] = {"KettleBoiled": (KettleBoiled, 2)}
UPCASTERS = Upcasters()


@UPCASTERS.step("KettleBoiled", from_schema=1)
def count_millilitres(data: Data) -> Data:
    """Litres were a text such as "1.5"; there was one kettle, in the kitchen."""
    litres, _, tenths = data["litres"].partition(".")
    rest = {name: value for name, value in data.items() if name != "litres"}
    return {**rest, "millilitres": int(litres) * 1_000 + int(tenths or "0") * 100, "room": "kitchen"}


CODEC = Codec(CATALOGUE, UPCASTERS)

# As schema 1 wrote it; nothing can write it any more.
STORED_FIRST = (
    b'{"actor":{"id":"anton","kind":"person"},"command_id":"5a1c0f0e-9f36-4f0c-8a57-0f5c1d1f7a90",'
    b'"data":{"litres":"1.5","tea":"Assam"},"id":"019abf5a-1c3a-7b52-9c7e-3f1f0a4d2b11","ordinal":0,'
    b'"policy_version":1,"position":1,"project":"demo","recorded_at":"2026-11-26T14:05:00Z",'
    b'"request_hash":"sha256:44c0","schema":1,"stream":"kitchen","type":"KettleBoiled","version":1}'
)
