"""A file system that is really full, under a restore and under Interlock's own database: `make faults`, as root.

In `make test` a limit on the size of files stands in for it (tests/runners/test_restores_that_fail.py).
"""

from __future__ import annotations

import asyncio
import os
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import pytest

from interlock.client import ProblemAnswer, ServerAway
from interlock.ledger.embedded import EmbeddedPostgres
from interlock.runners.restoring import ToolRefused
from tests.faults.disk import fill, small_disk
from tests.fixtures.postgres import PostgresServer, elsewhere
from tests.fixtures.server import Served, config_text, serving, set_up_team
from tests.runners.places import Place, measured
from tests.runners.shop import ShopServer, interlock_with_scratch, shops
from tests.runners.test_restoring_killed import may_enter
from tests.runners.two import Pair, TwoServers, two

pytestmark = [pytest.mark.faults, pytest.mark.timeout(900)]

BIG = (
    "create table shop.big (page text); alter table shop.big alter page set storage plain;"
    " insert into shop.big select repeat(chr(65 + n % 26), 7000) from generate_series(1, 4000) n"
)
# Until a full disk shows: what is preallocated of the write-ahead log takes some commands more.
COMMANDS_MAX = 20_000
TEXT = "x" * 3_900
READY_SECONDS = 60.0


@pytest.fixture(scope="module")
def interlock(postgres_server: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with interlock_with_scratch(postgres_server, tmp_path_factory.mktemp("full")) as served:
        yield served


# Whoever works in adjusted data: here only to see whether the database is open to others.
OTHERS = "create role interlock_adjust login"


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "disk") as made:
        yield made


@pytest.fixture
def pair(disk: Path) -> Iterator[Pair]:
    """A production of some size, and a stage whose server lies on the small disk."""
    with shops() as production, two(production) as servers:
        small = ShopServer(disk / "stage")
        try:
            with TwoServers(servers.production, small).pair(own=True) as made:
                made.do("production", BIG)
                made.do("stage", OTHERS)
                yield made
        finally:
            small.embedded.stop()


async def test_where_the_targets_disk_fills_up_the_restore_fails_and_the_next_one_mends_it(
    interlock: Served, pair: Pair, disk: Path, tmp_path: Path
) -> None:
    dumps = tmp_path / "dumps"
    dumps.mkdir()
    place = Place(interlock, pair, dumps).begin()
    filler: list[Path] = []

    async def reached(step: str) -> None:
        if step == "emptied":
            filler.append(await asyncio.to_thread(fill, disk))

    with pytest.raises(ToolRefused):
        await place.restore(reached=reached)
    assert place.last("DataRestoreFailed")["error"] == "pg_restore (scratch): no space is left"
    # Half a copy is nobody's to work on.
    filler[0].unlink()
    assert not await may_enter(place)
    assert not place.dumps_left()
    await place.restore()
    assert await may_enter(place)
    assert await measured(pair, "stage") == await measured(pair, "production")


async def test_where_the_runners_own_disk_fills_up_the_target_stays_as_it_was(
    interlock: Served, pair: Pair, disk: Path
) -> None:
    place = Place(interlock, pair, disk).begin()
    filler = fill(disk)
    with pytest.raises(ToolRefused):
        await place.restore(replace(place.restoring(), dumps=disk))
    filler.unlink()
    assert place.last("DataRestoreFailed")["error"] == "pg_dump (production): no space is left"
    assert pair.rows("stage", "select to_regclass('shop.old') is not null") == [(True,)]
    assert await may_enter(place)
    assert place.holds_nothing_back()


def is_ready(served: Served) -> bool:
    try:
        urllib.request.urlopen(f"{served.url}/ready", timeout=10).close()
    except (urllib.error.URLError, OSError):
        return False
    return True


def becomes(ready: bool, served: Served) -> None:
    until = monotonic() + READY_SECONDS
    while is_ready(served) is not ready:
        assert monotonic() < until, f"it should {'be' if ready else 'not be'} ready by now"
        sleep(0.2)


def test_where_the_ledgers_disk_is_full_nothing_is_acknowledged_and_with_space_it_goes_on(
    disk: Path, tmp_path: Path
) -> None:
    server = EmbeddedPostgres(disk / "ledger")
    server.start()
    dsns = elsewhere(server.prepare(test=True))
    config = tmp_path / "interlock.toml"
    config.write_text(config_text(dsns=dsns), encoding="utf-8")
    try:
        with serving(config, "--test-clock") as served:
            set_up_team(served)
            filler = fill(disk)
            acknowledged = commanded_until_it_stops(served)
            becomes(False, served)
            filler.unlink()
            # Where its log could not grow, PostgreSQL has stopped, and who runs it starts it again.
            server.start()
            becomes(True, served)
            served["rm-1"].command("Annotate", {"target": 1, "kind": "remark", "text": "there is room again"})
            told = remarks(served)
            assert told[: len(acknowledged)] == acknowledged
            # What was under way when it stopped may have been recorded; nothing is twice.
            assert len(told) == len(set(told))
            assert len(acknowledged) < len(told) <= len(acknowledged) + 2
    finally:
        server.stop()


def commanded_until_it_stops(served: Served) -> list[str]:
    """Give commands until one is not acknowledged; return the texts of those that were."""
    acknowledged: list[str] = []
    for number in range(COMMANDS_MAX):
        text = f"{number} {TEXT}"
        try:
            served["rm-1"].command("Annotate", {"target": 1, "kind": "remark", "text": text})
        except ServerAway:
            return acknowledged
        except ProblemAnswer as stopped:
            if stopped.status < 500:
                raise
            return acknowledged
        acknowledged.append(text)
    raise AssertionError("the disk is full, and it goes on")


def remarks(served: Served) -> list[str]:
    """The texts of all remarks, the oldest first."""
    found, query = list[str](), dict[str, Any](type="Annotated", data="true", limit=100)
    while True:
        page = served["anton"].get("/events", **query)
        found += [each["data"]["text"] for each in page["events"]]
        if not page.get("next_cursor"):
            return found[::-1]
        query["cursor"] = page["next_cursor"]


def test_these_are_run_as_root() -> None:
    assert os.geteuid() == 0, "run `make faults` as root: it mounts small file systems of its own"
