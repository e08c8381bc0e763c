"""What the module takes from the process that it runs in: a clock, sleep and randomness. No other file here has them.

It is another application's process, in which nothing of `serve` runs.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from datetime import datetime
from uuid import UUID

from interlock.events.event_ids import RANDOM_BITS, uuid7


def monotonic() -> float:
    """Return seconds since an arbitrary moment."""
    return time.monotonic()


async def sleep(seconds: float) -> None:
    """Wait, and let other work go on."""
    await asyncio.sleep(seconds)


def event_id(at: datetime) -> UUID:
    """Return a new UUIDv7 of that moment."""
    return uuid7(at, secrets.randbits(RANDOM_BITS))
