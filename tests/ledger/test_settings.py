"""A ledger is not opened on a server or a schema that cannot be trusted."""

from __future__ import annotations

import asyncpg
import pytest

from interlock.ledger import (
    Ledger,
    LedgerUnavailable,
    OutcomeUnknown,
    SchemaBehind,
    SchemaFromFuture,
    UnsafeSettings,
    errors,
)
from interlock.ledger.embedded import Dsns
from tests.fixtures.postgres import PostgresServer, started_postgres
from tests.ledger.rows import PROJECT, append_one


async def test_synchronous_commit_off_is_refused(dsns: Dsns) -> None:
    database = dsns.app.partition("@/")[2].partition("?")[0]
    superuser = await asyncpg.connect(dsns.app.replace("interlock_app", "postgres"), timeout=10)
    await superuser.execute(f"alter database {database} set synchronous_commit = off")
    await superuser.close()
    with pytest.raises(UnsafeSettings, match="synchronous_commit is off"):
        await Ledger.open(dsns.app)


async def test_fsync_off_is_refused_at_the_start_and_in_the_middle() -> None:
    with started_postgres() as server:
        dsns = await server.prepare()
        ledger = await Ledger.open(dsns.app)
        await append_one(ledger, 1)
        superuser = await asyncpg.connect(server.dsn(), timeout=10)
        await superuser.execute("alter system set fsync = off")
        await superuser.execute("select pg_reload_conf()")
        while await superuser.fetchval("show fsync") == "on":
            pass  # the reload is on its way; the test's deadline bounds this
        await superuser.close()
        with pytest.raises(UnsafeSettings, match="fsync is off"):
            await Ledger.open(dsns.app)
        # A session from before learns of the reload with its next statement.
        await ledger.head(PROJECT)
        with pytest.raises(UnsafeSettings):
            await append_one(ledger, 2)
        await ledger.close()


async def test_a_schema_from_the_future_is_refused(dsns: Dsns) -> None:
    owner = await asyncpg.connect(dsns.owner, timeout=10)
    await owner.execute("insert into ledger.migration (number, name, checksum) values (9999, 'later', 'x')")
    await owner.close()
    with pytest.raises(SchemaFromFuture, match="9999"):
        await Ledger.open(dsns.app)


async def test_a_database_without_its_migrations_is_refused(postgres_server: PostgresServer) -> None:
    with postgres_server.empty_database() as dsns, pytest.raises(SchemaBehind):
        await Ledger.open(dsns.app)


async def test_a_server_that_is_away_is_unavailable_and_nothing_is_unknown(dsns: Dsns) -> None:
    with pytest.raises(LedgerUnavailable) as away:
        await Ledger.open(dsns.app.replace("/run", "/nowhere"), acquire_timeout=5)
    assert not away.value.unknown_outcome
    assert not isinstance(away.value, OutcomeUnknown)


async def test_sessions_run_in_utc_whatever_the_server_says(dsns: Dsns) -> None:
    database = dsns.app.partition("@/")[2].partition("?")[0]
    superuser = await asyncpg.connect(dsns.app.replace("interlock_app", "postgres"), timeout=10)
    await superuser.execute(f"alter database {database} set timezone = 'Europe/London'")
    await superuser.close()
    ledger = await Ledger.open(dsns.app)
    for _ in range(2):  # the second time on a connection that was given back
        async with ledger.connection() as connection:
            assert await connection.fetchval("select current_setting('timezone')") == "UTC"
    await ledger.close()


@pytest.mark.parametrize(
    "sqlstate, situation",
    [
        ("23505", errors.Overtaken),
        ("40P01", errors.Overtaken),
        ("40001", errors.Overtaken),
        ("08006", OutcomeUnknown),
        ("40003", OutcomeUnknown),
        ("57P01", OutcomeUnknown),
        ("57014", OutcomeUnknown),
        ("53100", LedgerUnavailable),
        ("28P01", LedgerUnavailable),
        ("3D000", LedgerUnavailable),
        ("25006", errors.ReadOnlyLedger),
        ("42501", errors.BatchRefused),
        ("23514", errors.BatchRefused),
    ],
)
def test_what_the_server_says_has_one_meaning(sqlstate: str, situation: type[Exception]) -> None:
    assert type(errors.named(sqlstate, "said", None)) is situation


def test_every_error_says_what_happened_without_knowing_http() -> None:
    found = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, Exception)]
    for kind in found:
        assert kind.__doc__
        assert kind.__doc__[0].islower()
        assert str(kind("why")).endswith(": why")
