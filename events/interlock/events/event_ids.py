"""The ids of events: UUIDv7 (RFC 9562), whose order is that of their times."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import UUID

RANDOM_BITS: Final = 74
_VERSION_7: Final = 0x7 << 76
_VARIANT: Final = 0b10 << 62
_RANDOM_A: Final = (1 << 12) - 1
_RANDOM_B: Final = (1 << 62) - 1


def uuid7(at: datetime, random: int) -> UUID:
    """Return the milliseconds of `at`, then `random`, of which RANDOM_BITS bits count."""
    milliseconds = int(at.timestamp() * 1000) & ((1 << 48) - 1)
    high = milliseconds << 80 | _VERSION_7 | (random >> 62 & _RANDOM_A) << 64
    return UUID(int=high | _VARIANT | random & _RANDOM_B)
