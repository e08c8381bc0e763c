"""The application adds and reads, the reader reads; the log refuses to be changed, whoever asks."""

from __future__ import annotations

from collections.abc import Iterator

import asyncpg
import pytest
import pytest_asyncio

from interlock.ledger import Ledger, ReadOnlyLedger, migrate
from interlock.ledger.embedded import Dsns
from tests.fixtures.postgres import PostgresServer, elsewhere
from tests.ledger.rows import PROJECT, append_one

ATTACKS = {
    "update": "update ledger.event set type = 'Forged'",
    "delete": "delete from ledger.event",
    "truncate": "truncate ledger.event",
    "truncate all": "truncate ledger.event, ledger.head cascade",
    "upsert": "insert into ledger.event select * from ledger.event on conflict (project, position)"
    " do update set type = 'Forged'",
    "merge": "merge into ledger.event e using ledger.event f on e.position = f.position when matched then delete",
    "lock away": "select * from ledger.event for update",
    "update evidence": "update ledger.evidence set media_type = 'text/forged'",
    "delete evidence": "delete from ledger.evidence",
    "move the head": "update ledger.head set position = position - 1",
    "insert a head": "insert into ledger.head values ('other', 7, now())",
    "delete the head": "delete from ledger.head",
    "make it a test database": "update ledger.mark set test = true",
    "say that it is being restored": "update ledger.mark set restoring = true",
    "begin a restore": "select ledger.begin_restore()",
    "forge a migration": "insert into ledger.migration (number, name, checksum) values (99, 'x', 'x')",
    "call a trigger's part": "select ledger.open_project('other', 1, 7, now())",
    "drop the table": "drop table ledger.event",
    "disable the triggers": "alter table ledger.event disable trigger all",
    "skip the triggers": "set session_replication_role = replica",
    "drop a trigger": "drop trigger event_1_order on ledger.event",
    "replace the check": "create or replace function ledger.check_order() returns trigger language plpgsql"
    " as $$ begin return null; end $$",
    "replace the clock": "create or replace function ledger.ledger_clock() returns timestamptz language sql"
    " as $$ select timestamptz '2030-01-01' $$",
    "add a trigger": "create trigger mine before insert on ledger.event execute function pg_catalog.now()",
    "add a rule": "create rule mine as on insert to ledger.event do instead nothing",
    "add a column": "alter table ledger.event add column mine text",
    "shadow by a temporary table": "create temporary table event (project text)",
    "shadow by a temporary view": "create temporary view mark as select true as restoring",
    "create in the ledger's schema": "create table ledger.mine (n int)",
    "create in the public schema": "create table public.event (n int)",
    "create a schema": "create schema mine",
    "become the owner": "set role interlock_owner",
    "be the owner": "set session authorization interlock_owner",
    "grant itself": "grant update on ledger.event to interlock_app; update ledger.event set type = 'Forged'",
    "own the table": "alter table ledger.event owner to interlock_app",
    "run a program": "copy ledger.event to program 'cat'",
    "write a file": "copy ledger.event to '/tmp/interlock-stolen'",
    "change the server": "alter system set fsync = off",
    "turn fsync off": "set fsync = off",
}


@pytest_asyncio.fixture
async def filled(ledger: Ledger) -> Ledger:
    await append_one(ledger, 1)
    return ledger


async def fill(dsn: str) -> None:
    ledger = await Ledger.open(dsn)
    await append_one(ledger, 1)
    await ledger.close()


@pytest.fixture(scope="module")
def app_of_a_filled_ledger(postgres_server: PostgresServer) -> Iterator[str]:
    with postgres_server.database() as dsns:
        elsewhere(fill(dsns.app))
        yield dsns.app


@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.parametrize("role", ["interlock_app", "interlock_reader"])
async def test_a_role_that_may_only_add_or_read_is_refused(app_of_a_filled_ledger: str, role: str, attack: str) -> None:
    connection = await asyncpg.connect(app_of_a_filled_ledger.replace("interlock_app", role), timeout=10)
    try:
        await connection.execute("set search_path = ledger")
        with pytest.raises(asyncpg.PostgresError) as refused:
            await connection.execute(ATTACKS[attack])
        # Refused for want of the right, not for a slip in the attack.
        assert refused.value.sqlstate in {"42501", "55P02"}, refused.value
    finally:
        await connection.close()


async def test_the_reader_may_not_append(filled: Ledger, dsns: Dsns) -> None:
    reader = await asyncpg.connect(dsns.reader, timeout=10)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await reader.execute("insert into ledger.event select * from ledger.event")
    assert await reader.fetchval("select count(*) from ledger.event") == 1
    await reader.close()


