"""Each planted bug is found by the same clients and the same checker that find nothing without it."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest

from interlock.ledger import Ledger
from interlock.ledger.embedded import Dsns, EmbeddedPostgres
from tests.fire.battle import battle, judged
from tests.fire.bugs import BUGS, planted, take_guards_away
from tests.fire.checker import Told
from tests.fire.proxy import proxy_to, socket_of
from tests.fire.worker import Orders, work

PROJECT = "shop"
SEED = 7
BYTES = 120_000
LOST_ANSWERS = 12
# What a bug does depends on who meets whom: clients come again until they have met it, and not for ever.
TURN_BYTES = 40_000
TURN_LOST_ANSWERS = 8
TURNS_MAX = 60
BETWEEN_CUTS_BYTES = 2_000


def bytes_in(paths: list[Path]) -> int:
    return sum(path.stat().st_size for path in paths if path.exists())


async def at_work(
    dsns: Dsns, home: Path, way: str, bug: str | None, *, much: int, lost_answers: int, turn: int = 0
) -> Told:
    """Three desks, or writers, with eight clients in this process; what they heard, at least `much` bytes, judged.

    Each turn has a project of its own, so that what is judged is of this turn alone.
    """
    until, project = asyncio.Event(), f"{PROJECT}-{turn}"
    async with proxy_to(socket_of(dsns.app)) as proxy:
        names = ["one", "two", "three"]
        paths = [home / f"{project}-{name}.history" for name in names]
        address = proxy.dsn(dsns.app) if lost_answers else dsns.app
        with planted(bug):
            async with asyncio.TaskGroup() as group:
                for name, path, writers in zip(names, paths, (3, 3, 2), strict=True):
                    orders = Orders(way, address, str(path), name, writers, [project], SEED + turn, bug=bug)
                    group.create_task(work(orders, until))
                cut_at = 0
                while (heard := bytes_in(paths)) < much or proxy.down.cuts < lost_answers:
                    await asyncio.sleep(0.02)
                    # Between two cuts something is done, however slow the machine is: what is lost is an answer then.
                    if lost_answers and heard >= cut_at + BETWEEN_CUTS_BYTES:
                        proxy.down.cut_after, cut_at = 0, heard
                proxy.down.cut_after = None
                until.set()
    ledger = await Ledger.open(dsns.app)
    told = await judged(ledger, paths)
    await ledger.close()
    return told


FOUND_BY: dict[str, tuple[str, bool, str]] = {
    "a fresh id on retry": ("desk", True, "doubled"),
    "positions from a sequence": ("ledger", False, "not a prefix"),
    "no fence": ("ledger", False, "reordered"),
    "a decision on overtaken state": ("desk", False, "overtaken"),
    "an answer looked up after the version check": ("desk", False, "changed by itself"),
}


@pytest.mark.parametrize("bug", FOUND_BY)
async def test_a_planted_bug_is_found(bug: str, dsns: Dsns, tmp_path: Path) -> None:
    way, loses_answers, word = FOUND_BY[bug]
    await take_guards_away(bug, dsns)
    lost_answers, told = TURN_LOST_ANSWERS if loses_answers else 0, Told()
    for turn in range(TURNS_MAX):
        told = await at_work(dsns, tmp_path, way, bug, much=TURN_BYTES, lost_answers=lost_answers, turn=turn)
        print(turn, told.operations, len(told.findings))
        if any(word in finding for finding in told.findings):
            return
    raise AssertionError(f"not found in {TURNS_MAX} turns: {told}")


@pytest.mark.parametrize("way", ["desk", "ledger"])
async def test_without_a_bug_nothing_is_found_although_answers_are_lost(way: str, dsns: Dsns, tmp_path: Path) -> None:
    told = await at_work(dsns, tmp_path, way, None, much=BYTES, lost_answers=LOST_ANSWERS)
    print(told.operations, told.commands)
    assert not told.findings


def test_every_planted_bug_has_its_test() -> None:
    assert BUGS.keys() == {*FOUND_BY, "synchronous_commit=off"}


# A minute and more: PostgreSQL is killed until it has lost something. The setting itself is refused in tests/ledger.
@pytest.mark.faults
@pytest.mark.timeout(300)
async def test_commits_that_nobody_waits_for_are_lost_and_found_to_be(
    mortal: EmbeddedPostgres, mortal_dsns: Dsns, tmp_path: Path
) -> None:
    """Refused at the start (tests/ledger/test_settings.py); forced all the same, the first kills show the loss."""
    bug, seed = "synchronous_commit=off", random.randrange(2**32)
    await take_guards_away(bug, mortal_dsns)
    orders = Orders("desk", mortal_dsns.app, "", "", 0, [PROJECT], 0, bug=bug)
    async with battle(orders, tmp_path, (3, 3, 2), seed=seed, embedded=mortal) as fight:
        for _ in range(3):
            await fight.progress(100_000)
            await fight.kill_postgres()
        await fight.progress(20_000)
    told = await fight.judged(mortal_dsns.app)
    assert any("lost" in finding or "another answer" in finding for finding in told.findings), told
