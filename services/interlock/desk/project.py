"""One project's desk: what queued during the last commit is the next batch."""
# Long: one class: its queue, turn, retries and memory share one state, and are safe only together.

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Final

from interlock.desk.ahead import Ahead, Foreseen
from interlock.desk.deciding import BATCH_COMMANDS_MAX, Batch, Decided, Deciding, Waiting, taken
from interlock.desk.errors import (
    CannotStampTime,
    CommandTooLarge,
    DeskError,
    LedgerWentBack,
    Overloaded,
    Unavailable,
    UnknownEvent,
    UnknownOutcome,
)
from interlock.desk.looks import Looks
from interlock.desk.memory import Known, Memory
from interlock.desk.reading import Log, catch_up, must_hold
from interlock.desk.repeats import answer_known
from interlock.desk.snapshots import SNAPSHOT_EVENTS, load, store
from interlock.desk.tools import Tools
from interlock.ledger import (
    BatchRefused,
    ClockDisagrees,
    LedgerError,
    OutcomeUnknown,
    Overtaken,
)

QUEUE_COMMANDS_MAX: Final = 4_096
# Of so many that wait, half are the next batch: the other half is decided while it is appended. For fewer, one batch
# more costs more than is won: PostgreSQL takes as long for a batch as for ten rows, and deciding one as long as a row.
HALVED_FROM: Final = 16
# After somebody else was faster, writers take turns for so long: then they share fairly, and a lone one pays nothing.
TURNS_SECONDS: Final = 1.0
# Who decides ahead appends the next batch the moment one is recorded, and is never overtaken: so whoever writes without
# a pause for so long takes a turn, and lets somebody else in who has waited for his.
ALONE_SECONDS: Final = 0.2
OVERTAKEN_MAX: Final = 500
TRIES_IN_TURN: Final = 10
RESTAMPED_MAX: Final = 3
# How long a ledger that took nothing is told of: after that the next command finds out whether it does again.
TROUBLE_SECONDS: Final = 10.0

log = logging.getLogger(__name__)


