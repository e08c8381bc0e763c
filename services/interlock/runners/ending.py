"""What must end when the lease does: the runner's work names it, and `kept_lease` ends it from beside."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from interlock.runners.failures import LeaseLost


@dataclass(slots=True)
class Ending:
    """The children and sessions that run now; `end` ends them all, and nothing is begun after it."""

    ended: bool = False
    _running: list[Callable[[], Awaitable[None]]] = field(default_factory=list)

    async def end(self) -> None:
        """End what runs, the last begun first; returns when nothing of it does."""
        self.ended = True
        for each in reversed(self._running):
            await each()

    def check(self) -> None:
        """Raise LeaseLost where the work was ended."""
        if self.ended:
            raise LeaseLost(LeaseLost.__doc__)

    @contextmanager
    def running(self, end: Callable[[], Awaitable[None]]) -> Iterator[None]:
        """Have `end` called where the work is ended meanwhile. Raises LeaseLost where it was ended before."""
        self.check()
        self._running.append(end)
        try:
            yield
        finally:
            self._running.remove(end)
