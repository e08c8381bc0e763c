"""A migration is interrupted by kill -9: what is left are whole migrations, and the next start does the rest."""

from __future__ import annotations

import asyncio
import os
import signal
from dataclasses import replace
from itertools import count
from typing import Any

import asyncpg
import pytest

from interlock.ledger import Ledger, SchemaBehind, migrate
from interlock.ledger.embedded import Dsns, EmbeddedPostgres
from interlock.ledger.migrate import create_database
from tests.ledger.rows import append_one

pytestmark = pytest.mark.timeout(300)

WAITS = "select pg_catalog.pg_sleep(600);"
LAST = migrate.newest_number()
_names = count(1)
# Everything that a migration makes, as PostgreSQL describes it.
_MADE = """
select string_agg(line, E'\\n' order by line) from (
    select format('%s %s %s', attrelid::regclass, attname, format_type(atttypid, atttypmod)) as line
      from pg_attribute join pg_class on pg_class.oid = attrelid
     where relnamespace::regnamespace::text <> all ($1::text[]) and attnum > 0 and not attisdropped
    union all
    select pg_get_functiondef(oid) from pg_proc
     where prokind = 'f' and pronamespace::regnamespace::text <> all ($1::text[])
    union all
    select format('%s %s', conrelid::regclass, pg_get_constraintdef(oid)) from pg_constraint
     where connamespace::regnamespace::text <> all ($1::text[])
    union all
    select pg_get_triggerdef(oid) from pg_trigger where not tgisinternal
    union all
    select format('%s %s', oid::regclass, relacl) from pg_class
     where relnamespace::regnamespace::text <> all ($1::text[]) and relkind <> 't'
    union all
    select format('%s %s', number, checksum) from ledger.migration
) as made
"""
_OTHERS = ["pg_catalog", "information_schema", "pg_toast"]


async def made(server: EmbeddedPostgres, database: str) -> str:
    superuser = await asyncpg.connect(server.dsn(database=database), timeout=10)
    found = await superuser.fetchval(_MADE, _OTHERS)
    await superuser.close()
    return str(found)


async def whoever_migrates(server: EmbeddedPostgres) -> int:
    """The process of the session that is in the middle of a migration."""
    superuser = await asyncpg.connect(server.dsn(), timeout=10)
    while True:
        pid = await superuser.fetchval("select pid from pg_stat_activity where wait_event = 'PgSleep'")
        if pid is not None:
            await superuser.close()
            return int(pid)
        await asyncio.sleep(0.02)


async def interrupted(server: EmbeddedPostgres, dsns: Dsns, number: int, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Kill the session when it has done everything of migration `number` but commit it; return who served then."""
    known = migrate.migrations()
    waiting = tuple(replace(one, statements=one.statements + WAITS) if one.number == number else one for one in known)
    monkeypatch.setattr(migrate, "migrations", lambda: waiting)
    applying = asyncio.create_task(migrate.apply(dsns.owner))
    victim = await whoever_migrates(server)
    served = await checkpointer(server)
    os.kill(victim, signal.SIGKILL)
    with pytest.raises((OSError, asyncpg.PostgresError, asyncpg.InterfaceError)):
        await applying
    monkeypatch.setattr(migrate, "migrations", lambda: known)
    return served


async def checkpointer(server: EmbeddedPostgres) -> Any:
    """The process beside all sessions, and since when it runs: a recovery ends it and starts another one."""
    connection = await asyncpg.connect(server.dsn(), timeout=10)
    found = await connection.fetchrow(
        "select pid, backend_start from pg_stat_activity where backend_type = 'checkpointer'"
    )
    await connection.close()
    return found


async def recovered(server: EmbeddedPostgres, before: Any) -> None:
    """Wait until PostgreSQL has noticed the kill, has ended all sessions because of it, and takes new ones."""
    while True:
        try:
            now = await checkpointer(server)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            now = None
        if now is not None and now != before:
            return
        await asyncio.sleep(0.02)


@pytest.mark.parametrize("number", [1, 3, LAST])
async def test_the_next_start_finds_whole_migrations_and_does_the_rest(
    mortal: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    untouched, cut = f"untouched_{next(_names)}", f"cut_{next(_names)}"
    await mortal.prepare(untouched)
    await create_database(mortal.dsn(), cut)
    dsns = mortal.dsns(cut)
    await recovered(mortal, await interrupted(mortal, dsns, number, monkeypatch))
    with pytest.raises(SchemaBehind):
        await Ledger.open(dsns.app)
    assert await migrate.apply(dsns.owner) == LAST - number + 1
    assert await made(mortal, cut) == await made(mortal, untouched)
    ledger = await Ledger.open(dsns.app)
    await append_one(ledger, 1)
    await ledger.close()
