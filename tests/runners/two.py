"""Two database servers that are not each other: production's, and the one that stage and the sandboxes are on."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from time import monotonic
from typing import Any

from interlock.cli.seams import pause
from interlock.events.canonical import digest_of_bytes
from interlock.events.catalogue.parts import Identity, Migration
from interlock.runners.connections import Connection
from interlock.runners.migrating import Means
from tests.fixtures.postgres import elsewhere, roomy_memory
from tests.runners.shop import ROOT, ShopServer

INFRA = ROOT / "infra" / "postgres"
SCHEMA = """
create schema shop;
create type shop.mood as enum ('calm', 'busy');
create table shop.customers (id bigint generated always as identity primary key, name text not null, mail text);
create table shop.orders (
    id int primary key, customer bigint not null references shop.customers, mood shop.mood default 'calm', note text
);
create table shop.ticks (at date not null, value numeric) partition by range (at);
create table shop.ticks_2026 partition of shop.ticks for values from ('2026-01-01') to ('2027-01-01');
create view shop.busy as select * from shop.orders where mood = 'busy';
create materialized view shop.totals as select customer, count(*) as orders from shop.orders group by customer;
create table public.settings (name text primary key, value text);
insert into shop.customers (name, mail)
    select 'customer ' || n, 'c' || n || '@example.org' from generate_series(1, 50) n;
insert into shop.orders select n, 1 + n % 50, case when n % 3 = 0 then 'busy' else 'calm' end::shop.mood,
    case when n % 2 = 0 then E'tab\\there, "quotes", \\\\ and \\n lines' end from generate_series(1, 300) n;
insert into shop.ticks select '2026-01-01'::date + n, n / 7.0 from generate_series(0, 99) n;
insert into public.settings values ('name', 'production');
refresh materialized view shop.totals;
"""
STILL = "production"
_numbers = count(1)


@dataclass
class TwoServers:
    """Both, with the roles of infra/postgres; each may come in without a password."""

    production: ShopServer
    stage: ShopServer

    def prepare(self) -> None:
        self.admin(self.production, "postgres", "create database two_template")
        self.admin(self.production, "two_template", SCHEMA)
        self.make_production(STILL)

    @staticmethod
    def admin(server: ShopServer, database: str, text: str) -> None:
        elsewhere(server._sql(database, text))

    def make_production(self, name: str) -> None:
        self.admin(self.production, "postgres", f"create database {name} template two_template")
        self.admin(self.production, name, (INFRA / "dump-role.sql").read_text())

    @contextmanager
    def pair(self, *, own: bool = False) -> Iterator[Pair]:
        """Lend a stage database with other data than production has; production is everybody's unless it is one's own.

        Nobody changes everybody's.
        """
        number = next(_numbers)
        source, target = f"production_{number}" if own else STILL, f"stage_{number}"
        if own:
            self.make_production(source)
        self.admin(self.stage, "postgres", f"create database {target}")
        self.admin(self.stage, target, "create schema shop; create table shop.old (); create schema more")
        self.admin(self.stage, target, (INFRA / "restore-role.sql").read_text())
        try:
            yield Pair(self, source, target)
        finally:
            if own:
                self.production.drop(source)
            self.stage.drop(target)


@dataclass
class Pair:
    """One production and one stage, by their databases."""

    servers: TwoServers
    production: str
    stage: str
    _identifiers: dict[str, str] = field(default_factory=dict)

    def server(self, environment: str) -> ShopServer:
        return self.servers.production if environment == "production" else self.servers.stage

    def database(self, environment: str) -> str:
        return self.production if environment == "production" else self.stage

    def rows(self, environment: str, query: str, *values: object) -> list[tuple[Any, ...]]:
        """Ask as the administrator."""

        async def ask() -> list[tuple[Any, ...]]:
            async with self.server(environment).session("postgres", self.database(environment)) as session:
                return [tuple(row) for row in await session.fetch(query, *values)]

        return elsewhere(ask())

    def do(self, environment: str, text: str) -> None:
        TwoServers.admin(self.server(environment), self.database(environment), text)

    def identity(self, environment: str) -> Identity:
        if environment not in self._identifiers:
            [(found,)] = self.rows(environment, "select system_identifier::text from pg_control_system()")
            self._identifiers[environment] = found
        return Identity(system_identifier=self._identifiers[environment], database=self.database(environment))

    def connection(self, environment: str, role: str | None = None) -> Connection:
        role = role or ("interlock_dump" if environment == "production" else "interlock_restore")
        return Connection(environment, self.server(environment).dsn(self.database(environment), role))


def means(told: list[str] | None = None, **environ: str) -> Means:
    """What a runner needs of its process; `told` gets what a person would read."""
    import os

    lines = told if told is not None else []
    return Means(monotonic, pause, {**os.environ, **environ}, lines.append)


async def until(holds: Callable[[], bool]) -> None:
    """Wait; the test's deadline bounds it."""
    while not holds():
        await pause(0.03)


def declared(folder: Path, *names: str) -> tuple[Migration, ...]:
    """What a release declares of these files."""
    return tuple(Migration(id=name, digest=digest_of_bytes((folder / name).read_bytes())) for name in names)


def written(folder: Path, texts: Mapping[str, str]) -> Path:
    """Write migrations into a folder."""
    folder.mkdir(exist_ok=True)
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


@contextmanager
def two(stage: ShopServer) -> Iterator[TwoServers]:
    """Lend a second server as production's beside the one that there is."""
    home = Path(tempfile.mkdtemp(prefix="production-", dir=roomy_memory()))
    server = ShopServer(home)
    try:
        servers = TwoServers(server, stage)
        servers.prepare()
        yield servers
    finally:
        server.embedded.stop()
        shutil.rmtree(home, ignore_errors=True)