class ProjectDesk:
    """Decides one project's commands, one batch at a time. `busy` while commands wait or a snapshot is stored."""

    def __init__(self, project: str, tools: Tools) -> None:
        """Nothing is read before it is needed."""
        self._project = project
        self._tools = tools
        self._queue: deque[Waiting] = deque()
        self._ahead: Ahead | None = None
        self._memory: Memory | None = None
        # What was known when the memory was thrown away: a ledger that comes back without it is an older one.
        self._known: tuple[int, bytes] | None = None
        self._behind = False
        self._turns_until = float("-inf")
        self._alone_until = float("-inf")
        self._one_by_one = 0
        self._in_order = asyncio.Lock()
        self._working: asyncio.Task[None] | None = None
        self._storing: asyncio.Task[None] | None = None
        self._stored_at = 0
        self._looks = Looks(lambda: tools.look(tools.ledger, project), f"looks at {project}")
        self._trouble: tuple[float, str] | None = None

    @property
    def trouble(self) -> str | None:
        """Why the ledger took nothing, a moment ago: one that can be read may still have no room to write."""
        if self._trouble is None or self._tools.monotonic() - self._trouble[0] > TROUBLE_SECONDS:
            return None
        return self._trouble[1]

    @property
    def busy(self) -> bool:
        """Whether something is still to be done."""
        return any(task is not None and not task.done() for task in (self._working, self._storing))

    async def finish(self) -> None:
        """Return when everything that waits is answered and stored."""
        tasks = [task for task in (self._working, self._storing) if task is not None]
        await asyncio.gather(*tasks, return_exceptions=True)

    def submit(self, waiting: Waiting) -> None:
        """Let a command wait for its turn. Raises Overloaded at once when QUEUE_COMMANDS_MAX wait already."""
        waits = len(self._queue) + (0 if self._ahead is None else len(self._ahead.waiting))
        if waits >= QUEUE_COMMANDS_MAX:
            raise Overloaded(f"{waits} wait for {self._project}")
        waiting.queued = True
        self._queue.append(waiting)
        if self._working is None or self._working.done():
            self._working = asyncio.create_task(self._work(), name=f"desk of {self._project}")
        elif self._ahead is not None:
            self._ahead.wake()

    async def current(self) -> Memory:
        """Return what is known, once it has reached the ledger's present head. Raises Unavailable."""
        try:
            head = await self._looks.head()
            memory = self._memory
            # One that is ahead of the head was quicker than the look at it, or knows what is gone: reading tells.
            if memory is None or memory.position != head.position:
                async with self._in_order:
                    self._behind = True
                    memory = await self._up_to_date(self._tools.ledger)
        except LedgerError as error:
            raise Unavailable(str(error)) from error
        return memory

    async def now(self) -> datetime:
        """Return the instant at which a command would be decided now. Raises Unavailable."""
        try:
            now = await self._tools.time(self._tools.ledger, self._project)
        except LedgerError as error:
            raise Unavailable(str(error)) from error
        last = self._memory.recorded_at if self._memory is not None else None
        return now if last is None else max(last, now)

    async def _work(self) -> None:
        """Settle one batch after the other until nobody waits; whatever goes wrong is told to those who wait."""
        self._alone_until = self._tools.monotonic() + ALONE_SECONDS
        while self._queue or self._ahead is not None:
            decided, batch = await self._next()
            if not batch:
                continue
            try:
                await self._settle(batch, decided)
            except Exception as error:
                log.exception("the desk of %s", self._project)
                self._give_up(batch, UnknownOutcome(f"{type(error).__name__}: {error}"))
            except BaseException:
                ahead = [] if self._ahead is None else await self._ahead.withdraw()
                self._give_up([*batch, *ahead, *self._queue], UnknownOutcome())
                raise

    async def _next(self) -> tuple[Batch | None, list[Waiting]]:
        """Return what is to be settled next, and how it was decided where that was done ahead."""
        ahead = self._ahead
        if ahead is not None:
            decided = await ahead.close()
            self._ahead = None
            if ahead.waiting:
                return decided, ahead.waiting
        size = 1 if self._one_by_one else BATCH_COMMANDS_MAX
        self._one_by_one = max(0, self._one_by_one - 1)
        if len(self._queue) >= HALVED_FROM and self._decides_ahead() and not self._takes_turns():
            # All at once, nobody would be left to be decided meanwhile; and who is answered together comes together.
            size = min(size, (len(self._queue) + 1) // 2)
        return None, taken(self._queue, size)

    def _decides_ahead(self) -> bool:
        """Tell whether the next batch is decided while one is appended.

        Not by a clock that somebody sets, which stands still until a command comes for which it was set; nor where a
        batch was refused, and its commands go one by one.
        """
        return self._tools.clock.is_set is False and not self._one_by_one

    def _takes_turns(self) -> bool:
        """Tell whether others write too, or did a moment ago."""
        return self._tools.monotonic() < self._turns_until

    async def _settle(self, batch: list[Waiting], decided: Batch | None) -> None:
        try:
            async with self._in_order, self._turn() as at:
                while await self._is_overtaken(at, batch, decided):
                    self._behind = True
        except Overtaken:
            self._behind = True
            self._turns_until = self._tools.monotonic() + TURNS_SECONDS
            self._again(batch, overtaken=1)
        except ClockDisagrees:
            # Seldom the clock itself: mostly the batch waited behind somebody else's open transaction.
            self._tools.clock.forget()
            self._behind = True
            self._again(batch, restamped=1)
        except (UnknownEvent, LedgerWentBack) as unknown:
            log.error("the desk of %s decides nothing: %s", self._project, unknown)  # noqa: TRY400 - it says it all
            for one in batch:
                one.fail(unknown)
        except OutcomeUnknown as lost:
            # A crash here leaves the whole batch or none of it. Whoever repeats a command id finds out: in the
            # memory that is read anew, or at the fence.
            self._give_up(batch, UnknownOutcome(lost.detail))
        except BatchRefused as refused:
            self._isolate(batch, refused)
        except LedgerError as error:
            self._trouble = self._tools.monotonic(), str(error)
            self._give_up(batch, Unavailable(str(error)))

    async def _is_overtaken(self, at: Log, batch: list[Waiting], decided: Batch | None) -> bool:
        """Commit what of `batch` still waits; return whether to try again at once, which only one's turn allows.

        Whoever never met the fence takes no turns. Against such a one the second try has to be quick: the news, the
        decision, the append, and nothing between them.
        """
        try:
            memory = self._memory
            if decided is not None and memory is not None and self._still_holds(at, memory, decided):
                await self._record(at, memory, decided)
            else:
                await self._commit(at, [one for one in batch if not one.settled and not one.queued])
        except Overtaken:
            if at is self._tools.ledger or max(one.overtaken for one in batch) % TRIES_IN_TURN == TRIES_IN_TURN - 1:
                raise
            for one in batch:
                one.overtaken += 1
            return True
        return False

    def _give_up(self, batch: Sequence[Waiting], error: DeskError) -> None:
        """Tell all that wait for `batch`, and remember nothing: the next decision reads everything anew."""
        self._forget()
        for one in batch:
            one.fail(error)

    def _forget(self) -> None:
        if self._memory is not None and self._memory.last_body:
            self._known = (self._memory.position, self._memory.last_body)
        self._memory = None

    def _again(self, batch: Sequence[Waiting], *, overtaken: int = 0, restamped: int = 0) -> None:
        """Put what is not answered back to the front, to be decided once more, a bounded number of times."""
        for one in reversed(batch):
            one.overtaken += overtaken
            one.restamped += restamped
            if one.overtaken > OVERTAKEN_MAX:
                one.fail(Unavailable(f"others were faster {OVERTAKEN_MAX} times"))
            if one.restamped > RESTAMPED_MAX:
                one.fail(CannotStampTime())
            if not one.settled and not one.queued:
                self._wait_first([one])

    def _wait_first(self, waiting: Sequence[Waiting]) -> None:
        """Let these be the next ones, in their order."""
        for one in waiting:
            one.queued = True
        self._queue.extendleft(reversed(waiting))

    def _isolate(self, batch: Sequence[Waiting], refused: BatchRefused) -> None:
        """One command in `batch` is a bug's victim; decided one by one, the others go through."""
        if len(batch) == 1:
            log.error("the ledger refuses what was decided for %s: %s", self._project, refused)
            self._give_up(batch, CommandTooLarge(str(refused)))
            return
        self._forget()
        self._one_by_one = len(batch)
        self._again(batch)

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[Log]:
        """Lend the ledger; while others write too, or may want to, at one's turn and with the news read first."""
        if not self._takes_turns() and self._tools.monotonic() < self._alone_until:
            yield self._tools.ledger
            return
        async with self._tools.ledger.turn(self._project) as turn:
            self._alone_until = self._tools.monotonic() + ALONE_SECONDS
            self._behind = True
            yield turn

    async def _commit(self, at: Log, batch: Sequence[Waiting]) -> None:
        """Answer what was answered before; decide the rest, append it, and answer that."""
        before = self._memory.position if self._memory is not None else 0
        memory = await self._up_to_date(at)
        todo = await self._answer_repeated(at, memory, batch, news=memory.position > before)
        if not todo:
            return
        await self._record(at, memory, await self._deciding(at, memory, await self._time(at)).decide(todo))

    async def _time(self, at: Log) -> datetime:
        return await self._tools.time(at, self._project)

    def _deciding(self, log: Log, memory: Known, now: datetime) -> Deciding:
        return Deciding(
            self._project,
            memory=memory,
            log=log,
            rules=self._tools.rules,
            event_ids=self._tools.event_ids,
            now=now if memory.recorded_at is None else max(memory.recorded_at, now),
        )

    def _still_holds(self, at: Log, memory: Memory, decided: Batch) -> bool:
        """Tell whether what was decided ahead stands on what is recorded by now, and nobody else takes turns."""
        return memory.position == decided.after and not self._behind and at is self._tools.ledger

    async def _record(self, at: Log, memory: Memory, decided: Batch) -> None:
        """Append what was decided, and give the answers."""
        self._wait_first(decided.put_off)
        if decided.rows:
            sent = self._tools.monotonic()
            clock = await self._append(at, memory, decided)
            self._trouble = None
            # A crash from here on loses no decision: the answers are in the ledger.
            self._tools.clock.learn(clock, sent=sent, received=self._tools.monotonic())
            memory.take(decided.events, decided.situation)
            for one in decided.decided:
                if one.events:
                    one.tell()
            self._snapshot(memory)
        await self._answer_eventless(at, memory, decided)

    async def _append(self, at: Log, memory: Memory, decided: Batch) -> datetime:
        """Append, and let what comes meanwhile be decided on what will be so; where it is not, that is undone.

        Not while others write too, who would overtake it.
        """
        if at is self._tools.ledger and self._decides_ahead():
            self._ahead = Ahead(
                Foreseen(memory, decided),
                self._queue,
                commands_max=BATCH_COMMANDS_MAX,
                deciding=self._begin_ahead,
                unanswered=self._unanswered_ahead,
            )
            if self._queue:
                self._ahead.wake()
        try:
            return await at.append(self._project, decided.rows)
        except BaseException:
            # A crash, or a refusal: nothing was told of what was decided ahead, and it is decided anew.
            if self._ahead is not None:
                ahead, self._ahead = self._ahead, None
                self._wait_first(await ahead.withdraw())
            raise

    def _begin_ahead(self, foreseen: Known) -> Deciding | None:
        now = self._tools.clock.now()
        return None if now is None else self._deciding(self._tools.ledger, foreseen, now)

    async def _unanswered_ahead(self, foreseen: Known, batch: list[Waiting]) -> list[Waiting]:
        return await self._answer_repeated(self._tools.ledger, foreseen, batch, news=False)

    async def _up_to_date(self, at: Log) -> Memory:
        """Return the memory: read at a cold start or after a loss, caught up when others wrote."""
        if self._memory is None:
            memory = await load(self._tools.ledger, self._project, self._tools.rules)
            if self._known is not None:
                await must_hold(at, self._project, *self._known)
            self._memory, self._stored_at, self._behind = memory, memory.position, True
        if self._behind:
            news = await catch_up(at, self._project, self._memory)
            self._behind = False
            if news and (self._takes_turns() or at is not self._tools.ledger):
                self._turns_until = self._tools.monotonic() + TURNS_SECONDS
            self._snapshot(self._memory)
        return self._memory

    async def _answer_repeated(self, at: Log, memory: Known, batch: Sequence[Waiting], *, news: bool) -> list[Waiting]:
        """Answer the commands whose ids left events before and return the others.

        An id that is not remembered may still be an old one: then the ledger's index on command ids refuses the
        batch; where no news explains that, every id of it is looked up.
        """
        doubted = [one for one in batch if (one.overtaken and not news) or memory.has_seen(one.command_id)]
        answered = await answer_known(at, self._project, doubted, self._tools.rules)
        return [one for one in batch if id(one) not in answered]

    async def _answer_eventless(self, at: Log, memory: Memory, batch: Batch) -> None:
        """Answer what left no event, which no fence has checked: the id may be an old one, and others may have written.

        The ledger's head tells whether the decision saw everything; if not, it is made again.
        """
        eventless: list[Decided] = [one for one in batch.decided if not one.events]
        if not eventless:
            return
        answered = await answer_known(at, self._project, [one.waiting for one in eventless], self._tools.rules)
        open_ones = [one for one in eventless if id(one.waiting) not in answered]
        if open_ones and not batch.rows and (await self._tools.look(at, self._project)).position != memory.position:
            self._behind = True
            self._again([one.waiting for one in open_ones], overtaken=1)
            return
        for one in open_ones:
            one.tell()

    def _snapshot(self, memory: Memory) -> None:
        """Store a snapshot in the background when it is time for one."""
        storing = self._storing is not None and not self._storing.done()
        if memory.position - self._stored_at < SNAPSHOT_EVENTS or storing:
            return
        self._storing = asyncio.create_task(self._store(memory), name=f"snapshot of {self._project}")

    async def _store(self, memory: Memory) -> None:
        try:
            self._stored_at = await store(self._tools.ledger, self._project, memory, self._tools.rules)
        except Exception:
            log.exception("the snapshot of %s", self._project)
