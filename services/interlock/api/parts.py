"""What the API is built from: `serve` makes these, the API only asks them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

import asyncpg

from interlock.api.problems import Problem
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

    def serving(self) -> bool:
        """Tell whether all may be read: none is a new version that is still being built beside an older one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadModel:
    """How one read model of one project is doing; `rebuild` is its last rebuild, if it ever had one."""

    name: str
    version: int
    position: int
    serving: bool
    stopped_because: str | None
    trouble: str | None
    gaps: int
    rebuild: Any = None


class ReadModels(Protocol):
    """The read models, and building one anew (`serve` makes this of the projector's parts)."""

    async def told(self, project: str) -> list[ReadModel]:
        """Return how each read model of the project is doing."""

    async def rebuild(self, name: str, *, by: str, key: UUID) -> bool:
        """Begin to build one anew; tell whether this is a new rebuild, not one that is known under `key`."""


@dataclass(slots=True)
class Strangers:
    """How many requests came from callers that nobody knows: counted, never recorded."""

    count: int = 0


Figures = Callable[[], Awaitable[Mapping[str, float]]]
"""Gives what a long-running part counts."""

Readiness = Callable[[], Awaitable[Mapping[str, str]]]
"""Gives each part's state: "ok", or in words why not."""


@dataclass(slots=True)
class Parts:
    """Everything behind the API.

    `advance` moves the test clock to an instant, doing first what the watch would have done by then; None where
    the clock is the real one. `figures` are those of the long-running parts in this process. `stopping` is set when the
    server is asked to end: open streams end then.
    """

    desk: Desk
    ledger: Ledger
    evidence: EvidenceStore
    events: Events
    reads: Reads
    read_models: ReadModels
    readiness: Readiness
    version: str
    stopping: asyncio.Event
    advance: Callable[[datetime], Awaitable[None]] | None = None
    strangers: Strangers = field(default_factory=Strangers)
    figures: Mapping[str, Figures] = field(default_factory=dict)

    @property
    def test_clock(self) -> bool:
        """Whether the clock is set by requests."""
        return self.advance is not None

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Any]:
        """Lend a connection for the read models' queries. Raises a problem where a newer version dropped the tables."""
        try:
            async with self.ledger.connection() as lent:
                yield lent
        except asyncpg.UndefinedTableError as gone:
            raise Problem(
                "behind", "a newer version's read models took the place of these; a newer server answers"
            ) from gone
