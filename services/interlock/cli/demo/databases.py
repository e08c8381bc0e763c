"""Production's and stage's databases, which are real: in the demo's own PostgreSQL, small, and migrated as told."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from interlock.cli.demo.cast import PRODUCTION, STAGE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from interlock.runners.connections import Connection

NAMES: Final = {PRODUCTION: "demo_production", STAGE: "demo_stage"}
ADJUSTS: Final = "interlock_adjust"
# A link to infra/postgres/adjust-role.sql, so that it is also where the demo is installed without its repository.
ROLE: Final = Path(__file__).with_name("adjust-role.sql")
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
MIGRATIONS: Final = {
    "212-quote-groups": "create table trades.quote_groups (id int primary key, symbol text not null)",
    "213-fills-by-day": "alter table trades.orders add column day date",
    "214-fills-index": "create index orders_by_day on trades.orders (day)",
    "215-brackets": "create table trades.brackets (id bigint primary key, parent bigint not null)",
    "216-bracket-legs": "alter table trades.brackets add column leg int not null default 1",
    "217-bracket-index": "create index brackets_by_parent on trades.brackets (parent)",
    "218-orders-parent": "alter table trades.orders add column parent bigint",
}


class Databases:
    """The two databases in the demo's PostgreSQL, which its server has started, over `data`."""

    def __init__(self, data: Path, backups: Path) -> None:
        from interlock.ledger.embedded import EmbeddedPostgres

        self._embedded = EmbeddedPostgres(data)
        self._backups = backups
        self._identifier = ""

    def begin(self) -> None:
        """Make production's database, with the role that adjusts data there, and stage as a copy of it."""

        async def make() -> None:
            async with self._session("postgres") as session:
                await session.execute(f"create database {NAMES[PRODUCTION]}")
                self._identifier = await session.fetchval("select system_identifier::text from pg_control_system()")
            async with self._session(NAMES[PRODUCTION]) as session:
                await session.execute(BASE)
                await session.execute("select set_config('interlock.tables', $1, false)", TABLES)
                await session.execute(ROLE.read_text(encoding="utf-8"))

        asyncio.run(make())
        self.restore()

    def restore(self) -> None:
        """Make stage's database a copy of production's as it is now."""
        stage, production = NAMES[STAGE], NAMES[PRODUCTION]

        async def copy() -> None:
            async with self._session("postgres") as session:
                await session.execute(f"drop database if exists {stage} with (force)")
                await session.execute(f"create database {stage} template {production}")
                await session.execute(f"revoke temporary, create on database {stage} from public")

        asyncio.run(copy())

    def migrate(self, environment: str, names: Iterable[str]) -> str:
        """Run the migrations of these names, and return the digest of the schema that they made."""
        return self.run(environment, *(MIGRATIONS[name] for name in names))

    def run(self, environment: str, *statements: str) -> str:
        """Run statements as the application would, and return the digest of the schema afterwards."""
        from interlock.runners.schema import schema_digest

        async def work() -> str:
            async with self._session(NAMES[environment]) as session:
                for statement in statements:
                    await session.execute(statement)
                return await schema_digest(session)

        return asyncio.run(work())

    def identity(self, environment: str) -> dict[str, str]:
        """Return which server and database it is, as PostgreSQL tells it."""
        return {"system_identifier": self._identifier, "database": NAMES[environment]}

    def connection(self, environment: str) -> Connection:
        """Return how the runner of adjustments comes in."""
        from interlock.runners.connections import Connection

        return Connection(environment, self._embedded.dsn(ADJUSTS, NAMES[environment]), backups=self._backups)

    @asynccontextmanager
    async def _session(self, database: str) -> AsyncIterator[Any]:
        import asyncpg

        session = await asyncpg.connect(self._embedded.dsn(database=database), timeout=10)
        try:
            yield session
        finally:
            await session.close()
