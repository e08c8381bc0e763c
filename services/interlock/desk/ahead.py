"""While one batch is being committed, the next one is decided on what will be so once it is.

Nothing of it is appended, and nobody is told anything, before the batch before it is in the ledger; where that was not
recorded, all that was decided on it is thrown away, and its commands wait as if nothing had been decided about them.
See docs/decisions/0027-the-next-batch-is-decided-meanwhile.md.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any

from interlock.desk.deciding import Batch, Deciding, Waiting, taken

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from interlock.desk.memory import Known, Memory, StreamEnds
    from interlock.desk.rules import AnyRecorded

log = logging.getLogger(__name__)


class Foreseen:
    """What a memory will hold once `batch`, which has events, is recorded: laid over it, so that nothing is copied."""

    def __init__(self, memory: Memory, batch: Batch) -> None:
        """Change nothing of `memory`; when it takes the batch in, this stays as true as it was."""
        last = batch.events[-1]
        self._memory = memory
        self._batch = batch
        self._commands = {one.waiting.command_id for one in batch.decided}
        self.situation: Any = batch.situation
        self.position = last.position
        self.recorded_at: datetime | None = last.recorded_at

    def stream(self, name: str) -> StreamEnds | None:
        """Return the ends of a stream; None where the ledger has to be asked."""
        return self._batch.streams.get(name) or self._memory.stream(name)

    def learn(self, name: str, ends: StreamEnds) -> None:
        """Remember the ends of a stream, as the ledger told them; of one that grows just now it told too little."""
        if name not in self._batch.streams:
            self._memory.learn(name, ends)

    def has_seen(self, command_id: UUID) -> bool:
        """Tell whether a recent event in the ledger came from this command."""
        return self._memory.has_seen(command_id)

    def is_under_way(self, command_id: UUID, /) -> bool:
        """Tell whether this command is being recorded: its answer is not known yet."""
        return command_id in self._commands

    def whole(self, stream: str, found: Sequence[AnyRecorded], /) -> list[AnyRecorded]:
        """Return the events of a stream of which the ledger held `found`.

        What is being recorded may have been in there or not: it is taken from here either way.
        """
        before = [event for event in found if event.position <= self._batch.after]
        return [*before, *(event for event in self._batch.events if event.stream == stream)]


class Ahead:
    """The next batch, decided command by command as they come, until the one before it is recorded."""

    def __init__(
        self,
        foreseen: Foreseen,
        queue: deque[Waiting],
        *,
        commands_max: int,
        deciding: Callable[[Known], Deciding | None],
        unanswered: Callable[[Known, list[Waiting]], Awaitable[list[Waiting]]],
    ) -> None:
        """Take at most `commands_max` commands out of `queue`.

        `unanswered` answers those that came before and returns the others; `deciding` begins a batch, None where the
        time is not known.
        """
        self.foreseen = foreseen
        self.waiting: list[Waiting] = []
        self._queue = queue
        self._commands_max = commands_max
        self._begin = deciding
        self._unanswered = unanswered
        self._deciding: Deciding | None = None
        self._open = True
        self._task: asyncio.Task[None] | None = None

    def wake(self) -> None:
        """Decide what waits, soon: whoever comes in the same moment is decided with it."""
        if self._open and (self._task is None or self._task.done()):
            self._task = asyncio.create_task(self._work(), name="decides ahead")

    async def close(self) -> Batch | None:
        """Take no more, and return what was decided; None where nothing was, or where it has to be decided anew."""
        self._open = False
        if self._task is not None:
            await self._task
        return None if self._deciding is None else self._deciding.batch

    async def withdraw(self) -> list[Waiting]:
        """Decide nothing: return the commands that were taken and have no answer, in their order."""
        self._open = False
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        return [one for one in self.waiting if not one.settled]

    async def _work(self) -> None:
        try:
            while self._queue and self._open:
                if self._deciding is None:
                    self._deciding = self._begin(self.foreseen)
                room = self._commands_max - len(self.waiting)
                if self._deciding is None or room == 0 or self._deciding.batch.put_off:
                    self._open = False
                    return
                came = taken(self._queue, room)
                self.waiting += came
                await self._deciding.decide(await self._unanswered(self.foreseen, came))
        except Exception:
            # Whatever it is, it comes again when these are decided in their turn, and is told to who waits then.
            log.debug("nothing is decided ahead", exc_info=True)
            self._open, self._deciding = False, None
