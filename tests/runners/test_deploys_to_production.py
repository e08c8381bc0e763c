"""A release comes to production in its window, with its migrations, on a real database; and goes back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from interlock.events.canonical import digest_of_bytes
from interlock.runners.schema import schema_digest
from tests.cli.story import digest
from tests.fixtures.postgres import PostgresServer, elsewhere
from tests.fixtures.server import config_text, serving
from tests.runners.deployable import Places, placed
from tests.runners.shop import ShopServer

MIGRATION = b"alter table trades.notes add constraint calm check (note <> 'busy');\n"
NAME = "4.12.0"


class Production:
    """Production's database and the environments around it."""

    def __init__(self, places: Places, shop_server: ShopServer, database: str) -> None:
        self.places = places
        self.shop_server = shop_server
        self.database = database
        self.env: dict[str, Any] = {"PRODUCTION_DSN": shop_server.dsn(database, "postgres")}

    def sql(self, text: str) -> list[tuple[object, ...]]:
        async def ask() -> list[tuple[object, ...]]:
            async with self.shop_server.session("postgres", self.database) as connection:
                return [tuple(row) for row in await connection.fetch(text)]

        return elsewhere(ask())

    def schema(self) -> str:
        async def ask() -> str:
            async with self.shop_server.session("postgres", self.database) as connection:
                return await schema_digest(connection)

        return elsewhere(ask())

    def rehearsed(self) -> None:
        """Everything up to production, on Thursday."""
        story = self.places.story
        story.at("11-24T09:02")
        story.develop(NAME, contains=["4.11.2"], migrations=1)
        story.to_sandbox(NAME)
        story.at("11-25T10:12")
        story.to_stage(NAME)
        story.at("11-26T09:30")
        story.rehearse(NAME, base="4.11.2", migrations=1, snapshot="11-25T07:12")
        story.read_logs("11-26T13:14")


@pytest.fixture(scope="module")
def production(
    postgres_server: PostgresServer,
    team_template: str,
    shop_server: ShopServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Production]:
    home: Path = tmp_path_factory.mktemp("to-production")
    (home / "migrations").mkdir()
    (home / "migrations" / "0200.sql").write_bytes(MIGRATION)
    database = shop_server.copy("to_production")
    elsewhere(postgres_server._copy("to_production", team_template))
    config = home / "server.toml"
    config.write_text(config_text(dsns=postgres_server.embedded.dsns("to_production")), encoding="utf-8")
    tables = {"dsn": '"env:PRODUCTION_DSN"', "migrations": '{ kind = "sql", folder = "migrations" }'}
    try:
        with serving(config, "--test-clock") as served:
            looked = Production(None, shop_server, database)  # type: ignore[arg-type]
            [(system,)] = looked.sql("select system_identifier::text from pg_control_system()")
            digests = {"schema 208": looked.schema(), "migration 0": digest_of_bytes(MIGRATION)}
            identity = {"system_identifier": str(system), "database": database}
            with placed(served, home, production=identity, tables=tables, digests=digests) as places:
                looked.places = places
                yield looked
    finally:
        elsewhere(postgres_server._drop("to_production"))
        shop_server.drop(database)


def test_from_the_queue_through_a_failed_migration_into_production_and_back(production: Production) -> None:
    places, env = production.places, production.env
    production.rehearsed()
    before = digest("content 4.11.2")
    places["production"].runs = before
    schema = production.schema()

    # -- Thursday: the window alone is missing, so it is queued
    queued = places.dt(f"deploy {NAME} production --at-window", who="rm-1", **env)
    assert queued.code == 0, queued.stderr
    assert "dt window next production" in queued.stderr
    assert places["production"].runs == before

    # -- its executor waits, and begins when the window opens; a row keeps the migration from running
    production.sql("insert into trades.notes values ('busy')")
    asked: list[float] = []

    def until_saturday(seconds: float) -> None:
        asked.append(seconds)
        places.story.read_logs("11-28T08:59")
        places.story.at("11-28T09:00")
        places.story.by("rm-1", "Annotate", target=1, kind="remark", text="it is Saturday")

    places.dt("status", **env)
    failed = places.dt(f"deploy {NAME} production --at-window --wait", pause=until_saturday, INTERLOCK_NOW="", **env)
    assert failed.code == 11, failed.stderr
    assert len(asked) == 1
    assert "waiting for release-window (from Sat 2026-11-28 09:00 GMT" in failed.stderr
    [told] = places.events(NAME, "DeployFailed")
    assert (told["data"]["phase"], told["data"]["environment_left"]) == ("migrate", "unchanged")
    # What a row held is told here, and is not in the record.
    assert "busy" not in told["data"]["error"]
    assert (places["production"].runs, production.schema()) == (before, schema)
    assert places.state("production")["occupancy"]["release"] == "4.11.2"

    # -- the same again, when the row is gone: the migration runs, then the command
    production.sql("delete from trades.notes where note = 'busy'")
    assert places.dt(f"deploy {NAME} production", who="rm-1", **env).code == 0
    done = places.dt(f"deploy {NAME} production", **env)
    assert done.code == 0, done.stderr
    assert places["production"].runs == places.content(NAME)
    assert production.sql("select conname from pg_constraint where conname = 'calm'") == [("calm",)]
    [applied] = places.events(NAME, "MigrationsApplied")
    [ran] = applied["data"]["migrations"]
    assert (ran["id"], ran["digest"]) == ("0200", digest_of_bytes(MIGRATION))
    assert applied["data"]["schema_after"] == production.schema() != schema
    assert places.events(NAME, "DeploySucceeded")[-1]["data"]["schema_digest"] == production.schema()

    back_again(production, before)


def back_again(production: Production, before: str) -> None:
    """A person asks for the rollback, a runner runs it; its migrations stay."""
    places, env = production.places, production.env
    reported = places.served["qa-1"].command(
        "ReportProblem", {"environment": "production", "title": "orders are lost", "severity": "critical"}
    )
    problem = reported["events"][0]["data"]["problem"]
    dry = places.dt(f"rollback production --problem {problem} --dry-run", who="rm-1", **env)
    assert (dry.code, f"{NAME} is displaced" in dry.stdout) == (0, True), dry.stderr
    asked = places.dt(f"rollback production --problem {problem}", who="rm-1", **env)
    assert (asked.code, "by ci-1" in asked.stderr) == (0, True), asked.stderr
    assert places["production"].runs == places.content(NAME)
    schema = production.schema()
    done = places.dt(f"rollback production --problem {problem}", **env)
    assert done.code == 0, done.stderr
    facts = places["production"].facts
    assert (facts["INTERLOCK_INTENT"], facts["INTERLOCK_CONTENT_DIGEST"]) == ("rollback", before)
    assert facts["INTERLOCK_REPLACED_DIGEST"] == places.content(NAME)
    assert (places["production"].runs, production.schema()) == (before, schema)
    assert places.state("production")["occupancy"]["release"] == "4.11.2"
