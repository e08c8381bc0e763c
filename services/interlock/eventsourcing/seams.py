"""What the module takes from the process that it runs in: a clock, sleep and randomness. No other file here has them.

It is another application's process, in which nothing of `serve` runs.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from datetime import datetime
from typing import Final
from uuid import UUID

_VERSION_7: Final = 0x7 << 76
_VARIANT: Final = 0b10 << 62
_RANDOM_A: Final = (1 << 12) - 1
_RANDOM_B: Final = (1 << 62) - 1


def monotonic() -> float:
    """Return seconds since an arbitrary moment."""
    return time.monotonic()


async def sleep(seconds: float) -> None:
    """Wait, and let other work go on."""
    await asyncio.sleep(seconds)


def event_id(at: datetime) -> UUID:
    """Return a new UUIDv7 (RFC 9562): the milliseconds of `at`, then 74 random bits."""
    milliseconds = int(at.timestamp() * 1000) & ((1 << 48) - 1)
    random = secrets.randbits(74)
    high = milliseconds << 80 | _VERSION_7 | (random >> 62 & _RANDOM_A) << 64
    return UUID(int=high | _VARIANT | random & _RANDOM_B)
