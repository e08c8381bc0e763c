"""The runner, Interlock and the database killed with -9 at each step of an execution.

Whatever dies: it is never executed twice, never executed without a record (after the next look), and after the next
look nobody wonders whether it was.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from time import sleep
from typing import Any

import pytest

from interlock.cli.seams import pause
from interlock.events.codec import plain
from interlock.ledger.embedded import Dsns
from interlock.runners.adjust import Job, Refused, execute, resolve
from interlock.runners.adjust.attempts import history_of
from tests.fixtures.ports import free_port
from tests.fixtures.postgres import PostgresServer
from tests.fixtures.server import Served, config_text, serving, set_up_team, token_of, wait_until_ready
from tests.runners.shop import ROOT, Project, ShopServer, made_shop, policy_file

STEPS = (
    "looked", "start-asking", "started", "targets-locked", "marker-written", "precondition-held", "statement-1-ran",
    "statement-2-ran", "rows-counted", "effect-held", "rows-kept", "backup-written", "backup-reported",
    "commit-asking", "commit-allowed", "committing", "committed", "reported",
)  # fmt: skip
COMMITTED = ("committed", "reported")
DATABASE_AT = ("started", "marker-written", "statement-1-ran", "backup-reported", "committing", "committed")
SERVER_AT = ("start-asking", "marker-written", "backup-written", "commit-allowed", "committed")

_rows = count(1)


@dataclass
class Restartable:
    """An Interlock that is killed and started again at the same address."""

    served: Served
    config: Path
    _log: list[Any] = field(default_factory=list)

    def kill(self) -> None:
        self.served.process.kill()
        self.served.process.wait()

    def start(self) -> None:
        ready, log = self.config.with_name("again.json"), self.config.with_name("again.log")
        ready.unlink(missing_ok=True)
        port = self.served.url.rpartition(":")[2]
        arguments = ["--config", str(self.config), "--port", port, "--ready-file", str(ready), "--test-clock"]
        with log.open("a") as output:
            command = [sys.executable, "-m", "interlock.serve", *arguments]
            process = subprocess.Popen(command, stdout=output, stderr=output, text=True)
        self.served.process = process
        wait_until_ready(process, ready, log)


@dataclass
class Scene:
    """Everything that can be killed, and a warm process that makes runners."""

    project: Project
    interlock: Restartable
    shop_server: ShopServer
    warm: subprocess.Popen[str]
    home: Path

    def begin(self, job: Job, step: str, what: str) -> Path:
        """Let a runner execute the job up to the step."""
        served, flag = self.project.served, self.home / f"{job.adjustment}-{step}"
        assert served.now is not None
        connection = self.project.shop.connection()
        spec = {
            "url": served.url,
            "project": served.project,
            "token": token_of("operator-1"),
            "now": served.now.isoformat(),
            "dsn": connection.dsn,
            "backups": str(connection.backups),
            "adjustment": job.adjustment,
            "plan": plain(job.plan),
            "evidence": {digest: content.decode() for digest, content in self.project.evidence.items()},
            "step": step,
            "what": what,
            "flag": str(flag),
        }
        assert self.warm.stdin is not None
        self.warm.stdin.write(json.dumps(spec) + "\n")
        self.warm.stdin.flush()
        return flag

    def ended(self) -> bool:
        """Wait for the runner's end; tell whether it was killed."""
        assert self.warm.stdout is not None
        answer: dict[str, bool] = json.loads(self.warm.stdout.readline())
        return answer["killed"]


@pytest.fixture(scope="module")
def scene(
    postgres_server: PostgresServer, shop_server: ShopServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Scene]:
    home = tmp_path_factory.mktemp("killed")
    with postgres_server.database(test=True) as dsns, made_shop(shop_server, home / "backups") as shop:
        with served_at(home, dsns) as served:
            set_up_team(served)
            project = Project(served, shop).begin()
            command = [sys.executable, "-m", "tests.runners.warm"]
            warm = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT)
            restartable = Restartable(served, served.config)
            first = served.process
            try:
                yield Scene(project, restartable, shop_server, warm, home)
            finally:
                assert warm.stdin is not None
                warm.communicate(timeout=60)
                if served.process is not first:
                    restartable.kill()


def served_at(home: Path, dsns: Dsns) -> Any:
    config = home / "interlock.toml"
    config.write_text(config_text(dsns=dsns, more=f'policy = "{policy_file(home)}"'), encoding="utf-8")
    return serving(config, "--test-clock", "--port", str(free_port()))


