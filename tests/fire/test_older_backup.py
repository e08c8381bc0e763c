"""The database is restored from an older backup: whoever remembers notices, and two persons open the record again."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import asyncpg
import httpx2
import pytest

from interlock.client import ProblemAnswer
from interlock.desk import LedgerWentBack, Unavailable
from interlock.ledger import Ledger
from interlock.ledger.embedded import Dsns, EmbeddedPostgres
from interlock.ledger.migrate import create_database
from interlock.ledger.statements import sql
from tests.desk.desks import Clerk, clerk_at
from tests.desk.tiny import Note
from tests.fire.servers import PROJECT, begin
from tests.fixtures.ports import free_port
from tests.fixtures.postgres import elsewhere
from tests.fixtures.server import Served, config_text, serving, token_of
from tests.house.tree import REPOSITORY
from tests.serve.test_starting import written

pytestmark = pytest.mark.timeout(300)


def name_of(dsns: Dsns) -> str:
    return dsns.app.partition("@/")[2].partition("?")[0]


async def back_up(server: EmbeddedPostgres, dsns: Dsns) -> str:
    """Copy the database as it is now, as whoever makes a backup."""
    name = f"{name_of(dsns)}_backup"
    await _ended(server, name_of(dsns))
    await create_database(server.dsn(), name, template=name_of(dsns))
    return name


async def put_back(server: EmbeddedPostgres, dsns: Dsns, backup: str) -> None:
    """Put the backup at the database's place; whoever is connected is thrown out."""
    connection = await asyncpg.connect(server.dsn(), timeout=10)
    await connection.execute(f"drop database {name_of(dsns)} with (force)")
    await connection.close()
    await create_database(server.dsn(), name_of(dsns), template=backup)
    restored = await asyncpg.connect(server.dsn(database=name_of(dsns)), timeout=10)
    await restored.execute(sql("seal_database"))
    await restored.close()


async def _ended(server: EmbeddedPostgres, name: str) -> None:
    connection = await asyncpg.connect(server.dsn(), timeout=10)
    await connection.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = $1", name)
    for _ in range(500):
        if not await connection.fetchval("select count(*) from pg_stat_activity where datname = $1", name):
            break
        await asyncio.sleep(0.02)
    await connection.close()


def remark(served: Served, text: str, who: str = "admin-1") -> int:
    fields = {"target": 1, "kind": "remark", "text": text}
    return int(served[who].command("Annotate", fields)["position"])


def refused(served: Served) -> str:
    with pytest.raises(ProblemAnswer) as problem:
        remark(served, f"{uuid4()}")
    assert problem.value.status == 503
    return str(problem.value.problem["detail"])


@contextmanager
def lost(server: EmbeddedPostgres, dsns: Dsns, home: Path) -> Iterator[Path]:
    """A server has acknowledged five remarks that the database, restored from a backup, has no more."""
    config = written(home, config_text(dsns=dsns))
    with serving(config, "--part", "api") as served:
        begin(served)
        remark(served, "before the backup")
    backup = elsewhere(back_up(server, dsns))
    with serving(config, "--part", "api") as served:
        served.now = None
        for number in range(5):
            remark(served, f"lost {number}")
    elsewhere(put_back(server, dsns, backup))
    yield config


def reader_who_saw_more_is_told(served: Served, head: int) -> None:
    """It is not led on in another history."""
    headers = {"Authorization": f"Bearer {token_of('admin-1')}", "Last-Event-ID": str(head + 5)}
    answer = httpx2.get(f"{served.url}/v1/{PROJECT}/events/stream", headers=headers, timeout=30)
    assert (answer.status_code, answer.json()["ends_at"]) == (503, head)
    assert f"ends at {head}: it was restored from an older backup" in answer.json()["detail"]


def close_it(config: Path, dsns: Dsns) -> str:
    """As an administrator: say that it was restored from a backup; return the ask that another one confirms."""
    assert dsns.owner in config.read_text(encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "interlock.serve.restoring", "--config", str(config), "--backup"],
        env={**os.environ, "INTERLOCK_TOKEN": token_of("admin-1")},
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return done.stdout.partition("dt confirm ")[2].strip()


