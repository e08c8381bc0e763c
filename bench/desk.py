"""The desk with real decisions: callers who tell the story, again and again.

Open a release, set its content, hold it, lift the hold, ask for a deploy, give it up. The desk decides each command by
all the rules, over the whole project, and checks who asks; `library.py` tells the same story to the other side.
"""

from __future__ import annotations

import asyncio
import gc
from time import monotonic, perf_counter

from bench.project import Desks, command_of, event_id, open_project
from bench.story import STEPS
from bench.timing import Timing
from interlock.desk import Desk
from interlock.ledger import Ledger

PROJECT = "bench"


async def call(desks: Desks, name: str, until: float) -> list[float]:
    """Tell the story again and again until the moment `until`; return how long each command took, in seconds."""
    taken: list[float] = []
    told = 0
    while perf_counter() < until:
        for step in STEPS:
            began = perf_counter()
            answer = await desks.say(command_of(step, f"{name}.{told}"))
            taken.append(perf_counter() - began)
            assert answer.status == "accepted", answer
        told += 1
    return taken


async def run_desk(dsn: str, *, callers: int, seconds: float, label: str) -> Timing:
    """Let `callers` callers give commands to one desk for `seconds`."""
    ledger = await Ledger.open(dsn)
    desks = Desks(Desk(ledger, monotonic=monotonic, event_ids=event_id), f"{PROJECT}-{label}")
    await open_project(desks)
    gc.collect()
    gc.freeze()
    timing = Timing()
    began = perf_counter()
    calls = [call(desks, f"release-{number}", began + seconds) for number in range(callers)]
    for taken in await asyncio.gather(*calls):
        timing.add(taken)
    timing.seconds = perf_counter() - began
    await desks.desk.close()
    await ledger.close()
    gc.unfreeze()
    return timing