def authorized(scene: Scene) -> tuple[Job, int]:
    """An adjustment that would show how often it was executed: nothing in it prevents a second time."""
    row = next(_rows)
    script = f"update trades.fills set quantity = quantity + 1000 where id = {row};"
    script += f" update trades.fees set cents = cents + 1000 where fill = {row}"
    job = scene.project.authorized(
        script=script, tables=("trades.fills", "trades.fees"), precondition="select true", effect="select true",
        rows=(2, 2),
    )  # fmt: skip
    return job, row


def times_executed(scene: Scene, row: int) -> int:
    [(fills, fees)] = scene.project.shop.rows(
        "select quantity / 1000, (select cents / 1000 from trades.fees where fill = id)"
        " from trades.fills where id = $1",
        row,
    )
    assert fills == fees
    return int(fills)


async def settle_and_check(scene: Scene, job: Job, row: int) -> None:
    """The next look settles it; what is in the database is what is recorded; then it can be finished, once."""
    project, connection = scene.project, scene.project.shop.connection()
    operator = project.asker("operator-1")
    await resolve(operator, job.adjustment, job.plan, connection)
    history = await history_of(operator, job.adjustment, "production")
    happened = project.happened(job.adjustment)
    assert history.pending is None
    assert happened.count("DataAdjustExecuted") == times_executed(scene, row) == int(history.executed)
    assert happened[-1] in {"DataAdjustAuthorized", "DataAdjustFailed", "DataAdjustExecuted"}
    if not history.executed:
        await execute(operator, job, connection)
    with pytest.raises(Refused):
        await execute(operator, job, connection)
    assert times_executed(scene, row) == project.happened(job.adjustment).count("DataAdjustExecuted") == 1
    executed = [event for event in project.events(job.adjustment) if event["type"] == "DataAdjustExecuted"]
    # Nothing was unknown for good, and production was never left unsure by it.
    assert len(executed[0]["data"]["statements"]) == 2


@pytest.mark.parametrize("step", STEPS)
async def test_the_runner_is_killed(scene: Scene, step: str) -> None:
    job, row = authorized(scene)
    scene.begin(job, step, "kill")
    assert scene.ended()
    assert times_executed(scene, row) == int(step in COMMITTED)
    await settle_and_check(scene, job, row)


@pytest.mark.parametrize("step", DATABASE_AT)
async def test_the_database_is_killed(scene: Scene, step: str) -> None:
    job, row = authorized(scene)
    flag = scene.begin(job, step, "wait")
    wait_for(flag)
    scene.shop_server.embedded.kill()
    flag.with_suffix(".go").touch()
    await pause(0.2)
    scene.shop_server.start()
    assert not scene.ended()
    assert times_executed(scene, row) == int(step in COMMITTED)
    await settle_and_check(scene, job, row)


@pytest.mark.parametrize("step", SERVER_AT)
async def test_interlock_is_killed(scene: Scene, step: str) -> None:
    job, row = authorized(scene)
    flag = scene.begin(job, step, "wait")
    wait_for(flag)
    scene.interlock.kill()
    flag.with_suffix(".go").touch()
    scene.interlock.start()
    assert not scene.ended()
    await settle_and_check(scene, job, row)


@pytest.mark.parametrize("step", ["committed"])
async def test_everything_is_killed_at_once(scene: Scene, step: str) -> None:
    job, row = authorized(scene)
    flag = scene.begin(job, step, "wait")
    wait_for(flag)
    kill_the_runner(scene)
    scene.interlock.kill()
    scene.shop_server.embedded.kill()
    assert scene.ended()
    scene.shop_server.start()
    scene.interlock.start()
    assert times_executed(scene, row) == int(step in COMMITTED)
    await settle_and_check(scene, job, row)


def kill_the_runner(scene: Scene) -> None:
    [child] = Path(f"/proc/{scene.warm.pid}/task/{scene.warm.pid}/children").read_text().split()
    os.kill(int(child), 9)


def wait_for(flag: Path) -> None:
    """The test's deadline bounds it."""
    while not flag.with_suffix(".there").exists():
        assert not flag.with_suffix(".result").exists(), flag.with_suffix(".result").read_text()
        sleep(0.01)


def test_there_are_enough_places() -> None:
    assert len(STEPS) + len(DATABASE_AT) + len(SERVER_AT) >= 20
