"""A restore copies one snapshot into an emptied, closed database, measured and masked; or it is said to have failed."""

from __future__ import annotations

import asyncio
import json
import resource
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from interlock.events.canonical import digest_of_bytes
from interlock.events.catalogue.parts import Identity
from interlock.events.codec import plain
from interlock.runners.asking import passed_by
from interlock.runners.failures import DatabaseAway, LeaseLost, Refused, Stopped, UnfitSession, WrongDatabase
from interlock.runners.restoring import (
    Impossible,
    MaskRefused,
    NoTools,
    Registered,
    Restored,
    Restoring,
    StillRunning,
    ToolRefused,
    restore,
)
from interlock.runners.restoring.measuring import measure
from interlock.runners.restoring.tools import find_tools
from tests.fixtures.postgres import roomy_memory
from tests.fixtures.server import Served
from tests.runners.shop import ShopServer, asker_of
from tests.runners.two import INFRA, Pair, TwoServers, means

DUMP_ROLE = (INFRA / "dump-role.sql").read_text()
MASK = "update shop.customers set name = 'masked ' || id, mail = null; grant usage on schema shop to public"


class Place:
    """A pair of databases that an Interlock knows as production and as its scratch database."""

    def __init__(self, served: Served, pair: Pair, dumps: Path) -> None:
        self.served = served
        self.pair = pair
        self.dumps = dumps
        self.identities = {"production": pair.identity("production"), "scratch": pair.identity("stage")}

    def begin(self) -> Place:
        for environment, identity in self.identities.items():
            self.served.by_two("RegisterEnvironment", {"environment": environment, "identity": plain(identity)})
        return self

    def restoring(self, mask: str | None = None, **more: Any) -> Restoring:
        target = replace(self.pair.connection("stage"), environment="scratch")
        path = None
        if mask is not None:
            path = self.dumps / "mask.sql"
            path.write_text(mask)
        return replace(Restoring(self.pair.connection("production"), target, 2, self.dumps, path), **more)

    async def restore(self, how: Restoring | None = None, **more: Any) -> Restored:
        client = self.served["ci-1"]
        registered = more.pop("registered", Registered(self.identities, "production"))
        asker = asker_of(client, more.pop("reached", passed_by))
        given = {"put_evidence": client.put_evidence, "means": means(more.pop("told", None), **more)}
        return await restore(asker, how or self.restoring(), registered, given["put_evidence"], given["means"])

    def last(self, kind: str) -> dict[str, Any]:
        """The newest event of that type in the environment."""
        page = self.served["anton"].get("/events", type=kind, data="true", limit=1, environment="scratch")
        found: dict[str, Any] = page["events"][0]["data"] if page["events"] else {}
        return found

    def dumps_left(self) -> list[Path]:
        return list(self.dumps.glob("interlock-dump-*"))

    def holds_nothing_back(self) -> bool:
        """Whether the target is open again, and no dump is left."""
        closed = self.pair.rows("stage", "select to_regnamespace('interlock_restore') is not null")
        return not self.dumps_left() and closed == [(False,)]


@pytest.fixture
def place(interlock: Served, pair: Pair, tmp_path: Path) -> Place:
    return Place(interlock, pair, tmp_path).begin()


async def measured(pair: Pair, environment: str) -> dict[str, tuple[int, str]]:
    async with pair.server(environment).session("postgres", pair.database(environment)) as session:
        return {table.name: (table.rows, table.digest) for table in await measure(session)}


