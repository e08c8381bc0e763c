"""A shop's databases to adjust data in, and an Interlock that knows them: both real, both small."""
# Long: one small shop with its server, data and people: tests take it whole or not at all.

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from time import monotonic
from typing import Any

import asyncpg

from interlock.cli.seams import pause
from interlock.client import Client
from interlock.domain.policy import shipped
from interlock.events.catalogue.parts import AdjustmentPlan, AdjustmentTargets, ExpectedEffect, Identity
from interlock.events.codec import plain
from interlock.ledger.embedded import PORT, EmbeddedPostgres
from interlock.runners.adjust import Asker, Job, job_of
from interlock.runners.asking import Reached, passed_by
from interlock.runners.connections import Connection
from interlock.runners.schema import schema_digest
from tests.fixtures.postgres import PostgresServer, elsewhere, roomy_memory
from tests.fixtures.server import Served, config_text, serving, set_up_team

ROOT = Path(__file__).resolve().parents[2]
ROLE_SQL = ROOT / "infra" / "postgres" / "adjust-role.sql"
TABLES = ("trades.fills", "trades.fees", "trades.ticks", "trades.odd", "trades.notes", "trades.pairs", "trades.watched")
SCHEMA = """
create schema trades;
create table trades.fills (
    id bigint generated always as identity primary key,
    symbol text not null, quantity int not null, price numeric(12, 4),
    doubled int generated always as (quantity * 2) stored, code char(6) default 'a'
);
create table trades.fees (
    fill bigint not null references trades.fills on delete cascade, what text not null, cents int not null,
    primary key (fill, what)
);
create table trades.ticks (at date not null, symbol text, value float8) partition by range (at);
create table trades.ticks_2025 partition of trades.ticks for values from ('2025-01-01') to ('2026-01-01');
create table trades.ticks_2026 (value float8, symbol text, at date not null);
alter table trades.ticks attach partition trades.ticks_2026 for values from ('2026-01-01') to ('2027-01-01');
create table trades.odd (r text, "T" bytea, n numeric, ts timestamptz, tags text[], doc jsonb, inner_row trades.fees);
create table trades.notes (note text);
create table trades.ledger_of_changes (at timestamptz default now(), what text);
create table trades.pairs (id int primary key, twin int references trades.pairs deferrable initially deferred);
create function trades.write_down() returns trigger language plpgsql security definer as
    $$ begin insert into trades.ledger_of_changes (what) values (tg_op); return new; end $$;
create table trades.watched (id int primary key);
create trigger write_down after insert on trades.watched for each row execute function trades.write_down();
create function trades.grow() returns boolean language plpgsql security definer as
    $$ begin create table trades.grown (); return true; end $$;
create function trades.forget() returns boolean language plpgsql security definer as
    $$ begin delete from trades.notes; return true; end $$;
create function trades.in_savepoints(how_many int) returns void language plpgsql as $$
begin
    for n in 1..how_many loop
        begin
            update trades.fills set quantity = quantity + 1000 where id = n;
        exception when others then raise;
        end;
        begin
            update trades.fills set quantity = -1 where id = 40;
            raise exception 'taken back';
        exception when raise_exception then null;
        end;
    end loop;
end $$;
insert into trades.pairs values (1, 2), (2, 1);
insert into trades.fills (symbol, quantity, price, code)
    select case when n % 2 = 0 then 'ABC' else 'XYZ' end, n, n / 8.0, 'c' || n from generate_series(1, 40) n;
insert into trades.fees select n, 'broker', n * 10 from generate_series(1, 40) n;
insert into trades.ticks select '2025-12-01'::date + n, 'ABC', n / 3.0 from generate_series(0, 59) n;
insert into trades.odd values
    ('a"b\\c', '\\x00ff', 'NaN', 'infinity', array['x,y', null, ''], '{"k": [1, null]}', row(1, 'w', 2)),
    (null, null, 1e-20, '1999-12-31 23:59:59.999999+00', '{}', 'null', null), ('', '', 0.10, now(), null, null, null);
insert into trades.notes values ('same'), ('same'), ('same'), ('other'), (null);
"""

_numbers = count(1)


