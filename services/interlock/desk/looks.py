"""Looks at the ledger's head that many share: whoever asks gets one that begins after the question."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from interlock.ledger import Head, LedgerUnavailable


class Looks:
    """One look is under way, and at most one waits for it to end: everybody who asks meanwhile shares that one.

    A look that had begun before somebody asked would not do: it may have read the head before what the asker knows of.
    """

    def __init__(self, look: Callable[[], Awaitable[Head]], name: str) -> None:
        """Look by `look`; `name` is for whoever looks at tasks."""
        self._look = look
        self._name = name
        self._begun: asyncio.Task[Head] | None = None
        self._following: asyncio.Task[Head] | None = None

    async def head(self) -> Head:
        """Return the head as it was at a moment after this call. Raises what the look raises."""
        if self._following is None:
            self._following = asyncio.create_task(self._after(self._begun), name=self._name)
        # Whoever is cancelled stops waiting, no more: others share it.
        return await asyncio.shield(self._following)

    async def _after(self, before: asyncio.Task[Head] | None) -> Head:
        waited_for = before if before is not None and not before.done() else None
        if waited_for is not None:
            await asyncio.wait([waited_for])
        self._begun, self._following = self._following, None
        if waited_for is not None:
            _must_have_answered(waited_for)
        return await self._look()


def _must_have_answered(before: asyncio.Task[Head]) -> None:
    """Raise LedgerUnavailable where the look before waited for an answer as long as anybody should wait.

    Who looked again would be told the same, after as long again, when whoever asked has given up. What went wrong in
    another way, with one connection say, may be right already.
    """
    failed = None if before.cancelled() else before.exception()
    if isinstance(failed, LedgerUnavailable) and isinstance(failed.__cause__, TimeoutError):
        raise LedgerUnavailable(failed.detail) from failed
