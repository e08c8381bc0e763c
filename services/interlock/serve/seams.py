"""The real ones: clocks, sleep, randomness. Everything else is handed these (see interlock.events.seams)."""

from __future__ import annotations

import asyncio
import secrets
import socket
import time
from datetime import UTC, datetime
from uuid import UUID

from interlock.events.event_ids import RANDOM_BITS, uuid7


def monotonic() -> float:
    """Return seconds since an arbitrary moment."""
    return time.monotonic()


def now() -> datetime:
    """Return this process's idea of the time, in UTC; no decision uses it."""
    return datetime.now(UTC)


async def sleep(seconds: float) -> None:
    """Wait."""
    await asyncio.sleep(seconds)


def event_id(at: datetime) -> UUID:
    """Return a new UUIDv7 of that moment."""
    return uuid7(at, secrets.randbits(RANDOM_BITS))


def secret(size: int) -> bytes:
    """Return `size` unpredictable bytes."""
    return secrets.token_bytes(size)


def salt() -> bytes:
    """Return 16 unpredictable bytes."""
    return secrets.token_bytes(16)


def chance() -> float:
    """Return a random number in [0, 1)."""
    return secrets.randbits(53) / (1 << 53)


async def addresses(host: str, port: int) -> list[str]:
    """Return the addresses that a name leads to now."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(each[4][0]) for each in found))
