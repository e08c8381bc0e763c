"""An event loop in which time jumps, whose order is drawn from a seed, and whose parts can be killed and frozen.

Nothing in it waits: where nobody is ready, the clock goes to the next timer. Of those who are ready any may be next, so
nothing can rely on an order that asyncio does not promise. A handle belongs to the part in whose context it was made:
those of a killed part are never run (no `finally`, as with kill -9), those of a frozen one run when it is thawed. There
is no selector: whoever opens a socket, a pipe, a process or a thread gets an error.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable, Coroutine
from contextvars import Context, ContextVar, copy_context
from random import Random
from typing import Any, NoReturn, TypeVarTuple, Unpack

Ts = TypeVarTuple("Ts")

# More steps at one instant mean that somebody goes round and round, and no time will ever pass.
STEPS_AT_ONCE_MAX = 200_000
# So many steps are taken before asyncio's own loop is asked whether it goes on.
STEPS_A_TURN = 64


class NoRealIO(RuntimeError):
    """the simulation has no sockets, pipes, processes or threads: what needs one needs a seam"""


class GoesRound(RuntimeError):
    """so many steps were taken at one instant that no time will ever pass"""


class Part:
    """What is killed and frozen together: one start of one process. `held` are the handles of a frozen one."""

    def __init__(self, name: str) -> None:
        """It runs; a context of its own is made where it is started."""
        self.name = name
        self.dead = False
        self.frozen = False
        self.frozen_at = 0.0
        self.held: list[Any] = []

    def __repr__(self) -> str:
        return self.name


PART: ContextVar[Part | None] = ContextVar("PART", default=None)


class SimulatedLoop(asyncio.BaseEventLoop):
    """One seed, one order."""

    def __init__(self, random: Random) -> None:
        """Draw the order of what is ready from `random`."""
        super().__init__()
        self._chance = random.random
        self._now = 0.0
        self._at_once = 0
        self._ours: list[Any] = []
        self._timers: list[tuple[float, int, Any]] = []
        self._numbers = 0
        self._stopping = False
        self._made: list[asyncio.Task[Any]] = []
        self.steps = 0
        # Called with the part that ran, after the step of this number: so a fault can fall on any await.
        self.trap_at = -1
        self.trap: Callable[[Part | None], None] = _nothing
        self.set_task_factory(self._task)

    def time(self) -> float:
        """Seconds since the simulation began."""
        return self._now

    # What asyncio would queue goes onto a list of ours, of which any may be taken; timers stand in a heap of ours,
    # by their instants.

    def call_soon(
        self, callback: Callable[[Unpack[Ts]], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.Handle:
        """Let it run when chance has it."""
        handle = asyncio.Handle(callback, args, self, context)
        self._ours.append(handle)
        return handle

    call_soon_threadsafe = call_soon

    def call_at(
        self, when: float, callback: Callable[[Unpack[Ts]], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """Let it run at that instant."""
        timer = asyncio.TimerHandle(when, callback, args, self, context)
        self._numbers += 1
        heapq.heappush(self._timers, (when, self._numbers, timer))
        return timer

    def call_later(
        self, delay: float, callback: Callable[[Unpack[Ts]], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """Let it run after so many seconds."""
        return self.call_at(self._now + delay, callback, *args, context=context)

    def _run_once(self) -> None:
        ready, timers, chance = self._ours, self._timers, self._chance
        for _ in range(STEPS_A_TURN):
            while timers and (timers[0][0] <= self._now or not ready):
                when, _, timer = heapq.heappop(timers)
                if timer._cancelled:
                    continue
                if when > self._now:
                    self._now, self._at_once = when, 0
                ready.append(timer)
            if not ready:
                raise RuntimeError("nobody is ready and nobody waits for a time: everybody waits for somebody")
            # Any of those who are ready; the last one takes its place on the list.
            index = int(chance() * len(ready))
            handle = ready[index]
            ready[index] = ready[-1]
            ready.pop()
            if handle._cancelled:
                continue
            part = handle._context.get(PART)
            if part is not None and (part.dead or part.frozen):
                if not part.dead:
                    part.held.append(handle)
                continue
            self._step(part, handle)
            if self._stopping:
                return

    def _step(self, part: Part | None, handle: asyncio.Handle) -> None:
        self.steps += 1
        self._at_once += 1
        if self._at_once > STEPS_AT_ONCE_MAX:
            raise GoesRound(f"at {self._now:.3f} s, in {part}: {handle}")
        handle._run()
        if self.steps == self.trap_at:
            self.trap(part)

    def _timer_handle_cancelled(self, handle: Any) -> None:
        """Nothing: a cancelled timer is thrown away when its time comes."""

    def freeze(self, part: Part) -> None:
        """Let a part stand still, and all that comes for it wait."""
        part.frozen, part.frozen_at = True, self._now

    def thaw(self, part: Part) -> None:
        """Let a frozen part go on: all that came for it meanwhile is ready at once."""
        part.frozen = False
        self._ours += part.held
        part.held = []

    def start(self, part: Part, work: Callable[[], Coroutine[Any, Any, Any]]) -> asyncio.Task[Any]:
        """Begin a part's work in a context of its own, which all that it begins inherits."""
        context = copy_context()
        context.run(PART.set, part)
        return context.run(lambda: self.create_task(work(), name=part.name))

    def _task(self, loop: Any, coroutine: Any, **more: Any) -> asyncio.Task[Any]:
        task: asyncio.Task[Any] = asyncio.Task(coroutine, loop=loop, **more)
        # Kept to the end: what a killed part was in the middle of must not be tidied up behind its back.
        self._made.append(task)
        if len(self._made) > 20_000:
            self._made = [each for each in self._made if not each.done()]
        return task

    def bury(self) -> None:
        """Let go of what was never finished, without a word of it, and close."""
        asyncio._set_running_loop(self)  # what wants to begin something in its `finally` may, and never will
        try:
            while self._made:
                self._close(self._made.pop())
        finally:
            asyncio._set_running_loop(None)
        self._ours.clear()
        self._timers.clear()
        self.close()

    def _close(self, task: asyncio.Task[Any]) -> None:
        if task.done():
            return
        task._log_destroy_pending = False  # type: ignore[attr-defined]
        coroutine: Any = task.get_coro()
        try:
            coroutine.close()
        except BaseException:
            # Its `finally` wanted to wait: there is no time left for that.
            return

    # No real input or output.

    def _write_to_self(self) -> None:
        """Nobody is to be woken: there is one thread."""

    def _process_events(self, _events: Any) -> None:
        """There are none."""

    def _refuse(self, *_arguments: Any, **_more: Any) -> NoReturn:
        raise NoRealIO(NoRealIO.__doc__)

    run_in_executor: Any = _refuse
    getaddrinfo = _refuse
    create_connection = _refuse
    create_server = _refuse
    create_unix_connection = _refuse
    create_datagram_endpoint = _refuse
    connect_read_pipe = _refuse
    connect_write_pipe = _refuse
    subprocess_exec = _refuse
    subprocess_shell = _refuse
    add_reader: Any = _refuse
    add_writer: Any = _refuse
    add_signal_handler: Any = _refuse
    sock_connect = _refuse
    sock_recv = _refuse
    sock_sendall = _refuse


def _nothing(_part: Part | None) -> None:
    pass
