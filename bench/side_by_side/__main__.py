"""All comparisons in one run on one durable server: `make bench ARGS='…'`, or `python -m bench.side_by_side`.

--only append,module     some of them
--rounds 5 --seconds 4   longer, and steadier
--scale 0.05             smaller histories and counts, to try it
--write                  put the figures into docs/BENCHMARKS.md and docs/benchmarks/*.svg
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import platform
from datetime import UTC, datetime
from time import perf_counter

from bench.side_by_side import report
from bench.side_by_side.figures import Section
from bench.side_by_side.place import REPOSITORY, durable, place
from bench.side_by_side.sections import BENCHES
from interlock.serve.__main__ import GC_THRESHOLDS

ROUNDS = 3
SECONDS = 2.0
DOCUMENT = REPOSITORY / "docs" / "BENCHMARKS.md"
PICTURES = REPOSITORY / "docs" / "benchmarks"


def main(given: list[str] | None = None) -> None:
    """Run them with these options; without any, with those of the command line."""
    names = [bench.name for bench in BENCHES]
    parser = argparse.ArgumentParser(
        prog="python -m bench.side_by_side", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", type=lambda text: text.split(","), default=names, metavar=",".join(names))
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of each contender's turn")
    parser.add_argument("--scale", type=float, default=1.0, help="of counts: 0.05 is a try")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args(given)
    if unknown := set(options.only) - set(names):
        parser.error(f"there is no {', '.join(sorted(unknown))}")
    if options.write and set(options.only) != set(names):
        parser.error("--write takes all of them: figures of one run stand together")
    # As every process of Interlock does; the other side's threads run in this one too.
    gc.set_threshold(*GC_THRESHOLDS)
    began, sections = perf_counter(), list[Section]()
    with place(rounds=options.rounds, seconds=options.seconds, scale=options.scale) as at:
        about = described(asyncio.run(durable(at.postgres.dsn())), options)
        print(about, flush=True)
        for bench in BENCHES:
            if bench.name in options.only:
                started = perf_counter()
                sections.append(bench.run(at))
                print(f"\n{report.told(sections[-1])}\n  ({perf_counter() - started:.0f} s)", flush=True)
    print(f"\n{perf_counter() - began:.0f} s in all")
    if options.write:
        report.write(DOCUMENT, PICTURES, about, sections)


def described(server: str, options: argparse.Namespace) -> str:
    """Return where and how it was measured."""
    load = os.getloadavg()[0]
    return (
        f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} processors, {platform.system()} {platform.machine()}, "
        f"Python {platform.python_version()}, PostgreSQL {server}; {options.rounds} rounds of {options.seconds:g} s, "
        f"scale {options.scale:g}; load before it began {load:.1f}."
    )


if __name__ == "__main__":
    main()
