"""The promises hold in a hundred worlds of six hours; a mistake that is planted is found; a seed replays the same."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from tests.simulation.__main__ import main, replay, told
from tests.simulation.planted import PLANTED
from tests.simulation.world import Ran, World

ROOT = Path(__file__).resolve().parents[2]
BLOCKS, SEEDS_A_BLOCK, HOURS = 20, 5, 6.0
SEEDS_TO_FIND_MAX = 30
SHORT_HOURS = 0.5
# Of this process's own time, and far below what an idle core does: it is about looks that became dear, not about speed.
TIMES_REAL_TIME_MIN = 1_000


@cache
def ran(seed: int) -> Ran:
    return World(seed, HOURS).run()


@pytest.mark.timeout(300)
@pytest.mark.parametrize("block", range(BLOCKS))
def test_whatever_goes_wrong_the_promises_are_kept(block: int) -> None:
    for seed in range(1 + block * SEEDS_A_BLOCK, 1 + (block + 1) * SEEDS_A_BLOCK):
        assert ran(seed).broken is None, told(ran(seed), HOURS)


@pytest.mark.timeout(600)
def test_these_worlds_are_troubled_enough_and_busy_enough_to_say_something() -> None:
    all_of_them = [ran(seed) for seed in range(1, 1 + BLOCKS * SEEDS_A_BLOCK)]
    counts: Counter[str] = Counter()
    for each in all_of_them:
        counts.update(each.counts)
    seconds, cpu = sum(each.simulated for each in all_of_them), sum(each.cpu for each in all_of_them)
    print(f"\n{seconds / 3600:,.0f} simulated hours in {cpu:.1f} s: {seconds / cpu:,.0f} × real time; {dict(counts)}")
    assert all(each.simulated >= HOURS * 3600 for each in all_of_them)
    assert seconds / cpu >= TIMES_REAL_TIME_MIN
    few = {
        "kill": 75, "freeze": 75, "stop": 500, "jump": 200, "intent": 5_000, "answer": 4_000, "outcome": 100,
        "commit": 4_000, "projected": 20_000, "published": 5_000, "told": 500, "DeployStarted": 400,
        "DataAdjustStarted": 8,
    }  # fmt: skip
    assert {what: counts[what] for what, least in few.items() if counts[what] < least} == {}


@pytest.mark.timeout(300)
@pytest.mark.parametrize("mistake", sorted(PLANTED))
def test_a_planted_mistake_is_found_within_thirty_seeds(mistake: str) -> None:
    with PLANTED[mistake]() as plant:
        for seed in range(1, 1 + SEEDS_TO_FIND_MAX):
            broken = World(seed, HOURS, plant).run().broken
            if broken is not None:
                print(f"\n{mistake}: seed {seed}: {broken}")
                return
    pytest.fail(f"{SEEDS_TO_FIND_MAX} seeds say nothing of {mistake}")


@pytest.mark.timeout(300)
def test_a_seed_replays_the_same_in_another_process_whatever_order_its_sets_have() -> None:
    seeds = [3, 5, 12]
    code = (
        "from tests.simulation.world import World\n"
        f"for ran in (World(seed, {SHORT_HOURS}).run() for seed in {seeds}):\n"
        "    print(ran.seed, ran.digest, ran.steps, ran.events)"
    )
    said = []
    for hash_seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
        command = [sys.executable, "-c", code]
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
        said.append(done.stdout)
    assert said[0] == said[1]
    digests = [line.split()[1] for line in said[0].splitlines()]
    assert digests == [World(seed, SHORT_HOURS).run().digest for seed in seeds]
    assert len(set(digests)) == len(seeds)


def test_another_seed_is_another_world() -> None:
    assert World(3, 0.1).run().digest != World(4, 0.1).run().digest


def test_what_is_broken_is_printed_with_the_command_that_replays_it(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--planted", "no fence", "--first", "1", "--seeds", "1", "--hours", "1"]
    assert main(arguments) == 1
    first = capsys.readouterr().out
    assert replay(1, 1, "no fence") in first
    assert main(arguments) == 1
    again = capsys.readouterr().out
    assert first.splitlines()[:3] == again.splitlines()[:3]
    assert "promise 1" in first
    assert main(["--seeds", "1", "--hours", "0.05"]) == 0
    assert "× real time" in capsys.readouterr().out
