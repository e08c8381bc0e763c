"""News of a ledger are told whatever goes wrong on the way: unheard notifications, a ledger that is away."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from interlock.ledger import News

# Only against hangs.
DEADLINE_SECONDS = 30


@dataclass
class Moving:
    """A ledger whose projects move, and which is away as often as it is told to be."""

    positions: dict[str, int] = field(default_factory=dict)
    away: int = 0
    deaf: int = 0
    closed: int = 0
    _moved: asyncio.Queue[str] = field(default_factory=asyncio.Queue)

    def changes(self) -> Moving:
        return self

    def moves(self, project: str, position: int, *, heard: bool = True) -> None:
        self.positions[project] = position
        if heard:
            self._moved.put_nowait(project)

    async def heads(self) -> dict[str, int]:
        if self.away:
            self.away -= 1
            raise OSError("away")
        return dict(self.positions)

    async def wait(self, seconds: float = 1.0) -> set[str]:
        del seconds
        if self.deaf:
            self.deaf -= 1
            raise OSError("the connection broke")
        name = await self._moved.get()
        return {name} - {""}

    async def close(self) -> None:
        self.closed += 1
        self._moved.put_nowait("")


@dataclass
class Told:
    """What was told; `bell` rings at each."""

    heard: list[str] = field(default_factory=list)
    looked: list[dict[str, int]] = field(default_factory=list)
    bell: asyncio.Event = field(default_factory=asyncio.Event)

    def hear(self, project: str) -> None:
        self.heard.append(project)
        self.bell.set()

    def look(self, heads: Mapping[str, int]) -> None:
        self.looked.append(dict(heads))
        self.bell.set()

    async def rings(self) -> None:
        async with asyncio.timeout(DEADLINE_SECONDS):
            await self.bell.wait()
        self.bell.clear()


async def at_once(seconds: float) -> None:
    """Wait as long as another one needs for a turn, whatever was asked for."""
    del seconds
    await asyncio.sleep(0.001)


def news(ledger: Moving, told: Told) -> News:
    return News(ledger, at_once, heard=told.hear, looked=told.look, whose="a test")


async def test_what_is_notified_is_heard_and_what_is_not_is_seen_at_the_next_look() -> None:
    ledger, told = Moving({"a": 1}), Told()
    async with news(ledger, told):
        ledger.moves("b", 7)
        while told.heard != ["b"]:
            await told.rings()
        ledger.moves("c", 3, heard=False)
        while told.looked[-1:] != [{"a": 1, "b": 7, "c": 3}]:
            await told.rings()
    assert told.heard == ["b"]


async def test_while_the_ledger_is_away_it_listens_and_looks_again() -> None:
    ledger, told = Moving({"a": 1}, away=3, deaf=3), Told()
    async with news(ledger, told):
        ledger.moves("a", 2)
        while not told.heard or not told.looked:
            await told.rings()
    assert told.heard == ["a"]
    assert told.looked[0] == {"a": 2}


async def test_at_its_end_it_closes_what_it_opened_and_tells_nothing_more() -> None:
    ledger, told = Moving(), Told()
    async with news(ledger, told):
        await told.rings()
    looked = len(told.looked)
    assert ledger.closed == 2, "once more for a connection that was made meanwhile"
    await asyncio.sleep(0.02)
    assert len(told.looked) == looked
