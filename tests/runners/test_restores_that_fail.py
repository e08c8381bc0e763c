"""A restore that cannot be done says why, plainly, and leaves nothing that looks like a copy."""

from __future__ import annotations

import asyncio
import resource
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from interlock.runners.failures import DatabaseAway, LeaseLost, Stopped, UnfitSession
from interlock.runners.restoring import (
    NoTools,
    StillRunning,
    ToolRefused,
)
from interlock.runners.restoring.tools import find_tools
from tests.fixtures.postgres import roomy_memory
from tests.fixtures.server import Served
from tests.runners.places import Place
from tests.runners.shop import ShopServer
from tests.runners.two import TwoServers


@asynccontextmanager
async def asking_for_passwords(place: Place, environment: str, role: str) -> AsyncIterator[None]:
    """Let the server of an environment ask that role for its password, which is `right`."""
    server = place.pair.server(environment)
    hba = server.data / "pg_hba.conf"
    place.pair.do(environment, f"alter role {role} password 'right'")
    hba.write_text(f"local all {role} scram-sha-256\nlocal all all trust\n", encoding="utf-8")
    place.pair.do(environment, "select pg_reload_conf()")
    try:
        yield
    finally:
        hba.write_text("local all all trust\n", encoding="utf-8")
        place.pair.do(environment, "select pg_reload_conf()")
        place.pair.do(environment, f"alter role {role} password null")


def with_password(dsn: str, password: str) -> str:
    return dsn.replace("@/", f":{password}@/")


async def test_a_wrong_password_is_said_and_never_shown(place: Place) -> None:
    how = place.restoring()
    async with asking_for_passwords(place, "production", "interlock_dump"):
        for password in ("wr%20ng-secret", ""):
            dsn = with_password(how.source.dsn, password) if password else how.source.dsn
            with pytest.raises((UnfitSession, DatabaseAway), match="production: the database") as refusal:
                await place.restore(replace(how, source=replace(how.source, dsn=dsn)))
            assert "ng-secret" not in str(refusal.value)
        right = replace(how, source=replace(how.source, dsn=with_password(how.source.dsn, "right")))
        seen: set[bytes] = set()

        async def reached(step: str) -> None:
            if step == "snapshot-taken":
                # What pg_dump waits for, until it was seen.
                held = AsyncExitStack()
                session = place.pair.servers.production.session("postgres", place.pair.production)
                holder = await held.enter_async_context(session)
                await held.enter_async_context(holder.transaction())
                await holder.execute("lock table shop.orders in access exclusive mode")
                watching.append(asyncio.create_task(command_lines(place, seen, held)))

        watching: list[asyncio.Task[None]] = []
        await place.restore(right, reached=reached)
        watching[0].cancel()
        assert any(b"pg_dump" in line for line in seen)
        assert not any(b":right@" in line or b"password=" in line for line in seen)


async def command_lines(place: Place, seen: set[bytes], held: AsyncExitStack) -> None:
    """Note the words of the tools' processes, as anybody on the machine can; let pg_dump go when it was seen."""
    async with held:
        while not any(line.split(b"\0")[0].endswith(b"pg_dump") for line in seen):
            seen |= set(words_of_tools(place))
            await asyncio.sleep(0.01)
    while True:
        seen |= set(words_of_tools(place))
        await asyncio.sleep(0.01)


def words_of_tools(place: Place) -> Iterator[bytes]:
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            line = path.read_bytes()
            if (b"pg_dump" in line or b"pg_restore" in line) and str(place.dumps).encode() in line:
                yield line


async def test_a_password_that_was_changed_meanwhile_is_a_failed_restore(place: Place) -> None:
    how = place.restoring()
    dsn = with_password(how.target.dsn, "right")
    async with asking_for_passwords(place, "stage", "interlock_restore"):

        async def reached(step: str) -> None:
            if step == "emptied":
                place.pair.do("stage", "alter role interlock_restore password 'other'")

        with pytest.raises(ToolRefused, match="the password is wrong"):
            await place.restore(replace(how, target=replace(how.target, dsn=dsn)), reached=reached)
    assert place.last("DataRestoreFailed")["error"] == "pg_restore (scratch): the password is wrong"


