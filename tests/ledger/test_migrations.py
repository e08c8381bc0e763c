"""Migrations: each once, in order, never another than the one that was applied."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import asyncpg
import pytest

from interlock.ledger import ChecksumChanged, Ledger, NotATestDatabase, SchemaFromFuture, migrate
from tests.fixtures.postgres import PostgresServer


async def test_all_are_applied_once_and_a_second_time_none(postgres_server: PostgresServer) -> None:
    with postgres_server.empty_database() as dsns:
        assert await migrate.apply(dsns.owner) == migrate.newest_number()
        assert await migrate.apply(dsns.owner) == 0
        ledger = await Ledger.open(dsns.app)
        assert not await ledger.is_test()
        await ledger.close()


async def test_two_at_once_apply_each_once(postgres_server: PostgresServer) -> None:
    with postgres_server.empty_database() as dsns:
        applied = await asyncio.gather(migrate.apply(dsns.owner), migrate.apply(dsns.owner))
        assert sorted(applied) == [0, migrate.newest_number()]


async def test_a_role_that_may_become_the_owner_may_apply(postgres_server: PostgresServer) -> None:
    with postgres_server.empty_database() as dsns:
        assert await migrate.apply(dsns.owner.replace("interlock_owner", "postgres")) == migrate.newest_number()
        owner = await asyncpg.connect(dsns.owner, timeout=10)
        assert (
            await owner.fetchval("select relowner::regrole::text from pg_class where oid = 'ledger.event'::regclass")
            == "interlock_owner"
        )
        await owner.close()


async def test_a_changed_migration_is_refused(postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch) -> None:
    with postgres_server.empty_database() as dsns:
        await migrate.apply(dsns.owner)
        changed = tuple(replace(one, checksum="other") if one.number == 2 else one for one in migrate.migrations())
        monkeypatch.setattr(migrate, "migrations", lambda: changed)
        with pytest.raises(ChecksumChanged, match="0002_clock"):
            await migrate.apply(dsns.owner)


async def test_a_schema_from_the_future_is_refused(
    postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with postgres_server.empty_database() as dsns:
        await migrate.apply(dsns.owner)
        known = migrate.migrations()
        monkeypatch.setattr(migrate, "migrations", lambda: known[:-1])
        with pytest.raises(SchemaFromFuture):
            await migrate.apply(dsns.owner)
        with pytest.raises(SchemaFromFuture):
            await Ledger.open(dsns.app)


async def test_a_migration_that_fails_leaves_whole_ones_and_the_next_start_goes_on(
    postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with postgres_server.empty_database() as dsns:
        known = migrate.migrations()
        broken = replace(known[2], statements=known[2].statements + "select 1 / 0;")
        monkeypatch.setattr(migrate, "migrations", lambda: (*known[:2], broken, *known[3:]))
        with pytest.raises(asyncpg.DivisionByZeroError):
            await migrate.apply(dsns.owner)
        monkeypatch.setattr(migrate, "migrations", lambda: known)
        assert await migrate.apply(dsns.owner) == len(known) - 2


async def test_an_ordinary_database_never_becomes_a_test_database(postgres_server: PostgresServer) -> None:
    with postgres_server.empty_database() as dsns:
        await migrate.apply(dsns.owner)
        with pytest.raises(NotATestDatabase):
            await migrate.apply(dsns.owner, test=True)


async def test_a_test_database_stays_one(postgres_server: PostgresServer) -> None:
    with postgres_server.empty_database() as dsns:
        await migrate.apply(dsns.owner, test=True)
        await migrate.apply(dsns.owner)
        ledger = await Ledger.open(dsns.app)
        assert await ledger.is_test()
        await ledger.close()


def test_migrations_are_numbered_without_gaps() -> None:
    assert [one.number for one in migrate.migrations()] == list(range(1, migrate.newest_number() + 1))
