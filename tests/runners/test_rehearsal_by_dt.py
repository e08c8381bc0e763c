"""A rehearsal in stage by `dt` alone: production's data restored, the release's migrations run, and what stops it."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from interlock.events.codec import plain
from tests.cli.story import Story, identity
from tests.cli.terminal import DT, Terminal
from tests.fixtures.postgres import PostgresServer, elsewhere
from tests.fixtures.server import Served, config_text, serving
from tests.runners.two import Pair, TwoServers, declared, until, written

CONFIG = """
project = "demo"
[environments.production]
dsn = "env:ADJUST_DSN"
dump_dsn = "env:DUMP_DSN"
[environments.stage]
dsn = "env:RESTORE_DSN"
mask = "mask.sql"
migrations = { kind = "sql", folder = "migrations" }
"""
FILES = {
    "0200.sql": (
        "alter table shop.orders add column more int;\n"
        "set local lock_timeout = '100ms';\nlock table shop.customers in share mode"
    ),
    "0201.sql": "create index more on shop.orders (more)",
}


class Rehearsed(Story):
    """The story with real databases for production and stage, and a release that declares real migrations."""

    def __init__(self, served: Served, pair: Pair, folder: Path) -> None:
        real = {name: plain(pair.identity(name)) for name in ("production", "stage")}
        super().__init__(served, identity=lambda name: real.get(name) or identity(name))
        self.migrations = [plain(each) for each in declared(folder, *FILES)]

    def by(self, who: str, command: str, **fields: Any) -> dict[str, Any]:
        if command == "SetReleaseContent":
            fields["migrations"] = self.migrations
        return super().by(who, command, **fields)


@pytest.fixture(scope="module")
def pair(two_servers: TwoServers) -> Iterator[Pair]:
    """One production and one stage for all that is told here."""
    with two_servers.pair() as made:
        yield made


@pytest.fixture(scope="module")
def terminal(
    postgres_server: PostgresServer, team_template: str, pair: Pair, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Terminal]:
    """A machine with `dt`; its release stands in stage, reviewed."""
    home, database = tmp_path_factory.mktemp("home"), "rehearsed_by_dt"
    elsewhere(postgres_server._copy(database, team_template))
    server = home / "server" / "interlock.toml"
    server.parent.mkdir()
    server.write_text(config_text(dsns=postgres_server.embedded.dsns(database)), encoding="utf-8")
    (home / "interlock.toml").write_text(CONFIG)
    (home / "mask.sql").write_text("update shop.customers set mail = null")
    with serving(server, "--test-clock") as served:
        story = Rehearsed(served, pair, written(home / "migrations", FILES))
        story.begin()
        story.develop("1.0.0", contains=["4.11.2"])
        story.to_sandbox("1.0.0")
        story.to_stage("1.0.0")
        story.by(
            "reviewer-1", "ApproveCodeReview", release="1.0.0", base_release="4.11.2", commit_range="v1..v2",
            diff_digest=story.migrations[0]["digest"],
        )  # fmt: skip
        made = Terminal(home, served.url, served.project, served.now)
        made.story = story
        yield made
    elsewhere(postgres_server._drop(database))


def dsns(pair: Pair, **others: str) -> dict[str, str]:
    return {
        "DUMP_DSN": pair.connection("production").dsn, "RESTORE_DSN": pair.connection("stage").dsn,
        "ADJUST_DSN": pair.connection("production", "interlock_adjust").dsn, **others,
    }  # fmt: skip


async def migrated_behind(terminal: Terminal, pair: Pair) -> tuple[int | None, str]:
    """Migrate in stage while others hold what it locks; return how `dt` ended, and what it said."""
    stage = pair.servers.stage
    async with stage.session("postgres", pair.stage) as other, stage.session("postgres", pair.stage) as third:
        await other.execute("begin; lock table shop.orders in share mode")
        await third.execute("begin; lock table shop.customers in row exclusive mode")
        process = await asyncio.create_subprocess_exec(
            *DT, "stage", "migrate", "1.0.0",
            env={**terminal.environment("ci-1"), **dsns(pair)}, cwd=terminal.home,
            stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert process.stderr is not None
        said = ""
        while "it waits for AccessExclusiveLock" not in said and (line := await process.stderr.readline()):
            said += line.decode()
        await other.execute("rollback")
        said += (await process.stderr.read()).decode()
        return await process.wait(), said


async def test_a_release_is_rehearsed_on_productions_data(terminal: Terminal, pair: Pair) -> None:
    # Long: one rehearsal told in order, command by command.
    def dt(*words: str, who: str = "ci-1", **env: str) -> Any:
        return terminal.dt(*words, who=who, env=dsns(pair, **env))

    early = dt("stage", "migrate", "1.0.0")
    assert (early.code, "restored-after-deploy" in early.stderr) == (3, True), early.stderr
    assert dt("stage", "restore", who="anton").code == 3
    restored = dt("stage", "restore")
    assert restored.code == 0, restored.stderr
    assert "✓ DataRestored" in restored.stdout
    assert "closed the target to everybody, and emptied it" in restored.stderr
    assert "5 tables" not in restored.stdout
    assert pair.rows("stage", "select count(*), count(mail) from shop.customers") == [(50, 0)]
    shown = terminal.dt("env", "show", "stage").stdout
    assert "production as of" in shown
    assert ", masked" in shown
    assert "when 4.11.2 ran there" in shown
    listed = terminal.dt("env", "list", "--json").json["environments"]
    [data] = [each["data"] for each in listed if each["environment"] == "stage"]
    assert {"source", "taken_at", "source_release", "report", "masked", "restore"} <= set(data)

    # Two sessions hold a table each. The first lets go once it is told that the migration waits for it; because of the
    # second the migration fails, and what it ran on is void.
    code, told = await migrated_behind(terminal, pair)
    assert (code, "canceling statement due to lock timeout" in told) == (11, True), told
    event = terminal.story.served["anton"].get("/events", type="StageMigrationFailed", data="true")["events"][0]
    assert event["data"]["failed_migration"] == "0200.sql"
    assert event["data"]["error"] == "0200.sql: LockNotAvailableError (55P03)"
    why = json.loads(terminal.story.served["anton"].get_evidence(event["data"]["report"]))
    assert (why["failed_migration"], why["error"], why["migrations"]) == ("0200.sql", event["data"]["error"], [])
    assert ("0200.sql", "shop.orders", "waits") in {
        (lock["migration"], lock["relation"], lock["what"]) for lock in why["long_locks"]
    }
    assert why["failed_after_ms"] >= 1000
    assert "unknown: what changed it did not end well" in terminal.dt("env", "show", "stage").stdout
    assert dt("stage", "migrate", "1.0.0").code == 3

    assert dt("stage", "restore").code == 0
    extra = terminal.home / "migrations" / "0202.sql"
    extra.write_text("select 1")
    more = dt("stage", "migrate", "1.0.0")
    assert (more.code, "0202.sql would run and is not declared" in more.stderr) == (11, True)
    # Nothing was begun: the restore is not void.
    assert terminal.story.served["anton"].get("/environments/stage")["data"]["state"] == "restored"
    extra.unlink()
    migrated = dt("stage", "migrate", "1.0.0", "--json")
    assert migrated.code == 0, migrated.stderr
    [said] = [each["data"] for each in migrated.json["events"] if each["type"] == "StageMigrated"]
    assert [each["id"] for each in said["migrations"]] == list(FILES)
    report = json.loads(terminal.story.served["anton"].get_evidence(said["report"]))
    assert (report["schema_before"], report["schema_after"]) == (said["schema_before"], said["schema_after"])
    assert report["migrations"] == said["migrations"]


def test_what_cannot_be_is_refused_and_nothing_is_touched(terminal: Terminal, pair: Pair) -> None:
    def dt(*words: str, **env: str) -> Any:
        return terminal.dt(*words, who="ci-1", env=dsns(pair, **env))

    into_production = dt("env", "restore", "production", "--from", "stage")
    assert (into_production.code, "restore-source-allowed" in into_production.stderr) == (3, True)
    swapped = dt("stage", "restore", RESTORE_DSN=pair.connection("production", "postgres").dsn)
    assert (swapped.code, "gives as stage is production" in swapped.stderr) == (11, True)
    nowhere = dt("env", "restore", "sandbox", "--from", "production")
    assert (nowhere.code, "environments.sandbox" in nowhere.stderr) == (2, True)
    assert pair.rows("production", "select count(*) from shop.orders") == [(300,)]


async def test_interrupted_by_a_person_it_is_said_to_have_failed(terminal: Terminal, pair: Pair) -> None:
    waiting = "select count(*) > 0 from pg_locks where not granted and relation = 'public.settings'::regclass::oid"
    # What pg_dump waits for.
    async with pair.servers.production.session("postgres", pair.production) as other:
        await other.execute("begin; lock table public.settings in access exclusive mode")
        process = await asyncio.create_subprocess_exec(
            *DT, "stage", "restore",
            env={**terminal.environment("ci-1"), **dsns(pair)}, cwd=terminal.home,
            stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        await until(lambda: pair.rows("production", waiting) == [(True,)] or process.returncode is not None)
        process.send_signal(signal.SIGINT)
        _, said = await process.communicate()
        await other.execute("rollback")
    assert process.returncode == 130, said
    event = terminal.story.served["anton"].get("/events", type="DataRestoreFailed", data="true")["events"][0]
    assert event["data"]["error"] == "it was interrupted"
