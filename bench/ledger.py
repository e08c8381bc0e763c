"""What an append costs: batches of 1 and 64 commands, alone and in a turn, and what the guards' share of it is.

The same rows are appended with the triggers and, as the owner may, without them, several times in turns, so that a
machine's mood falls on both alike. One writer, one connection, events of 1.8 kB, fsync on.
"""

from __future__ import annotations

import asyncio
import shutil
import statistics
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter

import asyncpg

from interlock.ledger import Ledger
from interlock.ledger.embedded import EmbeddedPostgres
from tests.ledger.rows import command, rows_of, stamp

ROUNDS = 5
BATCHES_EACH = {1: 300, 64: 40}
PADDING = "x" * 1_500
GUARDS = ("event_1_order", "event_2_restore", "event_3_rows")


async def appended(ledger: Ledger, project: str, size: int, *, in_turn: bool) -> list[float]:
    """Append batches of `size` commands; return the seconds each took."""
    seconds = []
    position = 0
    clock = stamp(await ledger.head(project))
    for number in range(BATCHES_EACH[size]):
        rows = []
        for one in range(size):
            position += 1
            name = f"{project} {number} {one}"
            rows += rows_of(command(name), clock, first=position, streams=[(name, 1)], project=project, text=PADDING)
        begun = perf_counter()
        if in_turn:
            async with ledger.turn(project) as turn:
                now = await turn.append(project, rows)
        else:
            now = await ledger.append(project, rows)
        seconds.append(perf_counter() - begun)
        clock = max(clock, now)
    return seconds


async def guards(owner_dsn: str, *, on: bool) -> None:
    """Switch the triggers that check a batch; `always` is how they are made."""
    owner = await asyncpg.connect(owner_dsn)
    for trigger in GUARDS:
        await owner.execute(f"alter table ledger.event {'enable always' if on else 'disable'} trigger {trigger}")
    await owner.close()


async def measure(server: EmbeddedPostgres) -> None:
    """Print a line for each way to append."""
    dsns = await server.prepare()
    ledger = await Ledger.open(dsns.app)
    await appended(ledger, "warm", 1, in_turn=True)
    found: dict[tuple[int, str], list[float]] = {}
    for round_ in range(ROUNDS):
        for way in ("guarded", "guarded, in a turn", "without guards"):
            await guards(dsns.owner, on=way != "without guards")
            for size in BATCHES_EACH:
                taken = await appended(ledger, f"{way} {size} {round_}", size, in_turn="turn" in way)
                found.setdefault((size, way), []).extend(taken)
    await ledger.close()
    for (size, way), taken in sorted(found.items()):
        cuts = statistics.quantiles(taken, n=100)
        rate = size * len(taken) / sum(taken)
        print(
            f"batches of {size:2}, {way:18}: {rate:7.0f} events/s, p50 {cuts[49] * 1e3:6.2f} ms,"
            f" p99 {cuts[98] * 1e3:6.2f} ms, {cuts[49] / size * 1e6:6.0f} µs an event"
        )


@contextmanager
def server_of_its_own() -> Iterator[EmbeddedPostgres]:
    """Start a server in a temporary directory."""
    home = Path(tempfile.mkdtemp(prefix="interlock-bench-"))
    server = EmbeddedPostgres(home)
    server.start()
    try:
        yield server
    finally:
        server.stop()
        shutil.rmtree(home)


if __name__ == "__main__":
    with server_of_its_own() as started:
        asyncio.run(measure(started))
