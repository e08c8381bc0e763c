"""Simulate some seeds: each is a world of all parts, in which people act and everything goes wrong that may.

Ends with 1 where a promise was broken; what is printed then replays it, step by step the same.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from contextlib import nullcontext
from typing import Any

from tests.simulation.planted import PLANTED
from tests.simulation.world import HOUR, Ran, World

SEEDS, HOURS = 1_000, 6.0


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--seeds", type=int, default=SEEDS, help=f"how many ({SEEDS})")
    parser.add_argument("--first", type=int, default=1, help="the first seed (1)")
    parser.add_argument("--hours", type=float, default=HOURS, help=f"simulated hours of trouble for each ({HOURS:g})")
    parser.add_argument("--planted", choices=sorted(PLANTED), help="plant this mistake, to see it found")
    return parser.parse_args(arguments)


def replay(seed: int, hours: float, planted: str | None = None) -> str:
    """The command that runs one seed again."""
    mistake = f" --planted '{planted}'" if planted else ""
    return f'make simulate ARGS="--first {seed} --seeds 1 --hours {hours:g}{mistake}"'


def told(ran: Ran, hours: float, planted: str | None = None) -> str:
    """What was broken, and how to see it again."""
    how_far = f"after {ran.simulated / HOUR:.2f} h, {ran.events} events and {ran.steps} steps; trace {ran.digest}"
    return f"seed {ran.seed}: {ran.broken}\n  {how_far}\n  again: {replay(ran.seed, hours, planted)}"


def main(arguments: list[str] | None = None) -> int:
    """Run them, and tell."""
    asked = _options(arguments)
    counts: Counter[str] = Counter()
    cpu = simulated = 0.0
    broken = events = 0
    planting: Any = PLANTED[asked.planted]() if asked.planted else nullcontext()
    with planting as plant:
        for seed in range(asked.first, asked.first + asked.seeds):
            ran = World(seed, asked.hours, plant).run()
            counts.update(ran.counts)
            cpu, simulated, events = cpu + ran.cpu, simulated + ran.simulated, events + ran.events
            if ran.broken is not None:
                broken += 1
                print(told(ran, asked.hours, asked.planted), flush=True)
            elif asked.seeds == 1:
                print(f"seed {seed}: every promise was kept; trace {ran.digest}")
    print(
        f"{asked.seeds} seeds, {simulated / HOUR:,.0f} simulated hours in {cpu:.1f} s of one core:"
        f" {simulated / max(cpu, 1e-9):,.0f} × real time; {events:,} events, broken promises in {broken} seeds"
    )
    print(", ".join(f"{what} {count:,}" for what, count in sorted(counts.items())))
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