@pytest.mark.parametrize("table", ["event", "evidence"])
@pytest.mark.parametrize(
    "change",
    [
        "update ledger.{0} set project = 'x'",
        "delete from ledger.{0}",
        "truncate ledger.{0}",
        "delete from ledger.{0} where false",
    ],
)
async def test_even_the_owner_meets_the_triggers(filled: Ledger, dsns: Dsns, table: str, change: str) -> None:
    owner = await asyncpg.connect(dsns.owner, timeout=10)
    with pytest.raises(asyncpg.PostgresError, match="never changed"):
        await owner.execute(change.format(table))
    await owner.close()


async def test_the_triggers_stand_for_a_replica_too(
    filled: Ledger, dsns: Dsns, postgres_server: PostgresServer
) -> None:
    superuser = await asyncpg.connect(dsns.app.replace("interlock_app", "postgres"), timeout=10)
    await superuser.execute("set session_replication_role = replica")
    with pytest.raises(asyncpg.PostgresError, match="never changed"):
        await superuser.execute("delete from ledger.event")
    with pytest.raises(asyncpg.PostgresError, match="does not follow"):
        await superuser.execute(
            "insert into ledger.event (project, position, stream, version, type, recorded_at, body)"
            " values ('shop', 9, 's', 1, 'T', pg_catalog.clock_timestamp(), '{}')"
        )
    await superuser.close()


async def test_a_database_cannot_be_made_a_test_database_later(filled: Ledger, dsns: Dsns) -> None:
    owner = await asyncpg.connect(dsns.owner, timeout=10)
    with pytest.raises(asyncpg.PostgresError, match="from its creation, or never"):
        await owner.execute("update ledger.mark set test = true")
    await owner.close()


async def test_a_server_told_to_lose_what_it_acknowledged_takes_nothing(ledger: Ledger, dsns: Dsns) -> None:
    app = await asyncpg.connect(dsns.app, timeout=10)
    await app.execute("set synchronous_commit = off")
    with pytest.raises(asyncpg.PostgresError, match="may lose what it acknowledged"):
        await app.execute(
            "insert into ledger.event (project, position, stream, version, type, recorded_at, body)"
            " values ('shop', 1, 's', 1, 'T', pg_catalog.clock_timestamp(), '{}')"
        )
    await app.close()


async def test_the_application_owns_what_can_be_rebuilt_and_the_reader_reads_it(ledger: Ledger, dsns: Dsns) -> None:
    app = await asyncpg.connect(dsns.app, timeout=10)
    await app.execute("create table read_model.runs (n int); insert into read_model.runs values (7)")
    await app.execute("create table cursor.projector (n int)")
    await app.execute("create table identity.another (n int)")
    reader = await asyncpg.connect(dsns.reader, timeout=10)
    assert await reader.fetchval("select n from read_model.runs") == 7
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await reader.fetchval("select n from identity.another")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await reader.fetchval("select count(*) from identity.session")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await reader.execute("update read_model.runs set n = 8")
    await app.close()
    await reader.close()


async def test_while_it_is_restored_only_the_owner_adds_and_gaps_are_refused(ledger: Ledger, dsns: Dsns) -> None:
    for number in range(3):
        await append_one(ledger, number, events=2)
    rows = await asyncpg.connect(dsns.owner, timeout=10)
    events = await rows.fetch("select * from ledger.event order by position")
    with pytest.raises(asyncpg.PostgresError, match="empty ledger"):
        await rows.execute("select ledger.begin_restore()")
    await rows.close()

    # Into another ledger, with the old times; the application waits.
    restored = dsns.owner.replace("/ledger_", "/restored_")
    name = restored.partition("@/")[2].partition("?")[0]
    await migrate.create_database(dsns.owner.replace("interlock_owner", "postgres"), name)
    await migrate.apply(restored)
    owner = await asyncpg.connect(restored, timeout=10)
    application = await Ledger.open(restored.replace("interlock_owner", "interlock_app"))
    try:
        await owner.execute("select ledger.begin_restore()")
        with pytest.raises(ReadOnlyLedger):
            await append_one(application, 9)

        async def copy(some: list[asyncpg.Record]) -> None:
            await owner.copy_records_to_table(
                "event", schema_name="ledger", columns=list(events[0].keys()), records=[tuple(one) for one in some]
            )

        with pytest.raises(asyncpg.PostgresError, match="no gaps"):
            await copy(events[:2] + events[4:])
        with pytest.raises(asyncpg.PostgresError, match="no gaps"):
            await copy(events[2:])
        await copy(events)
        with pytest.raises(ReadOnlyLedger):
            await append_one(application, 9)
        await owner.execute("select ledger.end_restore()")
        assert await application.heads() == {PROJECT: 6}
        assert await append_one(application, 9) == 7
    finally:
        await application.close()
        await owner.close()
