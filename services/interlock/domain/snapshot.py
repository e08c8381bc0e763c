"""A situation as bytes, and back: so that a cold start need not fold the whole ledger again."""

from __future__ import annotations

import hashlib
from typing import Final

from msgspec import json

from interlock.domain.situation import Situation

# Raise it when `evolve` makes something else of the same events; a new shape of the situation is noticed by itself.
MEANING: Final = 1


class NotASnapshot(ValueError):
    """the bytes are no situation"""


def snapshot_version() -> int:
    """Return the number of this version's shape and meaning (31 bits): a snapshot under another is not read."""
    shape = json.encode([MEANING, json.schema(Situation)], order="sorted")
    return int.from_bytes(hashlib.sha256(shape).digest()[:4]) >> 1


SNAPSHOT_VERSION: Final = snapshot_version()
_DECODER: Final = json.Decoder(Situation)


def dump(situation: Situation) -> bytes:
    """Return the situation as JSON; equal situations need not have equal bytes, for sets have no order."""
    return json.encode(situation)


def load(dumped: bytes) -> Situation:
    """Return the situation that was dumped, equal to what it was. Raises NotASnapshot."""
    try:
        return _DECODER.decode(dumped)
    except ValueError as error:
        raise NotASnapshot(str(error)) from error
