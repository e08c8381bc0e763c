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
BYTES = 120_000
# What a bug does depends on who meets whom: it is given so much more time than it mostly needs, and no more than that.
BYTES_TO_FIND_MAX = 20 * BYTES
BETWEEN_LOOKS_BYTES = 40_000
LOST_ANSWERS = 12
BETWEEN_CUTS_BYTES = 2_000


def bytes_in(paths: list[Path]) -> int:
    return sum(path.stat().st_size for path in paths if path.exists())


def says(told: Told, word: str) -> bool:
    return any(word in finding for finding in told.findings)


async def at_work(
    dsns: Dsns, home: Path, way: str, bug: str | None, *, lose_answers: bool = False, word: str | None = None
) -> Told:
    """Three desks, or writers, with eight clients in this process; what they heard, judged.

    Where there is a `word`, they go on until a finding says it, and not for ever.
    """
    until, ledger = asyncio.Event(), await Ledger.open(dsns.app)
    most = BYTES if word is None else BYTES_TO_FIND_MAX
    async with proxy_to(socket_of(dsns.app)) as proxy:
        names = ["one", "two", "three"]
        paths = [home / f"{name}.history" for name in names]
        address = proxy.dsn(dsns.app) if lose_answers else dsns.app
        with planted(bug):
            async with asyncio.TaskGroup() as group:
                for name, path, writers in zip(names, paths, (3, 3, 2), strict=True):
                    orders = Orders(way, address, str(path), name, writers, [PROJECT], 7, bug=bug)
                    group.create_task(work(orders, until))
                cut_at = looked_at = 0
                while (heard := bytes_in(paths)) < most or (lose_answers and proxy.down.cuts < LOST_ANSWERS):
                    await asyncio.sleep(0.02)
                    if word is not None and heard >= looked_at + BETWEEN_LOOKS_BYTES:
                        looked_at = heard
                        if says(await judged(ledger, paths), word):
                            break
                    # Between two cuts something is done, however slow the machine is: what is lost is an answer then.
                    if lose_answers and heard >= cut_at + BETWEEN_CUTS_BYTES:
                        proxy.down.cut_after, cut_at = 0, heard
                proxy.down.cut_after = None
                until.set()
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
    way, lose_answers, word = FOUND_BY[bug]
    await take_guards_away(bug, dsns)
    told = await at_work(dsns, tmp_path, way, bug, lose_answers=lose_answers, word=word)
    assert says(told, word), told


@pytest.mark.parametrize("way", ["desk", "ledger"])
async def test_without_a_bug_nothing_is_found_although_answers_are_lost(way: str, dsns: Dsns, tmp_path: Path) -> None:
    told = await at_work(dsns, tmp_path, way, None, lose_answers=True)
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