@pytest.fixture(scope="module")
def small_disk(two_servers: TwoServers) -> Iterator[TwoServers]:
    """A server none of whose files grows beyond what its write-ahead log needs: to it that is a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    home = Path(tempfile.mkdtemp(prefix="small-", dir=roomy_memory()))
    resource.setrlimit(resource.RLIMIT_FSIZE, (17 * 1024**2, before[1]))
    try:
        server = ShopServer(home)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    try:
        yield replace(two_servers, stage=server)
    finally:
        server.embedded.stop()
        shutil.rmtree(home, ignore_errors=True)


async def test_a_full_disk_is_a_failed_restore(interlock: Served, small_disk: TwoServers, tmp_path: Path) -> None:
    with small_disk.pair(own=True) as pair:
        pair.do(
            "production",
            "create table shop.big (page text); alter table shop.big alter page set storage plain;"
            " insert into shop.big select repeat(chr(65 + n % 26), 7000) from generate_series(1, 2600) n",
        )
        place = Place(interlock, pair, tmp_path).begin()
        with pytest.raises(ToolRefused, match="no space is left"):
            await place.restore()
        assert place.last("DataRestoreFailed")["error"] == "pg_restore (scratch): no space is left"
        assert not place.dumps_left()


async def test_a_source_that_goes_away_leaves_the_target_as_it_was(
    interlock: Served, two_servers: TwoServers, tmp_path: Path
) -> None:
    with two_servers.pair(own=True) as pair:
        place = Place(interlock, pair, tmp_path).begin()

        async def reached(step: str) -> None:
            if step == "started":
                pair.do(
                    "production",
                    "select pg_terminate_backend(pid) from pg_stat_activity"
                    " where datname = current_database() and usename = 'interlock_dump'",
                )

        with pytest.raises(DatabaseAway, match="production: the connection was lost"):
            await place.restore(reached=reached)
        assert "production: the connection was lost" in place.last("DataRestoreFailed")["error"]
        assert pair.rows("stage", "select to_regclass('shop.old') is not null") == [(True,)]
        assert place.holds_nothing_back()


async def test_two_restores_of_one_database_never_run_at_once(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    from interlock.runners.restoring import closing

    monkeypatch.setattr(closing, "TRIES", 3)
    waits = asyncio.Event()

    async def reached(step: str) -> None:
        if step == "emptied":
            with pytest.raises(StillRunning):
                await place.restore()
            waits.set()

    await place.restore(reached=reached)
    assert waits.is_set()


async def test_when_the_lease_is_lost_the_children_end_first(place: Place) -> None:
    """The lease is broken by a release manager while pg_restore waits for a lock."""

    async def reached(step: str) -> None:
        if step == "filled":
            raise AssertionError("it went on")
        if step == "emptied":
            lease = place.served["anton"].get("/environments/scratch")["lease"]
            fields = {"environment": "scratch", "lease": lease["lease"], "reason": "it hangs"}
            place.served["rm-1"].command("BreakLease", fields)
            for each in endings:
                await each.end()

    from interlock.runners import restoring as package
    from interlock.runners.ending import Ending

    endings: list[Ending] = []

    class Kept(Ending):
        def __init__(self) -> None:
            super().__init__()
            endings.append(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(f"{package.__name__}.running.Ending", Kept)
        with pytest.raises(Stopped) as stopped:
            await place.restore(reached=reached)
    assert isinstance(stopped.value, LeaseLost)
    # It is unsure now; only the same work again, or two persons, end that.
    assert place.served["anton"].get("/environments/scratch")["occupancy"]["state"] == "unsure"
    await place.restore()
    assert place.served["anton"].get("/environments/scratch")["occupancy"]["state"] != "unsure"
    assert place.holds_nothing_back()


async def test_missing_tools_are_said_with_what_installs_them(tmp_path: Path) -> None:
    with pytest.raises(NoTools, match="there is none: apt-get install postgresql-client-18"):
        await find_tools(18, {}, (tmp_path,))
    old = tmp_path / "old"
    old.mkdir()
    for name in ("pg_dump", "pg_restore"):
        (old / name).write_text("#!/bin/sh\necho 'pg_dump (PostgreSQL) 15.18 (Debian 15.18-0)'\n")
        (old / name).chmod(0o755)
    with pytest.raises(NoTools, match="there is only that of 15"):
        await find_tools(18, {}, (tmp_path, old))
    assert (await find_tools(14, {}, (tmp_path, old))).major == 15
