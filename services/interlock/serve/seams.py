"""The real ones: clocks, sleep, randomness. Everything else is handed these (see interlock.events.seams)."""

from __future__ import annotations

import asyncio
import secrets
import socket
import time
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

_VERSION_7: Final = 0x7 << 76
_VARIANT: Final = 0b10 << 62
_RANDOM_A: Final = (1 << 12) - 1
_RANDOM_B: Final = (1 << 62) - 1


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
    """Return a new UUIDv7 (RFC 9562): the milliseconds of `at`, then 74 random bits."""
    milliseconds = int(at.timestamp() * 1000) & ((1 << 48) - 1)
    random = secrets.randbits(74)
    high = milliseconds << 80 | _VERSION_7 | (random >> 62 & _RANDOM_A) << 64
    return UUID(int=high | _VARIANT | random & _RANDOM_B)


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
