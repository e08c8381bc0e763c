"""What the API is built from: `serve` makes these, the API only asks them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from interlock.desk import Desk
from interlock.events.envelope import Recorded
from interlock.evidence import EvidenceStore
from interlock.ledger import Ledger


class Events(Protocol):
    """Recorded events in order of position (interlock.feed's Feed is one)."""

    def pages(self, project: str, *, after: int) -> AsyncIterator[list[Recorded[Any]]]:
        """Yield pages after the position `after`, and wait for more, until closed."""


class Reads(Protocol):
    """How far the read models are (interlock.projector's Projector is one)."""

    async def wait_for(self, project: str, position: int, timeout: float) -> int:
        """Return the lowest position reached: at once when it is `position`, after `timeout` seconds anyway."""


@dataclass(slots=True)
class Strangers:
    """How many requests came from callers that nobody knows: counted, never recorded."""

    count: int = 0


Readiness = Callable[[], Awaitable[Mapping[str, str]]]
"""Gives each part's state: "ok", or in words why not."""


@dataclass(slots=True)
class Parts:
    """Everything behind the API.

    `advance` moves the test clock to an instant, doing first what the watch would have done by then; None where
    the clock is the real one. `stopping` is set when the server is asked to end: open streams end then.
    """

    desk: Desk
    ledger: Ledger
    evidence: EvidenceStore
    events: Events
    reads: Reads
    readiness: Readiness
    version: str
    stopping: asyncio.Event
    advance: Callable[[datetime], Awaitable[None]] | None = None
    strangers: Strangers = field(default_factory=Strangers)

    @property
    def test_clock(self) -> bool:
        """Whether the clock is set by requests."""
        return self.advance is not None

    def connection(self) -> AbstractAsyncContextManager[Any]:
        """Lend a connection for the read models' queries."""
        return self.ledger.connection()