class ShopServer:
    """One PostgreSQL with a template of the shop's database; its roles may come in without a password."""

    def __init__(self, home: Path) -> None:
        self.embedded = EmbeddedPostgres(home)
        self.data = home / "postgres"
        self.start()

    def start(self) -> None:
        self.embedded.start()
        (self.data / "pg_hba.conf").write_text("local all all trust\n", encoding="utf-8")
        elsewhere(self._sql("postgres", "select pg_reload_conf()"))

    def make_template(self) -> None:
        elsewhere(self._sql("postgres", "create database shop_template"))
        elsewhere(self._sql("shop_template", SCHEMA))
        elsewhere(self.allow("shop_template", TABLES))

    async def allow(self, database: str, tables: tuple[str, ...]) -> None:
        """Run the script that makes the roles, as an administrator would."""
        async with self.session("postgres", database) as connection:
            await connection.execute("select set_config('interlock.tables', $1, false)", ", ".join(tables))
            await connection.execute(ROLE_SQL.read_text(encoding="utf-8"))

    def copy(self, name: str, template: str = "shop_template") -> str:
        elsewhere(self._sql("postgres", f"create database {name} template {template}"))
        # A database made from a template has the default rights again, as a restored one.
        elsewhere(self._sql(name, f"revoke temporary, create on database {name} from public"))
        return name

    def drop(self, name: str) -> None:
        elsewhere(self._sql("postgres", f"drop database if exists {name} with (force)"))

    def dsn(self, database: str, role: str = "interlock_adjust") -> str:
        return self.embedded.dsn(role, database)

    @asynccontextmanager
    async def session(self, role: str, database: str) -> AsyncIterator[Any]:
        connection = await asyncpg.connect(self.dsn(database, role), timeout=10)
        try:
            yield connection
        finally:
            await connection.close()

    async def _sql(self, database: str, text: str) -> None:
        async with self.session("postgres", database) as connection:
            await connection.execute(text)


@dataclass
class Shop:
    """Production's database, and a copy of it in which adjustments are rehearsed."""

    server: ShopServer
    production: str
    scratch: str
    backups: Path
    identifier: str
    digest: str

    def identity(self, database: str) -> Identity:
        return Identity(system_identifier=self.identifier, database=database)

    def connection(self, environment: str = "production", role: str = "interlock_adjust") -> Connection:
        database = self.production if environment == "production" else self.scratch
        return Connection(environment, self.server.dsn(database, role), backups=self.backups)

    def rows(self, query: str, *values: object, database: str | None = None) -> list[tuple[Any, ...]]:
        """Ask as the administrator."""

        async def ask() -> list[tuple[Any, ...]]:
            async with self.server.session("postgres", database or self.production) as connection:
                return [tuple(row) for row in await connection.fetch(query, *values)]

        return elsewhere(ask())


@contextmanager
def made_shop(server: ShopServer, backups: Path, scratch: str | None = None) -> Iterator[Shop]:
    """A shop of one's own, until the end of the context; `scratch` is shared where it is given."""
    number = next(_numbers)
    names = [server.copy(f"shop_{number}")]
    if scratch is None:
        names.append(server.copy(f"scratch_{number}"))

    async def look() -> tuple[str, str]:
        async with server.session("postgres", names[0]) as connection:
            identifier = await connection.fetchval("select system_identifier::text from pg_control_system()")
            return identifier, await schema_digest(connection)

    identifier, digest = elsewhere(look())
    try:
        yield Shop(server, names[0], scratch or names[1], backups, identifier, digest)
    finally:
        for name in names:
            server.drop(name)


def policy_file(directory: Path) -> Path:
    """The shipped policy with a scratch database beside the flow."""
    path = directory / "policy.json"
    path.write_text(json.dumps({**shipped(), "scratch": "scratch"}), encoding="utf-8")
    return path


@contextmanager
def interlock_with_scratch(postgres_server: PostgresServer, home: Path) -> Iterator[Served]:
    """Serve the team, with a scratch database in its policy, from a directory of its own."""
    with postgres_server.database(test=True) as dsns:
        config = home / "interlock.toml"
        config.write_text(config_text(dsns=dsns, more=f'policy = "{policy_file(home)}"'), encoding="utf-8")
        with serving(config, "--test-clock") as served:
            set_up_team(served)
            yield served


SCRIPT = "update trades.fills set price = price * 2 where symbol = 'ABC' and id <= 10"
UNDO = "update trades.fills set price = price / 2 where symbol = 'ABC' and id <= 10"
PRECONDITION = "select count(*) = 5 from trades.fills where symbol = 'ABC' and id <= 10"
EFFECT = "select bool_and(price = id / 4.0) from trades.fills where symbol = 'ABC' and id <= 10"
ROWS = (5, 5)


