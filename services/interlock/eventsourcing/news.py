"""Who waits for new events is woken: by the ledger's notification, and every WAIT_SECONDS in case one was lost."""

from __future__ import annotations

import asyncio
import threading
from typing import Final

from interlock.ledger import Changes

WAIT_SECONDS: Final = 2.0


class News:
    """Bells of other threads. Lives in one event loop; listens only while somebody waits."""

    def __init__(self, dsn: str, project: str, *, timeout: float) -> None:
        """Listen at `dsn` for news of `project`; connecting takes at most `timeout` seconds."""
        self._dsn = dsn
        self._project = project
        self._timeout = timeout
        self._bells: set[threading.Event] = set()
        self._listening: asyncio.Task[None] | None = None
        self._changes: Changes | None = None
        self._closing = False

    def add(self, bell: threading.Event) -> None:
        """Ring it whenever there may be news."""
        self._bells.add(bell)
        if self._listening is None and not self._closing:
            self._changes = Changes(self._dsn, timeout=self._timeout)
            self._listening = asyncio.create_task(self._listen(self._changes), name=f"news of {self._project}")

    def remove(self, bell: threading.Event) -> None:
        """Ring it no more; from any thread."""
        self._bells.discard(bell)

    async def close(self) -> None:
        """Stop listening, and ring once more."""
        self._closing = True
        if self._listening is not None and self._changes is not None:
            await self._changes.close()
            await asyncio.gather(self._listening, return_exceptions=True)
            await self._changes.close()
        self._ring()

    async def _listen(self, changes: Changes) -> None:
        """What came before the connection stood went unheard: so the bells ring then, too."""
        await changes.start()
        self._ring()
        while not self._closing:
            moved = await changes.wait(WAIT_SECONDS)
            if not moved or self._project in moved:
                self._ring()

    def _ring(self) -> None:
        for bell in list(self._bells):
            bell.set()