def test_a_server_notices_at_its_start_and_takes_commands_again_when_two_persons_say_so(
    mortal: EmbeddedPostgres, mortal_dsns: Dsns, tmp_path: Path
) -> None:
    with lost(mortal, mortal_dsns, tmp_path) as config:
        with serving(config, "--part", "api") as served:
            served.now = None
            said = refused(served)
            assert "was known" in said
            assert "dt ledger restore --from backup" in said
            assert "was known" in httpx2.get(f"{served.url}/ready").text
            # It answers questions.
            head = served["admin-1"].get("/whoami")["position"]
            stored = served["admin-1"].get("/events/stored", after=0, limit=500)["events"]
            assert len(stored) == head
            assert not any("lost" in body for body in stored)
            reader_who_saw_more_is_told(served, head)
            # One alone opens nothing, and neither does a start.
            ask = close_it(config, mortal_dsns)
            assert "two administrators" in refused(served)
        with serving(config, "--part", "api") as served:
            served.now = None
            assert "two administrators" in refused(served)
            asked = served["admin-2"].get(f"/asks/{ask}")
            bound = {"ask": ask, "bound_digest": asked["bound_digest"]}
            with pytest.raises(ProblemAnswer):
                served["admin-1"].command("ConfirmAsked", bound)
            opened = served["admin-2"].command("ConfirmAsked", bound)
            assert opened["events"][-1]["type"] == "LedgerRestored"
            assert remark(served, "after it") == opened["position"] + 1
        # From then on this is what is known.
        with serving(config, "--part", "api") as served:
            served.now = None
            assert remark(served, "and again") == opened["position"] + 2


def test_dt_says_once_that_its_own_change_is_gone(mortal: EmbeddedPostgres, mortal_dsns: Dsns, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    config = written(tmp_path, config_text(dsns=mortal_dsns))
    port = str(free_port())

    def dt(url: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "XDG_CACHE_HOME": str(home),
            "INTERLOCK_URL": url,
            "INTERLOCK_PROJECT": PROJECT,
            "INTERLOCK_TOKEN": token_of("admin-1"),
        }
        command = [str(Path(sys.executable).with_name("dt")), *arguments]
        return subprocess.run(
            command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60
        )

    with serving(config, "--part", "api", "--port", port) as served:
        begin(served)
    backup = elsewhere(back_up(mortal, mortal_dsns))
    with serving(config, "--part", "api", "--port", port) as served:
        done = dt(served.url, "annotate", "1", "it is gone")
        assert done.returncode == 0, done.stderr
    elsewhere(put_back(mortal, mortal_dsns, backup))
    with serving(config, "--part", "api", "--port", port) as served:
        first, second = dt(served.url, "todo"), dt(served.url, "todo")
        assert "the ledger was restored from an older backup" in first.stderr
        assert "older backup" not in second.stderr


async def test_a_desk_that_goes_on_over_an_older_ledger_decides_nothing(
    mortal: EmbeddedPostgres, mortal_dsns: Dsns
) -> None:
    async with clerk_at(mortal_dsns.app) as clerk:
        await clerk.say(Note())
    backup = await back_up(mortal, mortal_dsns)
    async with clerk_at(mortal_dsns.app) as knows, clerk_at(mortal_dsns.app) as forgot:
        for clerk in (knows, forgot):
            await clerk.say(Note(times=3))
        await knows.desk.situation("shop")
        await put_back(mortal, mortal_dsns, backup)
        # One meets the loss in the middle of a command, and so reads everything anew; the other one reads first.
        assert await went_back(forgot)
        with pytest.raises(LedgerWentBack, match="position 7 is not there any more"):
            await until_connected(knows)
        # Somebody who knows nothing writes on: the positions are there again, with other events.
        async with clerk_at(mortal_dsns.app) as new:
            await new.say(Note(times=9))
        with pytest.raises(LedgerWentBack, match="holds another event"):
            await knows.desk.situation("shop")
        assert await went_back(forgot)
    ledger = await Ledger.open(mortal_dsns.app)
    assert (await ledger.head("shop")).position == 10
    await ledger.close()


async def until_connected(clerk: Clerk) -> None:
    """Look until the connections of before are found to be gone, one by one. Raises LedgerWentBack."""
    for _ in range(50):
        try:
            await clerk.desk.situation("shop")
        except LedgerWentBack:
            raise
        except Unavailable:
            continue


async def went_back(clerk: Clerk) -> bool:
    """Tell whether a command is refused for that, once connections that are gone were found to be."""
    command = uuid4()
    for _ in range(50):
        try:
            await clerk.say(Note(), command_id=command)
        except LedgerWentBack:
            return True
        except Unavailable:
            continue
        return False
    return False