@dataclass
class Project:
    """The adjustments of a shop, as a team goes about them over the API."""

    served: Served
    shop: Shop
    evidence: dict[str, bytes] = field(default_factory=dict)

    def begin(self) -> Project:
        """Say which databases these are, and that scratch was restored from production."""
        identities = {"production": self.shop.production, "scratch": self.shop.scratch}
        for environment, database in identities.items():
            fields = {"environment": environment, "identity": plain(self.shop.identity(database))}
            self.served.by_two("RegisterEnvironment", fields)
        if not self.served["anton"].get("/events", type="EnvironmentBaselined")["events"]:
            base: dict[str, Any] = {"environment": "production", "empty": True, "schema_digest": self.shop.digest}
            self.served.by_two("BaselineEnvironment", base)
        self.restore()
        return self

    def restore(self) -> None:
        runner = self.served["ci-1"]
        observed = {"identity": plain(self.shop.identity(self.shop.scratch)), "schema_digest": self.shop.digest}
        fields: dict[str, Any] = {"environment": "scratch", "source": "production", "observed": observed}
        answer = runner.command("StartRestore", fields)
        lease = granted_in(answer)
        fields = {
            "environment": "scratch",
            "restore": lease["subject"].split()[1],
            "fencing_token": lease["fencing_token"],
            "snapshot": "dump",
            "taken_at": answer["events"][0]["recorded_at"],
            "schema_digest": self.shop.digest,
        }
        runner.command("ReportRestored", fields)

    def plan(
        self,
        script: str = SCRIPT,
        *,
        tables: tuple[str, ...] = ("trades.fills",),
        precondition: str = PRECONDITION,
        effect: str = EFFECT,
        undo: str = UNDO,
        rows: tuple[int, int] = ROWS,
    ) -> AdjustmentPlan:
        digests = [self.put(text) for text in (script, precondition, effect, undo)]
        return AdjustmentPlan(
            purpose="wrong prices",
            script_digest=digests[0],
            targets=AdjustmentTargets(
                environment="production", identity=self.shop.identity(self.shop.production), tables=tables
            ),
            precondition_digest=digests[1],
            expected_effect=ExpectedEffect(rows_min=rows[0], rows_max=rows[1], queries_digest=digests[2]),
            undo_digest=digests[3],
            risk="normal",
        )

    def put(self, text: str) -> str:
        digest = self.served["anton"].put_evidence(text.encode(), "application/sql")
        self.evidence[digest] = text.encode()
        return digest

    def requested(self, plan: AdjustmentPlan | None = None, **more: Any) -> Job:
        """Ask for an adjustment, and read it as a runner does."""
        plan = plan or self.plan(**more)
        answer = self.served["anton"].command("RequestAdjustment", {"plan": plain(plan)})
        name = answer["events"][0]["data"]["adjustment"]
        return job_of(name, plan, self.evidence.__getitem__)

    def authorized(self, plan: AdjustmentPlan | None = None, **more: Any) -> Job:
        """The same, rehearsed (by word) and verified by two persons: the rule authorizes it."""
        job = self.requested(plan, **more)
        self.rehearsed_by_word(job)
        fields = {"adjustment": job.adjustment, "bound_digest": job.bound_digest, "method": "read it"}
        answers = [self.served[person].command("VerifyAdjustment", fields) for person in ("qa-1", "qa-2")]
        assert "DataAdjustAuthorized" in [event["type"] for event in answers[-1]["events"]]
        return job

    def rehearsed_by_word(self, job: Job) -> None:
        runner = self.served["ci-1"]
        observed = {"identity": plain(self.shop.identity(self.shop.scratch)), "schema_digest": self.shop.digest}
        begun = {"adjustment": job.adjustment, "environment": "scratch"}
        lease = granted_in(runner.command("StartAdjustmentRehearsal", {**begun, "observed": observed}))
        said = {
            "fencing_token": lease["fencing_token"],
            "statements": [],
            "rows": job.plan.expected_effect.rows_min,
            "before": job.bound_digest,
            "after": job.bound_digest,
            "duration_ms": 1,
        }
        runner.command("ReportAdjustmentRehearsed", {**begun, **said})

    def asker(self, person: str, reached: Reached = passed_by) -> Asker:
        return asker_of(self.served[person], reached)

    def happened(self, adjustment: str) -> list[str]:
        """What is recorded of an adjustment, the oldest first."""
        return [event["type"] for event in self.events(adjustment)]

    def events(self, adjustment: str) -> list[Mapping[str, Any]]:
        found: list[Mapping[str, Any]] = []
        # The newest first, and no further than its own first one: tests share a project, which becomes long.
        for page in self.served["anton"].pages("/events", data="true", limit=100):
            found += [event for event in page["events"] if event["data"].get("adjustment") == adjustment]
            if found and found[-1]["type"] == "DataAdjustRequested":
                break
        return sorted(found, key=lambda event: event["position"])


def asker_of(client: Client, reached: Reached = passed_by) -> Asker:
    return Asker(client, clock=monotonic, sleep=pause, reached=reached)


def granted_in(answer: Mapping[str, Any]) -> dict[str, Any]:
    [lease] = [event["data"] for event in answer["events"] if event["type"] == "LeaseGranted"]
    return dict(lease)


__all__ = ["PORT", "Project", "Shop", "ShopServer", "made_shop", "policy_file"]


@contextmanager
def shops() -> Iterator[ShopServer]:
    """Lend a server for databases that are adjusted; it and its files are gone afterwards."""
    home = Path(tempfile.mkdtemp(prefix="shop-", dir=roomy_memory()))
    server = ShopServer(home)
    try:
        server.make_template()
        yield server
    finally:
        server.embedded.stop()
        shutil.rmtree(home, ignore_errors=True)
