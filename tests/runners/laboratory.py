"""An Interlock in which 1.0.0 is deployed to `tests`, a real database of test data there, and scripts for tests."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg

from interlock.cli.seams import pause
from interlock.client import Client
from interlock.events.catalogue.parts import Identity
from interlock.events.seams import Sleep
from interlock.runners.asking import Asker, Reached, passed_by
from interlock.runners.targets import target_of
from interlock.runners.testing import Job, Outcome, run_tests, settings_of
from tests.cli.story import Story
from tests.cli.story import identity as invented
from tests.cli.terminal import DT, Done, Terminal
from tests.fixtures.ports import free_port
from tests.fixtures.postgres import PostgresServer, elsewhere
from tests.fixtures.server import Served, config_text, serving, token_of, wait_until_ready
from tests.runners.heard import Heard

RELEASE = "1.0.0"
NEW_TEST = "quotes.test_gap_fill"
GREEN = '<testcase classname="quotes" name="test_gap_fill"/><testcase classname="orders" name="test_place"/>'
RED = '<testcase classname="orders" name="test_race"><failure message="assert 3 == 2"/></testcase>'
# It erases for real, as a project's own step would.
ERASE = """
import os, psycopg
with psycopg.connect(os.environ["TESTS_DSN"]) as connection:
    connection.execute("truncate prices")
