"""Whole restores into the sandboxes by `dt`, and what their data is, shown wherever an environment is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from interlock.events.canonical import digest_of_bytes
from interlock.events.codec import plain
from tests.cli.story import Story, identity
from tests.cli.terminal import Done, Terminal
from tests.fixtures.postgres import PostgresServer, elsewhere
from tests.fixtures.server import config_text, serving
from tests.runners.places import measured
from tests.runners.two import Pair, TwoServers

CONFIG = """
project = "demo"
[environments.production]
dsn = "env:ADJUST_DSN"
dump_dsn = "env:DUMP_DSN"
[environments.sandbox]
dsn = "env:SANDBOX_DSN"
mask = "mask.sql"
[environments.sandbox-anton]
dsn = "env:ANTON_DSN"
"""
MASK = "update shop.customers set mail = null"


class Sandboxes:
    """Production, the team's sandbox and Anton's own, each a real database, and a `dt` beside them."""

    def __init__(self, terminal: Terminal, team: Pair, own: Pair) -> None:
        self.terminal, self.team, self.own = terminal, team, own

    def dt(self, *words: str, who: str = "ci-1") -> Done:
        env = {
            "DUMP_DSN": self.team.connection("production").dsn,
            "ADJUST_DSN": self.team.connection("production", "interlock_adjust").dsn,
            "SANDBOX_DSN": self.team.connection("stage").dsn,
            "ANTON_DSN": self.own.connection("stage").dsn,
        }
        return self.terminal.dt(*words, who=who, env=env)

    def events(self, kind: str, environment: str) -> list[dict[str, Any]]:
        found = self.terminal.story.served["anton"].get("/events", type=kind, environment=environment, data="true")
        return [each["data"] for each in found["events"] if each["data"]["environment"] == environment]


@pytest.fixture(scope="module")
def sandboxes(
    postgres_server: PostgresServer,
    team_template: str,
    two_servers: TwoServers,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Sandboxes]:
    home, database = tmp_path_factory.mktemp("sandboxes"), "sandboxes"
    elsewhere(postgres_server._copy(database, team_template))
    server = home / "server" / "interlock.toml"
    server.parent.mkdir()
    server.write_text(config_text(dsns=postgres_server.embedded.dsns(database)), encoding="utf-8")
    (home / "interlock.toml").write_text(CONFIG)
    (home / "mask.sql").write_text(MASK)
    with two_servers.pair() as team, two_servers.pair() as own, serving(server, "--test-clock") as served:
        real = {"production": team, "sandbox": team, "sandbox-anton": own}

        def named(environment: str) -> dict[str, str]:
            if environment not in real:
                return identity(environment)
            there = "production" if environment == "production" else "stage"
            found: dict[str, str] = plain(real[environment].identity(there))
            return found

        story = Story(served, identity=named)
        story.begin()
        terminal = Terminal(home, served.url, served.project, served.now)
        terminal.story = story
        yield Sandboxes(terminal, team, own)
    elsewhere(postgres_server._drop(database))


async def test_productions_data_comes_into_the_sandbox_masked_and_from_there_into_its_owners(
    sandboxes: Sandboxes,
) -> None:
    team, own = sandboxes.team, sandboxes.own
    done = sandboxes.dt("env", "restore", "sandbox", "--from", "production")
    assert done.code == 0, done.stderr
    assert "✓ DataRestored" in done.stdout
    there, source = await measured(team, "stage"), await measured(team, "production")
    assert there["shop.customers"] != source["shop.customers"]
    assert team.rows("stage", "select count(*), count(mail) from shop.customers") == [(50, 0)]
    assert {**there, "shop.customers": None} == {**source, "shop.customers": None}

    # Anton's own is his: he may do it himself, from wherever the policy says.
    done = sandboxes.dt("env", "restore", "sandbox-anton", "--from", "sandbox", who="anton")
    assert done.code == 0, done.stderr
    assert await measured(own, "stage") == there
    [team_s], [owns] = sandboxes.events("DataRestored", "sandbox"), sandboxes.events("DataRestored", "sandbox-anton")
    assert (team_s["source"], owns["source"]) == ("production", "sandbox")
    assert team_s["source_release"] == "4.11.2"
    assert (team_s["masked"], "masked" in owns) == (digest_of_bytes(MASK.encode()), False)

    # Nothing ever comes out of it again.
    refused = sandboxes.dt("env", "restore", "sandbox", "--from", "sandbox-anton")
    assert (refused.code, "restore-source-allowed" in refused.stderr) == (3, True)
    assert await measured(team, "stage") == there


def test_what_its_data_is_stands_wherever_an_environment_is_shown(sandboxes: Sandboxes) -> None:
    story = sandboxes.terminal.story
    story.run_tests(ran=())
    sandboxes.terminal.now = story.served.now

    def shown(*words: str) -> str:
        return " ".join(sandboxes.dt(*words, who="anton").stdout.split())

    assert "production as of 08:00, masked · when 4.11.2 ran there" in shown("env", "show", "sandbox")
    assert "feed: IEX Production, 25 %" in shown("env", "show", "sandbox")
    assert "sandbox as of 08:00 · since 08:00, by anton · S-2" in shown("env", "show", "sandbox-anton")
    assert "erased" in shown("env", "show", "tests")
    assert sandboxes.dt("env", "corrupt", "sandbox-anton", "-m", "half of it was overwritten", who="anton").code == 0
    for words in (("status",), ("env", "list")):
        everywhere = shown(*words)
        assert "production as of 08:00, masked" in everywhere
        assert "sandbox as of 08:00" in everywhere
        assert "data corrupt" in everywhere
        assert "erased" in everywhere
    assert "half of it was overwritten" in shown("env", "show", "sandbox-anton")
    assert "✓" in shown("env", "restore", "sandbox-anton", "--from", "production")
    assert "corrupt" not in shown("env", "show", "sandbox-anton")
    assert "production as of" in shown("env", "show", "sandbox-anton")
