"""The desk with real decisions against the `eventsourcing` library's own application, on one durable server.

Both tell the same story in the same run, in turns: open a release, set its content, hold it, lift the hold, ask for a
deploy, give it up. The desk decides each command by all the rules, over the whole project, and checks who asks; the
library's application changes one aggregate from its cache and looks at nothing else. Both acknowledge after the fsync.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import tempfile
from pathlib import Path
from statistics import median
from time import monotonic, perf_counter

from bench import library
from bench.project import Desks, command_of, event_id, open_project
from bench.story import STEPS
from bench.timing import Timing
from interlock.desk import Desk
from interlock.ledger import Ledger
from interlock.ledger.embedded import EmbeddedPostgres
from interlock.ledger.migrate import create_database

CALLERS = (1, 64)
LIBRARY = "bench_library"
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


def line(name: str, timings: list[Timing]) -> str:
    """Return one row of the table: the median of the rounds."""
    rate = median(timing.rate for timing in timings)
    p50, p99 = (median(timing.within(share) for timing in timings) for share in (0.5, 0.99))
    return f"  {name:<28} {rate:>9,.0f} commands/s   p50 {p50:>7.2f} ms   p99 {p99:>7.2f} ms"


def compare(postgres: EmbeddedPostgres, dsn: str, *, seconds: float, number: int) -> None:
    address = {
        "dbname": LIBRARY, **dict(part.split("=") for part in postgres.dsn().partition("?")[2].split("&")),
        "user": "postgres",
    }  # fmt: skip
    for callers in CALLERS:
        ours, theirs = [], []
        # In turns, so that both meet the same disturbances.
        for turn in range(number):
            label = f"{callers}-{turn}"
            ours.append(asyncio.run(run_desk(dsn, callers=callers, seconds=seconds, label=label)))
            theirs.append(library.run(address, callers=callers, seconds=seconds, label=label))
        print(f"{callers} caller{'s' if callers > 1 else ''}")
        print(line("Interlock's desk", ours))
        print(line("eventsourcing's Application", theirs))
        ratio = median(timing.rate for timing in ours) / median(timing.rate for timing in theirs)
        each = ", ".join(f"{one.rate / other.rate:.1f}" for one, other in zip(ours, theirs, strict=True))
        print(f"  ratio {ratio:.1f} (in each round: {each})", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seconds", type=float, default=4.0, help="of each round")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="interlock-bench-") as home:
        postgres = EmbeddedPostgres(Path(home) / "server")
        postgres.start()
        try:
            dsn = asyncio.run(postgres.prepare()).app
            asyncio.run(create_database(postgres.dsn(), LIBRARY))
            compare(postgres, dsn, seconds=options.seconds, number=options.rounds)
        finally:
            postgres.stop()


if __name__ == "__main__":
    main()
