"""Asked one by one, done together: what comes while the last was being done is the next."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")


@dataclass(slots=True, eq=False)
class _Asked(Generic[T, R]):
    what: T
    answer: asyncio.Future[R]


class Gathered(Generic[T, R]):
    """Answers each who asks; does nothing, and holds nothing, while nobody does."""

    def __init__(
        self,
        do: Callable[[Sequence[T]], Awaitable[Sequence[R]]],
        *,
        at_once: int,
        size: Callable[[T], int],
        size_max: int,
        spoils_all: Callable[[Exception], bool],
    ) -> None:
        """Let `do` answer several, `at_once` times beside each other, of `size_max` together or one that is larger.

        Where it fails each is tried alone, so that only those fail that must, unless the failure `spoils_all`.
        """
        self._do = do
        self._at_once = at_once
        self._size = size
        self._size_max = size_max
        self._spoils_all = spoils_all
        self._waiting: deque[_Asked[T, R]] = deque()
        self._working: set[asyncio.Task[None]] = set()

    async def ask(self, what: T) -> R:
        """Return the answer. Raises what doing it alone raises."""
        asked: _Asked[T, R] = _Asked(what, asyncio.get_running_loop().create_future())
        self._waiting.append(asked)
        if len(self._working) < self._at_once:
            # It begins after all who are ready now have asked.
            task = asyncio.create_task(self._work())
            self._working.add(task)
            task.add_done_callback(self._working.discard)
        return await asked.answer

    async def close(self) -> None:
        """Leave what is not done; who waits for it is cancelled."""
        working = list(self._working)
        for task in working:
            task.cancel()
        await asyncio.gather(*working, return_exceptions=True)
        for asked in self._waiting:
            asked.answer.cancel()
        self._waiting.clear()

    async def _work(self) -> None:
        while several := self._next():
            try:
                await self._answer(several)
            finally:
                for asked in several:
                    asked.answer.cancel()

    def _next(self) -> list[_Asked[T, R]]:
        """Take those who waited longest; who does not wait any more is left out."""
        taken: list[_Asked[T, R]] = []
        size = 0
        while self._waiting and (not taken or size + self._size(self._waiting[0].what) <= self._size_max):
            asked = self._waiting.popleft()
            if not asked.answer.done():
                taken.append(asked)
                size += self._size(asked.what)
        return taken

    async def _answer(self, several: Sequence[_Asked[T, R]]) -> None:
        try:
            answers = await self._do([asked.what for asked in several])
        except Exception as error:
            if len(several) == 1 or self._spoils_all(error):
                for asked in several:
                    if not asked.answer.done():
                        asked.answer.set_exception(error)
                return
        else:
            for asked, answer in zip(several, answers, strict=True):
                if not asked.answer.done():
                    asked.answer.set_result(answer)
            return
        for asked in several:
            await self._answer([asked])
