"""What `dt` takes from its own process: clocks, sleep and randomness. No other module of `cli` has them."""

from __future__ import annotations

import secrets
import time
from datetime import UTC, datetime
from uuid import UUID, uuid4


def now() -> datetime:
    """Return this machine's idea of the time, in UTC; decisions are made by the ledger's clock."""
    return datetime.now(UTC)


def local(instant: datetime) -> datetime:
    """Return `instant` in the zone of this machine (or of TZ)."""
    return instant.astimezone()


def monotonic() -> float:
    """Return seconds since an arbitrary moment."""
    return time.monotonic()


def sleep(seconds: float) -> None:
    """Wait."""
    time.sleep(seconds)


async def pause(seconds: float) -> None:
    """Wait, and let other work go on."""
    import asyncio

    await asyncio.sleep(seconds)


def new_id() -> UUID:
    """Return a random idempotency key."""
    return uuid4()


def secret(size: int) -> bytes:
    """Return `size` unpredictable bytes."""
    return secrets.token_bytes(size)
