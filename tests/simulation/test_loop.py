"""The loop: time jumps, order comes from the seed, a killed part stops in the middle, and nothing real is touched."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from random import Random
from typing import Any

import pytest

from tests.simulation import loop as loops
from tests.simulation.loop import GoesRound, NoRealIO, Part, SimulatedLoop


def simulated(work: Callable[[SimulatedLoop], Coroutine[Any, Any, Any]], seed: int = 1) -> Any:
    loop = SimulatedLoop(Random(seed))
    try:
        return loop.run_until_complete(work(loop))
    finally:
        loop.bury()


async def in_turns(_loop: SimulatedLoop) -> list[int]:
    order: list[int] = []

    async def one(number: int) -> None:
        for _ in range(3):
            order.append(number)
            await asyncio.sleep(0)

    await asyncio.gather(*(one(number) for number in range(5)))
    return order


def test_the_order_of_what_is_ready_is_the_seeds() -> None:
    assert simulated(in_turns, 1) == simulated(in_turns, 1)
    assert len({tuple(simulated(in_turns, seed)) for seed in range(20)}) > 10


def test_time_jumps_to_the_next_timer_and_deadlines_count_in_it() -> None:
    async def work(loop: SimulatedLoop) -> float:
        await asyncio.sleep(86_400)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(5):
                await asyncio.sleep(3_600)
        return loop.time()

    began = time.monotonic()
    assert simulated(work) == 86_405
    assert time.monotonic() - began < 10


def test_what_is_later_never_runs_before_what_is_earlier() -> None:
    async def work(loop: SimulatedLoop) -> list[float]:
        seen: list[float] = []
        for number in range(200):
            loop.call_later((number * 37) % 50, lambda: seen.append(loop.time()))
        await asyncio.sleep(100)
        return seen

    seen = simulated(work)
    assert seen == sorted(seen)
    assert len(seen) == 200


def test_a_killed_part_stops_where_it_is_and_tidies_nothing_up() -> None:
    async def work(loop: SimulatedLoop) -> list[str]:
        said: list[str] = []

        async def child() -> None:
            await asyncio.sleep(2)
            said.append("child")

        async def main() -> None:
            try:
                asyncio.create_task(child())  # noqa: RUF006 - it is kept by the loop
                await asyncio.sleep(3)
                said.append("main")
            finally:
                said.append("finally")

        part = Part("server")
        loop.start(part, main)
        await asyncio.sleep(1)
        part.dead = True
        await asyncio.sleep(10)
        return list(said)

    assert simulated(work) == []


def test_a_frozen_part_does_afterwards_what_was_due_meanwhile() -> None:
    async def work(loop: SimulatedLoop) -> list[float]:
        at: list[float] = []

        async def main() -> None:
            for _ in range(3):
                await asyncio.sleep(1)
                at.append(loop.time())

        part = Part("server")
        loop.start(part, main)
        await asyncio.sleep(1.5)
        loop.freeze(part)
        await asyncio.sleep(10)
        loop.thaw(part)
        await asyncio.sleep(5)
        return at

    assert simulated(work) == [1.0, 11.5, 12.5]


def test_a_trap_hits_the_part_that_runs_at_that_step() -> None:
    async def work(loop: SimulatedLoop) -> list[str]:
        hit: list[str] = []

        async def main() -> None:
            for _ in range(100_000):
                await asyncio.sleep(0.001)

        for name in ("one", "other"):
            loop.start(Part(name), main)
        await asyncio.sleep(1)
        loop.trap = lambda part: hit.append(part.name if part is not None else "nobody")
        for _ in range(20):
            loop.trap_at = loop.steps + 3
            await asyncio.sleep(1)
        return hit

    assert {"one", "other"} <= set(simulated(work))


@pytest.mark.parametrize(
    "reach_out",
    [
        lambda: asyncio.open_connection("127.0.0.1", 1),
        lambda: asyncio.to_thread(time.monotonic),
        lambda: asyncio.create_subprocess_exec("true"),
        lambda: asyncio.get_running_loop().getaddrinfo("localhost", 1),
    ],
)
def test_there_is_no_real_input_or_output(reach_out: Callable[[], Any]) -> None:
    async def work(_loop: SimulatedLoop) -> None:
        await reach_out()

    with pytest.raises(NoRealIO):
        simulated(work)


def test_who_goes_round_and_round_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loops, "STEPS_AT_ONCE_MAX", 1_000)

    async def work(_loop: SimulatedLoop) -> None:
        for _ in range(100_000):
            await asyncio.sleep(0)

    with pytest.raises(GoesRound):
        simulated(work)


def test_where_everybody_waits_for_somebody_it_is_said() -> None:
    async def work(_loop: SimulatedLoop) -> None:
        await asyncio.get_running_loop().create_future()

    with pytest.raises(RuntimeError, match="everybody waits"):
        simulated(work)
