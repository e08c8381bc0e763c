"""News of every project: a notification wakes, `heads` tells, and a look now and then finds what went unheard."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, Protocol, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping
    from types import TracebackType

    from interlock.events.seams import Sleep
    from interlock.ledger.subscription import Subscription

# Finds what a lost notification did not tell; one small query for all projects.
LOOK_SECONDS: Final = 2.0
RETRY_SECONDS: Final = 0.5

_LOG: Final = logging.getLogger("interlock.ledger")


class Movable(Protocol):
    """What news need of a ledger (`Ledger` is one)."""

    async def heads(self) -> dict[str, int]:
        """Return every project's last position."""

    def changes(self) -> Subscription:
        """Return a subscription to the names of projects that moved."""


class News:
    """Tells which projects moved, alive inside `async with`; while the ledger is away it tries again.

    `heard` gets a name that was notified, which says that there may be more and not how far; `looked` gets all last
    positions, now and then. Nothing is told twice by intent, and something may be.
    """

    def __init__(
        self,
        ledger: Movable,
        sleep: Sleep,
        *,
        heard: Callable[[str], None],
        looked: Callable[[Mapping[str, int]], None],
        whose: str,
        look_seconds: float = LOOK_SECONDS,
    ) -> None:
        """Follow `ledger`, looking every `look_seconds`; the log says that `whose` news are late, if so."""
        self._ledger = ledger
        self._sleep = sleep
        self._heard = heard
        self._looked = looked
        self._whose = whose
        self._look_seconds = look_seconds
        self._tasks: list[asyncio.Task[None]] = []
        self._changes: Subscription | None = None
        self._closing = False

    async def __aenter__(self) -> Self:
        """Begin to listen and to look."""
        self._changes = self._ledger.changes()
        self._tasks = [asyncio.create_task(self._for_ever(step)) for step in (self._listen, self._look)]
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        """Stop."""
        self._closing = True
        listening, looking = self._tasks
        looking.cancel()
        with suppress(asyncio.CancelledError):
            await looking
        assert self._changes is not None
        # Closed, not cancelled: a connection that is just being made would be left open. It may have been made
        # while this was said, so it is said again.
        await self._changes.close()
        await listening
        await self._changes.close()

    async def _listen(self) -> None:
        assert self._changes is not None
        for project in await self._changes.wait(self._look_seconds):
            self._heard(project)

    async def _look(self) -> None:
        self._looked(await self._ledger.heads())
        await self._sleep(self._look_seconds)

    async def _for_ever(self, step: Callable[[], Coroutine[Any, Any, None]]) -> None:
        told = ""
        while not self._closing:
            try:
                await step()
                told = ""
            except Exception as trouble:
                # The ledger is away, or something nobody thought of: either way looking again is all there is to do.
                if told != str(trouble):
                    told = str(trouble)
                    _LOG.warning("%s cannot look for news: %s", self._whose, told)
                await self._sleep(RETRY_SECONDS)
