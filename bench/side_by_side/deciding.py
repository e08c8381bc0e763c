"""The desk with all its rules: one hot environment, and several processes on one project."""

from __future__ import annotations

import asyncio
import gc
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import monotonic, perf_counter
from uuid import uuid4

from bench.desk import call
from bench.project import SANDBOX, Desks, event_id, open_project
from bench.side_by_side.place import python
from bench.timing import Timing
from interlock.desk import Desk
from interlock.domain.commands.environment import SetDataFeed
from interlock.ledger import Ledger
from interlock.serve.__main__ import GC_THRESHOLDS

PROJECT = "shared"
READY = "ready\n"


@asynccontextmanager
async def desk_over(dsn: str, project: str) -> AsyncIterator[Desks]:
    """Lend a desk in this process."""
    ledger = await Ledger.open(dsn)
    desk = Desk(ledger, monotonic=monotonic, event_ids=event_id)
    try:
        yield Desks(desk, project)
    finally:
        await desk.close()
        await ledger.close()


async def hot(dsn: str, callers: int, seconds: float) -> Timing:
    """All callers give commands about one environment; each is decided by all its checks, none twice."""
    async with desk_over(dsn, f"hot-{uuid4().hex[:8]}") as desks:
        await open_project(desks)
        gc.collect()
        gc.freeze()
        timing, began = Timing(), perf_counter()

        async def give(number: int) -> None:
            given = 0
            while (at := perf_counter()) < began + seconds:
                given += 1
                answer = await desks.say(SetDataFeed(environment=SANDBOX, feed=f"feed {number}.{given}"))
                assert answer.status == "accepted", answer
                timing.taken.append(perf_counter() - at)

        await asyncio.gather(*(give(number) for number in range(callers)))
        timing.seconds = perf_counter() - began
        gc.unfreeze()
        return timing


def together(dsn: str, processes: int, callers: int, seconds: float) -> Timing:
    """Let so many processes, with so many callers in all, tell the story in one project."""
    project = f"{PROJECT}-{uuid4().hex[:8]}"
    asyncio.run(_open(dsn, project))
    each = max(1, callers // processes)
    started = [
        python("bench.side_by_side.deciding", dsn, project, str(each), str(seconds), f"p{number}")
        for number in range(processes)
    ]
    # They begin together: each says when it is warm, and waits for all.
    for process in started:
        assert process.stdout is not None
        assert process.stdout.readline() == READY
    for process in started:
        assert process.stdin is not None
        process.stdin.write(READY)
        process.stdin.flush()
    timing, longest = Timing(), 0.0
    for process in started:
        said = json.loads(process.communicate(timeout=seconds * 10 + 60)[0])
        timing.add(said["taken"])
        longest = max(longest, said["seconds"])
    timing.seconds = longest
    return timing


async def _open(dsn: str, project: str) -> None:
    async with desk_over(dsn, project) as desks:
        await open_project(desks)


async def one_of_several(dsn: str, project: str, callers: int, seconds: float, label: str) -> None:
    """What each process does: get warm, tell the story, and say how long each command took."""
    async with desk_over(dsn, project) as desks:
        gc.set_threshold(*GC_THRESHOLDS)
        await asyncio.gather(*(call(desks, f"{label}-w{one}", perf_counter() + 0.5) for one in range(callers)))
        gc.collect()
        gc.freeze()
        sys.stdout.write(READY)
        sys.stdout.flush()
        await asyncio.to_thread(sys.stdin.readline)
        timing, began = Timing(), perf_counter()
        for taken in await asyncio.gather(*(call(desks, f"{label}-{one}", began + seconds) for one in range(callers))):
            timing.add(taken)
        sys.stdout.write(json.dumps({"taken": timing.taken, "seconds": perf_counter() - began}))


if __name__ == "__main__":
    asyncio.run(one_of_several(sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4]), sys.argv[5]))
