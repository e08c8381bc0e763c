"""What goes wrong between two parts: what is sent gets lost, comes late, or was done although no answer came."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextvars import Context
from random import Random
from typing import Any, Protocol, TypeVar

T = TypeVar("T")

# How long the way there takes: mostly a moment, and now and then long enough for many others to be faster.
MOMENT_SECONDS = 0.002
SLOW_SECONDS_MAX = 4.0
# What comes late is done after its sender gave it up.
LATE_SECONDS_MAX = 20.0
# A timer of a part that only looks for news is late by up to so many times what it asked for: a look costs time in the
# simulation too, and nobody may rely on when it comes.
PACE_MAX = 600.0
LOOK_SECONDS_MIN = 1.0

LOST, UNHEARD, HUNG, LATE, SLOW = range(5)


class Weather:
    """How often what goes wrong; each seed draws its own, and in the end it clears up."""

    def __init__(self, random: Random) -> None:
        """Some kinds of trouble are left out for a whole seed: a rare one is not hidden by a frequent one."""
        self._random = random
        self.trouble = random.choice((0.0, 0.005, 0.02, 0.05))
        # People are further away than servers are from each other.
        self.trouble_outside = random.choice((0.0, 0.02, 0.1, 0.3))
        self.kinds: Sequence[int] = [kind for kind in (LOST, UNHEARD, HUNG, LATE, SLOW) if random.random() < 0.7]
        self.duplicates = random.choice((0.0, 0.02, 0.1))
        self.unheard_of = random.choice((0.0, 0.05, 0.5))
        self.pace = random.choice((120.0, 300.0, PACE_MAX))

    def clear_up(self) -> None:
        """Nothing goes wrong any more; what did stays as it is."""
        self.trouble = self.trouble_outside = self.duplicates = self.unheard_of = 0.0
        self.pace = 1.0

    def strikes(self, *, outside: bool = False) -> int | None:
        """What goes wrong with the next thing that is sent; None mostly."""
        if self.kinds and self._random.random() < (self.trouble_outside if outside else self.trouble):
            return self._random.choice(self.kinds)
        return None

    def delay(self) -> float:
        """How long the way takes."""
        return self._random.random() * MOMENT_SECONDS

    def up_to(self, seconds: float) -> float:
        """Some time up to `seconds`."""
        return self._random.random() * seconds

    def late(self, seconds: float) -> float:
        """When a timer of `seconds` goes off in a part that looks for news."""
        return seconds * (1.0 + self._random.random() * (self.pace - 1.0))


class Wire(Protocol):
    """How the client half of a server reaches it."""

    async def call(self, do: Callable[..., T], *arguments: Any, sent: bool = False) -> T:
        """Let the server do it, and return what it says; `sent` says whether a lost outcome matters."""

    def notify(self, tell: Callable[[], None]) -> None:
        """Let the server tell something, which may get lost."""

    def late(self, seconds: float) -> float:
        """When a timer of `seconds` goes off."""


class Direct:
    """Nothing goes wrong: for the suites that compare what is in memory with the real thing."""

    async def call(self, do: Callable[..., T], *arguments: Any, sent: bool = False) -> T:
        """Do it, after whoever else is ready had a turn."""
        del sent
        await asyncio.sleep(0)
        return do(*arguments)

    def notify(self, tell: Callable[[], None]) -> None:
        """Tell it soon."""
        asyncio.get_running_loop().call_soon(tell)

    def late(self, seconds: float) -> float:
        """Then."""
        return seconds


class Server:
    """Whatever is at the other end: up, or away."""

    def __init__(self) -> None:
        """It is up."""
        self.down = False


class Link:
    """The way to one server, in some weather. What the server does is done, whatever becomes of who sent it."""

    def __init__(
        self,
        weather: Weather,
        server: Server,
        *,
        patience: float,
        away: Callable[[str], Exception],
        unknown: Callable[[str], Exception],
    ) -> None:
        """After `patience` seconds without an answer its outcome is `unknown`; a server that is down is `away`."""
        self._weather = weather
        self._server = server
        self._patience = patience
        self._away = away
        self._unknown = unknown

    async def call(self, do: Callable[..., T], *arguments: Any, sent: bool = False) -> T:
        """Send it, and wait for the answer."""
        loop, weather = asyncio.get_running_loop(), self._weather
        answer: asyncio.Future[T] = loop.create_future()
        struck = weather.strikes()
        delay = weather.delay()
        lost = self._unknown if sent else self._away
        if struck == SLOW:
            delay += weather.up_to(SLOW_SECONDS_MAX)
        elif struck == LATE:
            delay += self._patience + weather.up_to(LATE_SECONDS_MAX)
        if struck in {LATE, HUNG}:
            loop.call_later(self._patience, _fail, answer, lost("no answer came"), context=Context())
        elif struck == LOST:
            loop.call_later(delay, _fail, answer, lost("the connection was cut"), context=Context())
        if struck != LOST:
            loop.call_later(delay, self._serve, answer, do, arguments, struck, lost, context=Context())
        return await answer

    def _serve(
        self,
        answer: asyncio.Future[T],
        do: Callable[..., T],
        arguments: Sequence[Any],
        struck: int | None,
        lost: Callable[[str], Exception],
    ) -> None:
        if self._server.down:
            _fail(answer, self._away("the server is down"))
            return
        try:
            done = do(*arguments)
        except Exception as refusal:
            if struck in {None, SLOW, LATE}:
                _fail(answer, refusal)
            elif struck == UNHEARD:
                _fail(answer, lost("the connection was cut"))
            return
        if struck == UNHEARD:
            _fail(answer, lost("the connection was cut"))
        elif struck != HUNG and not answer.done():
            answer.set_result(done)

    def notify(self, tell: Callable[[], None]) -> None:
        """Tell it a little later, or never."""
        if self._weather.up_to(1.0) >= self._weather.unheard_of:
            asyncio.get_running_loop().call_later(self._weather.delay(), tell, context=Context())

    def late(self, seconds: float) -> float:
        """When a timer of a part that looks for news goes off."""
        return self._weather.late(max(seconds, LOOK_SECONDS_MIN))


def _fail(answer: asyncio.Future[Any], error: Exception) -> None:
    if not answer.done():
        answer.set_exception(error)
