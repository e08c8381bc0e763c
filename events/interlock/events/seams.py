"""What comes in from outside: the clock, randomness and sleep, as arguments.

Only `interlock.serve` (and `interlock.cli` for its own process) builds real ones; everything
else takes them as parameters, so that the whole system can also run in simulated time.
"""

from __future__ import annotations

from datetime import datetime
from typing import Protocol
from uuid import UUID


class MonotonicClock(Protocol):
    """Seconds since an arbitrary moment, never going back."""

    def __call__(self) -> float:
        """Return seconds as a float."""


class WallClock(Protocol):
    """The process's idea of the time; no decision uses it, only logs and clients do."""

    def __call__(self) -> datetime:
        """Return an aware datetime in UTC."""


class Sleep(Protocol):
    """Waiting, as `asyncio.sleep`."""

    async def __call__(self, seconds: float) -> None:
        """Return after `seconds`."""


class EventIds(Protocol):
    """Makes the ids of events: UUIDv7 (RFC 9562), whose time is the given instant."""

    def __call__(self, at: datetime) -> UUID:
        """Return a new UUIDv7 for `at`."""


class Secrets(Protocol):
    """Makes secrets: tokens and codes."""

    def __call__(self, size: int) -> bytes:
        """Return `size` unpredictable bytes."""
