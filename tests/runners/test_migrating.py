"""Migrations run as the release declares them, by id and digest; each is timed, and long locks are seen."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import pytest

from interlock.events.catalogue.parts import Migration
from interlock.runners.commands import Configured
from interlock.runners.connections import NotConfigured
from interlock.runners.failures import LeaseLost, WrongDatabase
from interlock.runners.migrating import (
    Applied,
    Ending,
    HalfApplied,
    MigrationRefused,
    Migrations,
    OtherMigrations,
    SetFailed,
    migrate_set,
    migrations_of,
)
from tests.runners.two import Pair, declared, means, until, written

TEXTS = {
    "0001_more.sql": "create table shop.more (id int primary key);\ninsert into shop.more select generate_series(1, 9)",
    "0002_note.sql": "set search_path = shop;\nalter table more add note text;\nset role pg_signal_backend;",
    "0003_index.sql": "-- interlock: no transaction\ncreate index concurrently more_note on shop.more (note);",
}
NAMES = tuple(TEXTS)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return written(tmp_path / "migrations", TEXTS)


async def migrate(pair: Pair, migrations: Migrations, wanted: tuple[Migration, ...], **more: Any) -> Applied:
    return await migrate_set(
        pair.connection("stage"), migrations, wanted,
        **{"registered": pair.identity("stage"), "means": means(), "ending": Ending(), **more},
    )  # fmt: skip


def plain(folder: Path, **more: Any) -> Migrations:
    return Migrations("sql", folder, **more)


def listed(pair: Pair) -> list[tuple[Any, ...]]:
    if pair.rows("stage", "select to_regclass('interlock_migrate.applied')") == [(None,)]:
        return []
    return pair.rows("stage", "select migration, ended_at is not null from interlock_migrate.applied order by 1")


async def test_plain_sql_runs_in_the_order_of_its_names_and_is_listed(pair: Pair, folder: Path) -> None:
    told: list[str] = []
    wanted = declared(folder, *reversed(NAMES))
    applied = await migrate(pair, plain(folder), wanted, means=means(told))
    assert [(each.id, each.digest) for each in applied.migrations] == [(m.id, m.digest) for m in reversed(wanted)]
    assert applied.schema_before != applied.schema_after
    assert pair.rows("stage", "select count(*), count(note) from shop.more") == [(9, 0)]
    assert listed(pair) == [(name, True) for name in NAMES]
    assert [line.split()[0] for line in told] == list(NAMES)
    again = await migrate(pair, plain(folder), wanted)
    assert again.earlier == NAMES
    assert (again.schema_before, again.schema_after) == (applied.schema_after, applied.schema_after)


async def test_what_is_not_declared_does_not_run(pair: Pair, folder: Path) -> None:
    other = Migration(id="0002_note.sql", digest=declared(folder, "0001_more.sql")[0].digest)
    cases = {
        "0003_index.sql would run and is not declared": declared(folder, *NAMES[:2]),
        "0004_new.sql is declared and not here": (
            *declared(folder, *NAMES), Migration(id="0004_new.sql", digest=other.digest),
        ),
        "0002_note.sql is not the one": (*declared(folder, NAMES[0], NAMES[2]), other),
    }  # fmt: skip
    for why, wanted in cases.items():
        with pytest.raises(OtherMigrations, match=why):
            await migrate(pair, plain(folder), wanted)
    assert listed(pair) == []
    assert pair.rows("stage", "select to_regclass('shop.more')") == [(None,)]


async def test_a_file_that_changed_after_it_ran_stops_everything(pair: Pair, folder: Path) -> None:
    (folder / NAMES[2]).unlink()
    await migrate(pair, plain(folder), declared(folder, *NAMES[:2]))
    (folder / NAMES[0]).write_text("create table shop.less ();")
    written(folder, {NAMES[2]: TEXTS[NAMES[2]]})
    with pytest.raises(OtherMigrations, match=r"0001_more\.sql has changed since it ran here"):
        await migrate(pair, plain(folder), declared(folder, NAMES[2]))


async def test_files_from_before_the_list_do_not_run(pair: Pair, folder: Path) -> None:
    pair.do("stage", "create table shop.more (note text); alter table shop.more owner to interlock_restore")
    applied = await migrate(pair, plain(folder, after=NAMES[1]), declared(folder, NAMES[2]))
    assert [each.id for each in applied.migrations] == [NAMES[2]]
    assert listed(pair) == [(NAMES[2], True)]


async def test_a_declared_id_may_name_repository_and_folder(pair: Pair, folder: Path) -> None:
    wanted = tuple(
        Migration(id=f"shop:db/{each.id.removesuffix('.sql')}", digest=each.digest) for each in declared(folder, *NAMES)
    )
    applied = await migrate(pair, plain(folder), wanted)
    assert [each.id for each in applied.migrations] == [each.id for each in wanted]


async def test_one_that_fails_leaves_the_ones_before_it_and_nothing_of_itself(pair: Pair, folder: Path) -> None:
    secret = "insert into shop.more values (10), (10)"
    written(folder, {NAMES[1]: f"create table shop.half (); {secret}"})
    with pytest.raises(SetFailed, match=r"Key \(id\)=\(10\) already exists") as failure:
        await migrate(pair, plain(folder), declared(folder, *NAMES))
    failed = failure.value
    assert (failed.failed, [each.id for each in failed.ran]) == (NAMES[1], [NAMES[0]])
    assert failed.recorded == f"{NAMES[1]}: UniqueViolationError (23505)"
    assert listed(pair) == [(NAMES[0], True)]
    assert pair.rows("stage", "select to_regclass('shop.half'), count(*) from shop.more") == [(None, 9)]
    written(folder, {NAMES[1]: TEXTS[NAMES[1]]})
    assert (await migrate(pair, plain(folder), declared(folder, *NAMES))).earlier == NAMES[:1]


@pytest.mark.parametrize("leaving", ["commit; create table shop.out ()", "rollback; begin; create table shop.out ()"])
async def test_a_file_that_ends_its_own_transaction_is_refused(pair: Pair, folder: Path, leaving: str) -> None:
    written(folder, {NAMES[0]: f"create table shop.inside (); {leaving}"})
    with pytest.raises(SetFailed, match="ends its own transaction"):
        await migrate(pair, plain(folder), declared(folder, *NAMES))


async def test_one_outside_of_a_transaction_that_fails_is_looked_at_by_people(pair: Pair, folder: Path) -> None:
    written(folder, {NAMES[2]: "-- interlock: no transaction\ncreate unique index concurrently odd on shop.more ((1))"})
    with pytest.raises(SetFailed) as failure:
        await migrate(pair, plain(folder), declared(folder, *NAMES))
    assert failure.value.failed == NAMES[2]
    assert listed(pair)[-1] == (NAMES[2], False)
    with pytest.raises(HalfApplied, match=NAMES[2]):
        await migrate(pair, plain(folder), declared(folder, *NAMES))


async def test_another_database_than_the_registered_one_is_never_touched(pair: Pair, folder: Path) -> None:
    with pytest.raises(WrongDatabase):
        await migrate(pair, plain(folder), declared(folder, *NAMES), registered=pair.identity("production"))
    assert listed(pair) == []


async def test_a_lock_that_is_waited_for_is_told_and_kept(pair: Pair, folder: Path) -> None:
    pair.do("stage", "create table shop.busy (id int); alter table shop.busy owner to interlock_restore")
    written(folder, dict.fromkeys(NAMES[:2], "select 1") | {NAMES[2]: "alter table shop.busy add more int"})
    told: list[str] = []
    async with pair.servers.stage.session("postgres", pair.stage) as other:
        await other.execute("begin; lock table shop.busy in share mode")
        work = asyncio.create_task(migrate(pair, plain(folder), declared(folder, *NAMES), means=means(told)))
        await until(lambda: work.done() or "it waits for AccessExclusiveLock on shop.busy" in str(told))
        assert not work.done()
        async with pair.servers.stage.session("postgres", pair.stage) as third:
            reading = asyncio.create_task(third.fetch("select * from shop.busy"))
            await until(lambda: work.done() or "1 wait, because of it, for AccessShareLock" in str(told))
            assert not work.done()
            await other.execute("rollback")
            await reading
        applied = await work
    assert {(lock.migration, lock.relation, lock.what) for lock in applied.locks} == {
        (NAMES[2], "shop.busy", "waits"), (NAMES[2], "shop.busy", "keeps others waiting"),
    }  # fmt: skip
    assert all(lock.fields()["at_least_ms"] >= 1000 for lock in applied.locks)
    assert applied.migrations[2].duration_ms >= 1000


async def test_the_end_of_the_lease_ends_a_migration(pair: Pair, folder: Path) -> None:
    written(folder, {NAMES[1]: "create table shop.slow (); select pg_sleep(600)"})
    ending = Ending()
    work = asyncio.create_task(migrate(pair, plain(folder), declared(folder, *NAMES), ending=ending))
    sleeping = (
        "select count(*) from pg_stat_activity where query like '%pg_sleep(600)%' and datname = $1"
        " and state = 'active' and pid <> pg_backend_pid()"
    )
    await until(lambda: pair.rows("stage", sleeping, pair.stage) == [(1,)])
    await ending.end()
    with pytest.raises(SetFailed) as failure:
        await work
    assert isinstance(failure.value.cause, LeaseLost)
    await until(lambda: pair.rows("stage", sleeping, pair.stage) == [(0,)])
    assert listed(pair) == [(NAMES[0], True)]
    assert pair.rows("stage", "select to_regclass('shop.slow')") == [(None,)]


SCRIPT = """
import os, sys
print("password", os.environ.get("PGPASSWORD"), "token", os.environ.get("INTERLOCK_TOKEN"), os.environ["PGDATABASE"])
print(os.environ["INTERLOCK_MIGRATION"], sys.argv[1:])
sys.exit(3 if "bad" in open(sys.argv[1]).read() else 0)
"""


async def test_a_command_runs_once_for_each_file(pair: Pair, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "run.py").write_text(SCRIPT)
    command = Configured((sys.executable, str(tmp_path / "run.py"), "{file}", "{id}"), tmp_path)
    migrations = Migrations("command", folder, command)
    told: list[str] = []
    await migrate(pair, migrations, declared(folder, *NAMES), means=means(told, INTERLOCK_TOKEN="secret", PGHOST="x"))
    assert told[0] == f"password None token None {pair.stage}"
    assert told[1] == f"{NAMES[0]} {[str(folder / NAMES[0]), NAMES[0]]}"
    assert listed(pair) == [(name, True) for name in NAMES]
    written(folder, {"0004_bad.sql": "bad"})
    with pytest.raises(SetFailed, match="it ended with 3") as failure:
        await migrate(pair, migrations, declared(folder, "0004_bad.sql"))
    assert isinstance(failure.value.cause, MigrationRefused)
    assert listed(pair)[-1] == ("0004_bad.sql", False)


@pytest.mark.parametrize(
    "table",
    [
        None,
        "migrations",
        {"kind": "flyway", "folder": "migrations"},
        {"kind": "sql"},
        {"kind": "sql", "folder": "elsewhere"},
        {"kind": "sql", "folder": "migrations", "config": "alembic.ini"},
        {"kind": "sql", "folder": "migrations", "after": "0009.sql"},
        {"kind": "alembic", "config": "alembic.ini"},
        {"kind": "command", "folder": "migrations"},
    ],
)
def test_anything_else_is_not_taken_for_a_configuration(folder: Path, table: Any) -> None:
    document = {"environments": {"stage": {"migrations": table} if table is not None else {}}}
    with pytest.raises(NotConfigured, match=r"environments\.stage\.migrations"):
        migrations_of(document, "stage", home=folder.parent)


def test_migrations_are_configured_in_one_line(folder: Path) -> None:
    document = {"environments": {"stage": {"migrations": {"kind": "sql", "folder": "migrations", "after": NAMES[0]}}}}
    assert migrations_of(document, "stage", home=folder.parent) == Migrations("sql", folder, after=NAMES[0])