async def test_the_copy_is_equal_table_by_table_and_the_report_says_so(place: Place) -> None:
    told: list[str] = []
    place.pair.do("stage", "create role writer; grant connect on database " + place.pair.stage + " to writer")
    before = place.pair.rows("stage", "select datacl::text from pg_database where datname = $1", place.pair.stage)
    done = await place.restore(told=told)
    there = await measured(place.pair, "stage")
    assert there == await measured(place.pair, "production")
    assert there["shop.orders"][0] == 300
    assert place.pair.rows("stage", "select to_regclass('shop.old'), to_regnamespace('more')") == [(None, None)]
    assert place.pair.rows("stage", "select count(*), sum(orders) from shop.totals") == [(50, 300)]
    event = place.last("DataRestored")
    assert event["report"] == done.report
    assert "masked" not in event
    assert event["schema_digest"] == done.copied.source_schema == done.copied.schema
    report = json.loads(place.served["anton"].get_evidence(done.report))
    assert {each["table"]: (each["rows"], each["digest"]) for each in report["tables"]} == there
    assert report["source"]["identity"] == plain(place.pair.identity("production"))
    assert event["snapshot"] == report["source"]["snapshot"]
    assert "   1  shop.customers is read" in told or "   1  shop.orders is read" in told
    assert [line for line in told if line.endswith("public.settings is filled")]
    # Who could come in before can again, and nobody else.
    after = place.pair.rows("stage", "select datacl::text from pg_database where datname = $1", place.pair.stage)
    assert sorted(after[0][0].strip("{}").split(",")) == sorted(before[0][0].strip("{}").split(","))
    assert place.holds_nothing_back()
    place.pair.do("stage", "drop owned by writer; drop role writer")


async def test_masked_data_is_masked_before_anybody_else_comes_in(place: Place) -> None:
    seen: list[Any] = []

    async def reached(step: str) -> None:
        if step in {"emptied", "filled", "masked", "opened"}:
            try:
                async with place.pair.servers.stage.session("interlock_adjust", place.pair.stage):
                    seen.append((step, "in"))
            except asyncpg.PostgresError:
                seen.append((step, "out"))

    done = await place.restore(place.restoring(MASK), reached=reached)
    assert seen == [("emptied", "out"), ("filled", "out"), ("masked", "out"), ("opened", "in")]
    assert place.last("DataRestored")["masked"] == digest_of_bytes(MASK.encode()) == done.copied.masked
    assert place.pair.rows("stage", "select count(*) from shop.customers where name like 'masked %'") == [(50,)]
    assert (await measured(place.pair, "stage"))["shop.customers"] != (await measured(place.pair, "production"))[
        "shop.customers"
    ]


@pytest.mark.parametrize(
    "script, why",
    [
        ("update shop.customers set id = default, nothing = 1", "UndefinedColumnError"),
        ("insert into public.settings values ('name', 'secret@example.org')", "UniqueViolationError"),
        ("delete from public.settings; commit", "ends its own transaction"),
    ],
)
async def test_where_masking_fails_the_database_stays_closed(place: Place, script: str, why: str) -> None:
    with pytest.raises(MaskRefused):
        await place.restore(place.restoring(script))
    error = place.last("DataRestoreFailed")["error"]
    assert why in error
    assert "secret" not in error
    with pytest.raises(asyncpg.PostgresError):
        async with place.pair.servers.stage.session("interlock_adjust", place.pair.stage):
            pass
    # The next restore begins there, and opens it.
    await place.restore(place.restoring(MASK))
    assert place.holds_nothing_back()


async def test_the_snapshot_is_of_one_moment(interlock: Served, two_servers: TwoServers, tmp_path: Path) -> None:
    with two_servers.pair(own=True) as pair:
        place = Place(interlock, pair, tmp_path).begin()

        async def reached(step: str) -> None:
            if step == "started":
                pair.do("production", "insert into public.settings values ('before', '')")
            if step == "dumped":
                pair.do("production", "insert into public.settings values ('after', '')")

        done = await place.restore(reached=reached)
        assert pair.rows("stage", "select name from public.settings order by 1") == [("before",), ("name",)]
        [(now,)] = pair.rows("production", "select now()")
        assert done.copied.taken_at < now


async def test_production_is_no_target_whatever_interlock_toml_says(place: Place) -> None:
    swapped = place.restoring(target=replace(place.pair.connection("production"), environment="scratch"))
    with pytest.raises(WrongDatabase, match="gives as scratch is production"):
        await place.restore(swapped)
    # As it would be with the postgres superuser.
    with pytest.raises(WrongDatabase):
        await place.restore(
            place.restoring(target=replace(place.pair.connection("production", "postgres"), environment="scratch"))
        )
    # Nothing was asked: nothing is recorded, and production is as it was.
    assert place.last("LeaseGranted").get("observed", {}).get("identity") != plain(place.identities["production"])
    assert place.pair.rows("production", "select count(*) from shop.orders") == [(300,)]


