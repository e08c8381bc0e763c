"""A restore whose runner, tool, database or Interlock is killed with -9: nothing is said that did not happen.

Whatever dies: the copy is whole and recorded, or nobody can get into it; and the next restore mends it.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import pytest

from interlock.cli.seams import pause
from interlock.events.codec import plain
from interlock.runners.restoring import ToolRefused
from tests.fixtures.postgres import PostgresServer
from tests.fixtures.server import set_up_team, token_of
from tests.runners.places import Place, measured
from tests.runners.shop import ROOT, ShopServer
from tests.runners.test_killed import Restartable, served_at, wait_for
from tests.runners.two import Pair, until

CLOSED = ("emptied", "filling")
STEPS = ("started", *CLOSED, "opened")
WAITING = """
    select count(*) > 0 from pg_locks join pg_stat_activity using (pid)
    where not granted and application_name = 'interlock-restore'
"""


@dataclass
class Scene:
    """An Interlock that can be killed, and a warm process that makes runners."""

    interlock: Restartable
    warm: subprocess.Popen[str]

    def begin(self, place: Place, step: str, what: str) -> Path:
        """Let a runner restore up to the step."""
        served, flag, how = place.served, place.dumps / f"flag-{step}", place.restoring()
        assert served.now is not None
        assert self.warm.stdin is not None
        spec = {
            "url": served.url, "project": served.project, "token": token_of("ci-1"), "now": served.now.isoformat(),
            "dsn": how.target.dsn, "source": how.source.dsn, "backups": str(place.dumps),
            "identities": {name: plain(identity) for name, identity in place.identities.items()},
            "step": step, "what": what, "flag": str(flag),
        }  # fmt: skip
        self.warm.stdin.write(json.dumps(spec) + "\n")
        self.warm.stdin.flush()
        return flag

    def ended(self) -> bool:
        """Wait for the runner's end; tell whether it was killed."""
        assert self.warm.stdout is not None
        answer: dict[str, bool] = json.loads(self.warm.stdout.readline())
        return answer["killed"]


@pytest.fixture(scope="module")
def scene(postgres_server: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    home = tmp_path_factory.mktemp("killed")
    with postgres_server.database(test=True) as dsns, served_at(home, dsns) as served:
        set_up_team(served)
        warm = subprocess.Popen(
            [sys.executable, "-m", "tests.runners.warm"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT,
        )  # fmt: skip
        restartable, first = Restartable(served, served.config), served.process
        try:
            yield Scene(restartable, warm)
        finally:
            warm.communicate(timeout=60)
            if served.process is not first:
                restartable.kill()


@pytest.fixture
def place(scene: Scene, pair: Pair, tmp_path: Path) -> Place:
    return Place(scene.interlock.served, pair, tmp_path).begin()


async def may_enter(place: Place) -> bool:
    try:
        async with place.pair.servers.stage.session("interlock_adjust", place.pair.stage):
            return True
    except asyncpg.PostgresError:
        return False


def tools_running(place: Place) -> list[int]:
    """The processes of pg_dump and pg_restore over this place's dumps, each before those that it made."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            words = path.read_bytes().split(b"\0")
            if words[0].endswith((b"pg_dump", b"pg_restore")) and str(place.dumps).encode() in b" ".join(words):
                found.append(int(path.parent.name))
    return sorted(found)


def position(place: Place) -> int:
    found: int = place.served["anton"].get("/status")["position"]
    return found


def restores(place: Place, since: int) -> list[str]:
    page = place.served["anton"].get("/events", environment="scratch", limit=40)
    kinds = ("LeaseGranted", "DataRestored", "DataRestoreFailed")
    return [each["type"] for each in reversed(page["events"]) if each["type"] in kinds and each["position"] > since]


async def check_mended(place: Place, before: int) -> None:
    """The next restore says that the one before failed, and ends well."""
    await place.restore()
    assert restores(place, before) == ["LeaseGranted", "DataRestoreFailed", "LeaseGranted", "DataRestored"]
    assert await measured(place.pair, "stage") == await measured(place.pair, "production")
    assert place.holds_nothing_back()
    assert await may_enter(place)


@pytest.mark.parametrize("step", STEPS)
async def test_the_runner_is_killed(scene: Scene, place: Place, step: str) -> None:
    before = position(place)
    scene.begin(place, step, "kill")
    assert scene.ended()
    # Its children are ended with it.
    await until(lambda: not tools_running(place))
    assert await may_enter(place) == (step not in CLOSED)
    assert restores(place, before) == ["LeaseGranted"]
    await check_mended(place, before)


# What holds each tool fast while it works, so that it is killed in its middle however little there is to copy.
HELD = {
    "pg_dump": ("snapshot-taken", "production", "lock table shop.orders in access exclusive mode"),
    "pg_restore": ("emptied", "stage", "lock table pg_catalog.pg_constraint in share mode"),
}


@pytest.mark.parametrize("tool", HELD)
async def test_the_tool_is_killed(place: Place, tool: str) -> None:
    before = position(place)
    when, environment, lock = HELD[tool]

    async def kill(holder: asyncpg.Connection, held: AsyncExitStack) -> None:
        async with held:
            async with asyncio.timeout(60):
                while not await holder.fetchval(WAITING):
                    await pause(0.01)
            for process in tools_running(place):
                with suppress(ProcessLookupError):
                    os.kill(process, signal.SIGKILL)

    killing: list[asyncio.Task[None]] = []

    async def reached(step: str) -> None:
        if step == when:
            held = AsyncExitStack()
            server, database = place.pair.server(environment), place.pair.database(environment)
            holder = await held.enter_async_context(server.session("postgres", database))
            await held.enter_async_context(holder.transaction())
            await holder.execute(lock)
            killing.append(asyncio.create_task(kill(holder, held)))

    with pytest.raises(ToolRefused, match=f"^{tool} .*ended by signal 9"):
        await place.restore(reached=reached)
    await killing[0]
    # Until it is dumped, nothing happened to the copy; from there on nobody gets in.
    untouched = tool == "pg_dump"
    assert place.pair.rows("stage", "select to_regclass('shop.old') is not null") == [(untouched,)]
    assert await may_enter(place) == untouched
    await check_mended(place, before)


async def test_the_database_is_killed(scene: Scene, place: Place, shop_server: ShopServer) -> None:
    before = position(place)
    flag = scene.begin(place, "emptied", "wait")
    wait_for(flag)
    shop_server.embedded.kill()
    flag.with_suffix(".go").touch()
    assert not scene.ended()
    assert flag.with_suffix(".result").read_text() in {"DatabaseAway", "ToolRefused"}
    shop_server.start()
    assert not await may_enter(place)
    await check_mended(place, before)


async def test_interlock_is_killed(scene: Scene, place: Place) -> None:
    before = position(place)
    flag = scene.begin(place, "measured", "wait")
    wait_for(flag)
    scene.interlock.kill()
    flag.with_suffix(".go").touch()
    scene.interlock.start()
    assert not scene.ended()
    assert restores(place, before) == ["LeaseGranted", "DataRestored"]
    assert place.holds_nothing_back()
