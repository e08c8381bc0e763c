"""Production's and stage's databases, which are real: in the demo's own PostgreSQL, small, and migrated as told."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from interlock.cli.demo.cast import PRODUCTION, STAGE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from interlock.runners.connections import Connection

NAMES: Final = {PRODUCTION: "demo_production", STAGE: "demo_stage"}
ADJUSTS, RESTORES, DUMPS = "interlock_adjust", "interlock_restore", "interlock_dump"
# Links to infra/postgres/, so that they are also where the demo is installed without its repository.
ROLE: Final = Path(__file__).with_name("adjust-role.sql")
RESTORE_ROLE: Final = Path(__file__).with_name("restore-role.sql")
DUMP_ROLE: Final = Path(__file__).with_name("dump-role.sql")
TABLES: Final = "trades.orders"
BASE: Final = """
create schema trades;
create table trades.orders (
    id bigint primary key, client int not null, symbol text not null, state text not null, sent_at timestamptz not null
);
insert into trades.orders
    select n, n % 12 + 1, case when n % 2 = 0 then 'ABC' else 'XYZ' end, 'filled', '2026-11-12T08:00:00Z'
      from generate_series(1, 240) as n;
"""


class Databases:
    """The two databases in the demo's PostgreSQL, which its server has started, over `data`."""

    def __init__(self, data: Path, backups: Path) -> None:
        from interlock.ledger.embedded import EmbeddedPostgres

        self._embedded = EmbeddedPostgres(data)
        self._backups = backups
        self._identifier = ""

    def begin(self) -> None:
        """Make production's database and stage's, with the roles that adjust, dump and restore there."""

        async def make() -> None:
            async with self._session("postgres") as session:
                for name in NAMES.values():
                    await session.execute(f"create database {name}")
                self._identifier = await session.fetchval("select system_identifier::text from pg_control_system()")
            for environment, roles in ((STAGE, (ROLE, RESTORE_ROLE)), (PRODUCTION, (ROLE, DUMP_ROLE))):
                async with self._session(NAMES[environment]) as session:
                    await session.execute(BASE)
                    await session.execute("select set_config('interlock.tables', $1, false)", TABLES)
                    for role in roles:
                        await session.execute(role.read_text(encoding="utf-8"))

        asyncio.run(make())

    def run(self, environment: str, *statements: str) -> str:
        """Run statements as the application would, and return the digest of the schema afterwards."""
        from interlock.runners.schema import schema_digest

        async def work() -> str:
            async with self._session(NAMES[environment]) as session:
                for statement in statements:
                    await session.execute(statement)
                return await schema_digest(session)

        return asyncio.run(work())

    @asynccontextmanager
    async def in_use(self, environment: str, table: str) -> AsyncIterator[None]:
        """Let somebody's session look at a table, and forget to end."""
        async with self._session(NAMES[environment]) as session, session.transaction():
            await session.execute(f"lock table {table} in access share mode")
            yield

    def identity(self, environment: str) -> dict[str, str]:
        """Return which server and database it is, as PostgreSQL tells it."""
        return {"system_identifier": self._identifier, "database": NAMES[environment]}

    def connection(self, environment: str) -> Connection:
        """Return how the runner of adjustments comes in."""
        from interlock.runners.connections import Connection

        return Connection(environment, self._embedded.dsn(ADJUSTS, NAMES[environment]), backups=self._backups)

    def settings(self) -> dict[str, str]:
        """Return the lines of interlock.toml for both: each kind of work comes in as a role of its own."""
        there = {name: self._addresses(name) for name in NAMES}
        production, stage = there[PRODUCTION], there[STAGE]
        folder = 'migrations = { kind = "sql", folder = "trading/migrations" }'
        return {
            PRODUCTION: f"dsn = {production[ADJUSTS]}\ndump_dsn = {production[DUMPS]}\n"
            f'migrate_dsn = {production["postgres"]}\nbackups = "backups"\n{folder}\n',
            STAGE: f"dsn = {stage[ADJUSTS]}\nrestore_dsn = {stage[RESTORES]}\n{folder}\n",
        }

    def _addresses(self, environment: str) -> dict[str, str]:
        roles = (ADJUSTS, RESTORES, DUMPS, "postgres")
        return {role: json.dumps(self._embedded.dsn(role, NAMES[environment])) for role in roles}

    @asynccontextmanager
    async def _session(self, database: str) -> AsyncIterator[Any]:
        import asyncpg

        session = await asyncpg.connect(self._embedded.dsn(database=database), timeout=10)
        try:
            yield session
        finally:
            await session.close()