"""
ERASING = [sys.executable, "erase.py"]
DEADLINE_SECONDS = 60.0


def reporting(cases: str, *, first: str = "", code: int = 0) -> list[str]:
    """A command that writes a report where it is expected."""
    script = f"{first}\ncat > \"$INTERLOCK_REPORT\" <<'END'\n<testsuite>{cases}</testsuite>\nEND\nexit {code}"
    return ["/bin/sh", "-c", script]


def hanging(home: Path) -> list[str]:
    """A command that would never end, with a child of its own; both say which processes they are."""
    return ["/bin/sh", "-c", f"setsid sleep 300 & echo $! > {home}/far; echo $$ > {home}/it; exec sleep 300"]


@dataclass
class Laboratory:
    """Everything a run of the tests needs."""

    served: Served
    home: Path
    dsn: str
    identity: Identity
    terminal: Terminal
    story: Story
    heard: Heard = field(default_factory=Heard)

    def write(self, command: Sequence[str] | str, **more: Any) -> None:
        """Write interlock.toml; the erasing step does nothing, for speed, unless it is ERASING."""
        table = {"command": command, "erase": ["/bin/sh", "-c", ":"], "report": "out/report.xml", **more}
        lines = ["[tests]", *(f"{name} = {json.dumps(value)}" for name, value in table.items() if value is not None)]
        text = "\n".join([*lines, "[environments.tests]", 'dsn = "env:TESTS_DSN"', ""])
        (self.home / "interlock.toml").write_text(text, encoding="utf-8")

    def job(self, command: Sequence[str] | str, trigger: Any = "manual", **more: Any) -> Job:
        import tomllib

        self.write(command, **more)
        document = tomllib.loads((self.home / "interlock.toml").read_text(encoding="utf-8"))
        environ = {**os.environ, "TESTS_DSN": self.dsn, "INTERLOCK_TOKEN": "il_secret"}
        return Job(
            settings=settings_of(document, home=self.home),
            target=target_of(document, "tests", home=self.home, environ=environ),
            registered=self.identity,
            trigger=trigger,
            attempt=uuid4(),
            environ=environ,
        )

    def client(self, who: str = "ci-1") -> Client:
        return self.served.client(token_of(who))

    async def run(
        self, job: Job, *, who: str = "ci-1", reached: Reached = passed_by, client: Any = None, sleep: Sleep = pause
    ) -> Outcome:
        """Run the tests in this process."""
        client = client or self.client(who)
        self.heard = Heard()
        asker = Asker(client, clock=time.monotonic, sleep=sleep, reached=reached)
        return await run_tests(asker, client, job, self.heard)

    def dt(self, *words: str, who: str = "ci-1", env: Mapping[str, str] | None = None) -> Done:
        self.terminal.now = self.served.now
        return self.terminal.dt(*words, who=who, env={"TESTS_DSN": self.dsn, **(env or {})})

    def begin_dt(self, *words: str, who: str = "ci-1") -> subprocess.Popen[str]:
        """Start it, and go on."""
        self.terminal.now = self.served.now
        environ = {**self.terminal.environment(who), "TESTS_DSN": self.dsn}
        pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        return subprocess.Popen([*DT, *words], cwd=self.home, env=environ, **pipes)

    def events(self, kind: str, limit: int = 1) -> list[dict[str, Any]]:
        """The newest events of that type, once everything is projected."""
        told = self.served["anton"].get("/events", type=kind, data="true", limit=limit, environment="tests")
        return [event["data"] | {"by": event["by"]} for event in told["events"]]

    def types(self, after: int) -> list[str]:
        """What was recorded after a position, in order."""
        self.served["anton"].get("/environments/tests", after=self.position())
        page = self.served["anton"].get("/events", after=after, limit=200)
        return [event["type"] for event in page["events"]]

    def position(self) -> int:
        return int(self.served["anton"].explain("RenewLease", {
            "environment": "tests", "lease": "L-1", "fencing_token": 1})["position"])  # fmt: skip

    def holder(self) -> str | None:
        """Who holds `tests`, as the rules see it."""
        asked = {"environment": "tests", "trigger": "manual", "observed": {}}
        decision = self.served["ci-1"].explain("StartTestRun", asked)
        [free] = [check for check in decision["checks"] if check["check"] == "environment-free"]
        return None if free["state"] == "passed" else str(free["observed"])

    def kill_interlock(self) -> None:
        self.served.process.kill()
        self.served.process.wait()

    def start_interlock(self) -> None:
        """Start it again at the same address."""
        ready, log = self.served.config.with_name("again.json"), self.served.config.with_name("again.log")
        ready.unlink(missing_ok=True)
        options = ["--port", self.served.url.rpartition(":")[2], "--ready-file", str(ready), "--test-clock"]
        command = [sys.executable, "-m", "interlock.serve", "--config", str(self.served.config), *options]
        with log.open("a") as output:
            self.served.process = subprocess.Popen(command, stdout=output, stderr=output, text=True)
        wait_until_ready(self.served.process, ready, log)

    def expire(self) -> None:
        """Let every lease be over."""
        self.served.later(minutes=16)

    def rows(self) -> int:
        async def ask() -> int:
            connection = await asyncpg.connect(self.dsn, timeout=10)
            try:
                return int(await connection.fetchval("select count(*) from prices"))
            finally:
                await connection.close()

        return elsewhere(ask())

    def fill(self) -> None:
        async def put() -> None:
            connection = await asyncpg.connect(self.dsn, timeout=10)
            await connection.execute("insert into prices select n from generate_series(1, 5) n")
            await connection.close()

        elsewhere(put())


@contextmanager
def laboratory(server: PostgresServer, template: str, home: Path) -> Iterator[Laboratory]:
    """A server of its own over a copy of the team, and a database `tests`."""
    name, place = f"lab_{uuid4().hex[:8]}", home / "home"
    place.mkdir()
    elsewhere(server._copy(name, template))
    config = home / "interlock.toml"
    config.write_text(config_text(dsns=server.embedded.dsns(name)), encoding="utf-8")
    try:
        port = str(free_port())
        with server.empty_database() as data, serving(config, "--test-clock", "--port", port) as served:
            identity = elsewhere(_made(data.owner))
            known = {"system_identifier": identity.system_identifier, "database": identity.database}
            story = Story(served, identity=lambda where: known if where == "tests" else invented(where))
            story.begin()
            story.develop(RELEASE, contains=["4.11.2"])
            story.by("anton", "ConfirmDevelopment", release=RELEASE)
            story.deploy(RELEASE, "tests")
            (place / "erase.py").write_text(ERASE, encoding="utf-8")
            terminal = Terminal(place, served.url, served.project, served.now)
            first = served.process
            try:
                yield Laboratory(served, place, data.owner, identity, terminal, story)
            finally:
                if served.process is not first:
                    served.process.kill()
                    served.process.wait()
    finally:
        elsewhere(server._drop(name))


async def _made(dsn: str) -> Identity:
    connection = await asyncpg.connect(dsn, timeout=10)
    try:
        await connection.execute("create table prices (price int)")
        found = await connection.fetchrow(
            "select system_identifier::text as it, current_database() as name from pg_control_system()"
        )
        assert found is not None
        return Identity(system_identifier=found["it"], database=found["name"])
    finally:
        await connection.close()


def written(path: Path) -> int:
    """Wait until a script has written a process's number there."""
    until = time.monotonic() + DEADLINE_SECONDS
    while time.monotonic() < until:
        text = path.read_text(encoding="utf-8").strip() if path.exists() else ""
        if text:
            return int(text)
        time.sleep(0.02)
    raise AssertionError(f"nothing was written to {path.name}")


def runs(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in {"Z", "X"}


def gone(*processes: int) -> None:
    """Wait until none of them runs."""
    until = time.monotonic() + DEADLINE_SECONDS
    while time.monotonic() < until:
        if not any(runs(process) for process in processes):
            return
        time.sleep(0.02)
    raise AssertionError(f"one of {processes} still runs")


def kill(process: subprocess.Popen[str], how: signal.Signals) -> tuple[int, str, str]:
    process.send_signal(how)
    stdout, stderr = process.communicate(timeout=DEADLINE_SECONDS)
    return process.returncode, stdout, stderr
