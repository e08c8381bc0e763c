"""How a runner speaks to Interlock: one question at a time, each under a key that a restarted runner finds again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Protocol, TypeVar
from uuid import UUID, uuid5

from interlock.client import OddAnswer, ProblemAnswer, ServerAway
from interlock.events.seams import MonotonicClock, Sleep
from interlock.runners.failures import Refused

T = TypeVar("T")
# Keys of commands are names in this space: the same step of the same attempt is the same command for ever.
KEYS: Final = UUID("4f0a3f0e-7d0b-5d0c-9a51-6c2b6e1f7a90")
REPORT_SECONDS: Final = 60.0
REPORT_PAUSE_SECONDS: Final = 2.0
EVENTS_PAGE: Final = 100


class Interlock(Protocol):
    """What a runner needs of Interlock: `interlock.client.Client` is one."""

    @property
    def project(self) -> str:
        """The project's name."""

    @property
    def server_now(self) -> datetime | None:
        """The ledger's clock, as the last answer told it."""

    def command(
        self, name: str, fields: Mapping[str, Any], *, idempotency_key: UUID | str | None = None
    ) -> dict[str, Any]:
        """Give a command."""

    def get(self, path: str, **query: Any) -> dict[str, Any]:
        """Read an answer."""


class Reached(Protocol):
    """Is told each step that was reached; tests end something there."""

    async def __call__(self, step: str) -> None:
        """Take the step's name."""


async def passed_by(step: str) -> None:
    """Take no notice of a step."""
    del step


class Away(Exception):
    """Interlock gave no answer: whether it took the command is not known"""


@dataclass(slots=True)
class Asker:
    """Asks in threads, so that the work goes on; `clock` and `sleep` are the process's own."""

    interlock: Interlock
    clock: MonotonicClock
    sleep: Sleep
    reached: Reached = passed_by
    position: int = 0
    _one: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def ask(self, name: str, fields: Mapping[str, Any], *key: object) -> dict[str, Any]:
        """Give the command under the key that these words make. Raises Refused, Away."""
        words = "/".join(str(word) for word in (self.interlock.project, name, *key))
        return await self._answer(self.interlock.command, name, fields, idempotency_key=uuid5(KEYS, words))

    async def report(
        self, name: str, fields: Mapping[str, Any], *key: object, until: float | None = None
    ) -> dict[str, Any]:
        """Give a command that says what happened already: asked again for a while. Raises Refused, Away.

        `until` is when the lease is over, on this process's clock: after that, the same words would mean another thing.
        """
        return await self.patiently(lambda: self.ask(name, fields, *key), until)

    async def patiently(self, work: Callable[[], Awaitable[T]], until: float | None = None) -> T:
        """Do what may be done twice until it is answered, for a while. Raises Refused, Away."""
        until = min(self.clock() + REPORT_SECONDS, until if until is not None else float("inf"))
        while True:
            try:
                return await work()
            except Away:
                if self.clock() >= until:
                    raise
            await self.sleep(REPORT_PAUSE_SECONDS)

    async def call(self, call: Callable[..., T], *arguments: Any, **named: Any) -> T:
        """Let the client do one thing, after what it does now. Raises Refused, Away."""
        async with self._one:
            try:
                return await asyncio.to_thread(call, *arguments, **named)
            except (ServerAway, OddAnswer) as away:
                raise Away(str(away)) from away
            except ProblemAnswer as problem:
                if problem.status >= 500:
                    raise Away(str(problem)) from problem
                raise Refused(problem) from problem

    async def events(self, kind: str, **filters: Any) -> AsyncIterator[dict[str, Any]]:
        """Yield the recorded events of that type, the newest first, with their data. Raises Refused, Away."""
        query: dict[str, Any] = {"type": kind, "data": "true", "limit": EVENTS_PAGE, **filters}
        while True:
            page = await self._answer(self.interlock.get, "/events", **query)
            for event in page.get("events") or ():
                yield event
            if not page.get("next_cursor"):
                return
            query["cursor"] = page["next_cursor"]

    def is_past(self, instant: str) -> bool:
        """Tell whether the ledger's clock, as it was last heard, has passed an instant."""
        now = self.interlock.server_now
        return now is not None and datetime.fromisoformat(instant) <= now

    async def read(self, path: str, **query: Any) -> dict[str, Any]:
        """Read one of the project's questions. Raises Refused, Away."""
        return await self._answer(self.interlock.get, path, **query)

    async def _answer(self, call: Any, *arguments: Any, **named: Any) -> dict[str, Any]:
        answer: dict[str, Any] = await self.call(call, *arguments, **named)
        self.position = max(self.position, answer.get("position") or 0)
        return answer


def event_in(answer: Mapping[str, Any], kind: str) -> dict[str, Any] | None:
    """Return the first event of that type in a command's answer: its data, and when it was recorded."""
    for event in answer.get("events") or ():
        if event.get("type") == kind:
            return {**event["data"], "recorded_at": event["recorded_at"]}
    return None