async def test_policy_refuses_production_and_what_comes_out_of_the_owners_sandbox(place: Place) -> None:
    """Asked as it is: the runner never gets so far, because Interlock answers first."""
    observed = {"identity": plain(place.identities["production"])}
    cases = [{"environment": "production", "source": "stage"}, {"environment": "scratch", "source": "sandbox-anton"}]
    for fields in cases:
        problem = place.served.refused("ci-1", "StartRestore", {**fields, "observed": observed})
        failed = [check["check"] for check in problem["decision"]["checks"] if check["state"] == "failed"]
        assert "restore-source-allowed" in failed


async def test_the_role_that_restores_cannot_enter_production(two_servers: TwoServers, place: Place) -> None:
    """On the same server the role exists, and dump-role.sql has shut it out; where it did not, the runner stops."""
    server, database = two_servers.stage, f"{place.pair.stage}_p"
    two_servers.admin(server, "postgres", f"create database {database}")
    try:
        near = replace(place.identities["production"], database=database)
        near = replace(near, system_identifier=place.identities["scratch"].system_identifier)
        source = replace(place.restoring().source, dsn=server.dsn(database, "postgres"))
        registered = Registered({**place.identities, "production": near}, "production")
        with pytest.raises(Impossible, match=r"may enter production's database .* dump-role\.sql"):
            await place.restore(place.restoring(source=source), registered=registered)
        two_servers.admin(server, database, DUMP_ROLE)
        with pytest.raises(asyncpg.PostgresError, match="permission denied"):
            async with server.session("interlock_restore", database):
                pass
        async with server.session("interlock_dump", database) as session:
            with pytest.raises(asyncpg.PostgresError):
                await session.execute("create table public.mine ()")
        source = replace(source, dsn=server.dsn(database, "interlock_dump"))
        await place.restore(place.restoring(source=source), registered=registered)
    finally:
        server.drop(database)


async def test_a_target_that_is_not_what_it_claims_is_left_alone(place: Place) -> None:
    other = Identity(system_identifier="1", database=place.pair.stage)
    registered = Registered({**place.identities, "scratch": other}, "production")
    with pytest.raises(WrongDatabase, match="is registered"):
        await place.restore(registered=registered)
    with pytest.raises(Impossible, match="dt env register scratch"):
        await place.restore(registered=Registered({"production": place.identities["production"]}, "production"))
    # Also where only Interlock knows better.
    place.served.by_two("RegisterEnvironment", {"environment": "scratch", "identity": plain(other)})
    with pytest.raises(Refused, match="environment-identified"):
        await place.restore()
    assert place.pair.rows("stage", "select to_regclass('shop.old') is not null") == [(True,)]


async def test_a_role_that_does_not_own_the_target_is_refused_before_anything(place: Place) -> None:
    target = replace(place.pair.connection("stage", "interlock_adjust"), environment="scratch")
    with pytest.raises(UnfitSession, match=r"restore-role\.sql"):
        await place.restore(place.restoring(target=target))


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
            if step == "started":
                watching.append(asyncio.create_task(command_lines(seen)))

        watching: list[asyncio.Task[None]] = []
        await place.restore(right, reached=reached)
        watching[0].cancel()
        assert any(b"pg_dump" in line for line in seen)
        assert not any(b":right@" in line or b"password=" in line for line in seen)


async def command_lines(seen: set[bytes]) -> None:
    """Note the words of the tools' processes, as anybody on the machine can."""
    while True:
        seen |= set(words_of_tools())
        await asyncio.sleep(0.01)


def words_of_tools() -> Iterator[bytes]:
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            line = path.read_bytes()
            if b"pg_dump" in line or b"pg_restore" in line:
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
