"""The executor killed at each step, the lease lost, Interlock away in the middle.

Whatever dies: no command runs past its lease, the record never says what did not happen, and the next look says where
things stand.
"""
# Long: one table of steps, and every kill and loss at each of them.

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep
from typing import Any
from unittest.mock import patch
from uuid import UUID, uuid4

import pytest

from interlock.cli import spool
from interlock.client import Client, ServerAway
from interlock.runners import leases
from interlock.runners.asking import Asker, Kept, passed_by
from interlock.runners.deploying import AlreadyBegun, Job, execute
from interlock.runners.leases import Lease, kept_lease
from tests.cli.story import event
from tests.fixtures.ports import free_port
from tests.fixtures.postgres import PostgresServer, elsewhere
from tests.fixtures.server import config_text, serving, token_of
from tests.runners.deployable import DEVELOPERS as HERE
from tests.runners.deployable import Places, placed
from tests.runners.shop import ROOT
from tests.runners.test_child import state_of
from tests.runners.test_deploys_cut_short import gone, there
from tests.runners.test_killed import Restartable, wait_for
from tests.runners.warm_deploys import job_of

STEPS = ("looked", "started", "ended", "judged", "kept", "reported")
# A lease of fifteen minutes is over in three seconds.
FAST = 300
ONE = f"sha256:{'1' * 64}"


@dataclass
class Scene:
    """Environments, the Interlock that knows them, which can be killed, and a warm process that makes executors."""

    places: Places
    interlock: Restartable
    warm: subprocess.Popen[str]
    home: Path

    def asked(self) -> tuple[str, str]:
        """A release, and the number of the deploy that was asked for."""
        name = self.places.asked()
        [asked] = self.places.events(name, "DeployRequested")
        return name, asked["data"]["deploy"]

    def begin(self, release: str, deploy: str, step: str, what: str) -> Path:
        served, flag = self.places.served, self.home / f"{deploy}-{step}"
        assert served.now is not None
        spec = {
            "url": served.url, "project": served.project, "token": token_of("ci-1"), "now": served.now.isoformat(),
            "config": str(self.home / "interlock.toml"), "environment": HERE, "release": release, "deploy": deploy,
            "content": self.places.content(release), "step": step, "what": what, "flag": str(flag),
        }  # fmt: skip
        assert self.warm.stdin is not None
        self.warm.stdin.write(json.dumps(spec) + "\n")
        self.warm.stdin.flush()
        return flag

    def killed(self) -> bool:
        """Wait for the executor's end; tell whether it was killed."""
        assert self.warm.stdout is not None
        answer: dict[str, bool] = json.loads(self.warm.stdout.readline())
        return answer["killed"]


@pytest.fixture(scope="module")
def scenery(
    postgres_server: PostgresServer, team_template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Scene]:
    home = tmp_path_factory.mktemp("killed-deploys")
    elsewhere(postgres_server._copy("killed_deploys", team_template))
    config = home / "server.toml"
    config.write_text(config_text(dsns=postgres_server.embedded.dsns("killed_deploys")), encoding="utf-8")
    command = [sys.executable, "-m", "tests.runners.warm_deploys"]
    try:
        with serving(config, "--test-clock", "--port", str(free_port())) as served, placed(served, home) as places:
            warm = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT)
            restartable, first = Restartable(served, config), served.process
            try:
                yield Scene(places, restartable, warm, home)
            finally:
                warm.communicate(timeout=60)
                if served.process is not first:
                    restartable.kill()
    finally:
        elsewhere(postgres_server._drop("killed_deploys"))


@pytest.fixture
def scene(scenery: Scene) -> Iterator[Scene]:
    """The same, with nothing left over from the test before."""
    scenery.places[HERE].runs = ONE
    (scenery.places[HERE].folder / "pid").unlink(missing_ok=True)
    scenery.places[HERE].does()
    yield scenery
    settled(scenery.places)
    scenery.places.mended()


def settled(places: Places) -> None:
    """Let the lease be over, where one is held."""
    if places.state().get("lease") is not None:
        places.served.later(minutes=16)
        places.served["rm-1"].command("Annotate", {"target": 1, "kind": "remark", "text": "time goes by"})


def test_there_is_a_kill_for_each_step_that_is_reached() -> None:
    source = (ROOT / "services/interlock/runners/deploying/executing.py").read_text(encoding="utf-8")
    assert source.count("await asker.reached(") == len(STEPS)
    assert all(f'asker.reached("{step}")' in source for step in STEPS)


@pytest.mark.parametrize("step", STEPS)
def test_the_executor_is_killed(scene: Scene, step: str) -> None:
    places = scene.places
    name, deploy = scene.asked()
    scene.begin(name, deploy, step, "kill")
    assert scene.killed()
    happened = places.happened(name)
    assert happened.count("DeploySucceeded") == int(step == "reported")
    assert ("DeployStarted" in happened) == (step != "looked")
    if step in {"looked", "reported"}:
        assert places.state().get("lease") is None
        return
    said = places.dt(f"deploy {name} {HERE} --dry-run").stderr
    assert f"{deploy} of {name} was begun by ci-1 at" in said
    settled(places)
    assert places.state()["occupancy"]["state"] == "unsure"
    assert "DeploySucceeded" not in places.happened(name)
    if step not in {"judged", "kept"}:
        return
    # The same work, done again, ends the uncertainty: by its own start and report.
    assert places.dt(f"deploy {name} {HERE}", who="anton").code == 0
    assert places.dt(f"deploy {name} {HERE}").code == 0
    assert places.state()["occupancy"]["release"] == name


def test_the_executor_is_killed_while_its_command_runs(scene: Scene) -> None:
    places = scene.places
    name, deploy = scene.asked()
    places[HERE].does("echo $$ > pid; sleep 300 & wait")
    scene.begin(name, deploy, "never", "wait")
    there(places[HERE].folder / "pid")
    [executor] = Path(f"/proc/{scene.warm.pid}/task/{scene.warm.pid}/children").read_text().split()
    os.kill(int(executor), 9)
    assert scene.killed()
    gone(int((places[HERE].folder / "pid").read_text()))
    assert places[HERE].runs == ONE
    settled(places)
    assert places.state()["occupancy"]["state"] == "unsure"


@pytest.mark.parametrize("step", ["looked", "judged"])
def test_interlock_is_killed_and_comes_back(scene: Scene, step: str) -> None:
    places = scene.places
    name, deploy = scene.asked()
    flag = scene.begin(name, deploy, step, "wait")
    wait_for(flag)
    scene.interlock.kill()
    flag.with_suffix(".go").touch()
    scene.interlock.start()
    assert not scene.killed()
    assert flag.with_suffix(".result").read_text() == "Done"
    assert places.happened(name).count("DeploySucceeded") == places.happened(name).count("DeployStarted") == 1


# -- in this process, with a clock that runs fast


class Spooled:
    """Keeps reports as `dt` does, and notes when."""

    def __init__(self, places: Places) -> None:
        self.places = places

    def __call__(self, name: str, fields: Mapping[str, Any], key: UUID, happened_at: Any) -> object:
        served = self.places.served
        names = {"url": served.url, "project": served.project, "principal": "ci-1", "happened_at": happened_at}
        return spool.keep(name, fields, str(key), **names)


def fast(seconds: float) -> Any:
    return asyncio.sleep(seconds / FAST)


def fast_client(places: Places) -> Client:
    served = places.served
    client = Client(
        served.url, served.project, token_of("ci-1"), clock=monotonic, sleep=lambda seconds: sleep(seconds / FAST),
        new_id=uuid4, now=served.now,
    )  # fmt: skip
    served._opened.append(client)  # closed when the server is
    return client


def fast_asker(places: Places, reached: Any, keeper: Any = None) -> Asker:
    return Asker(fast_client(places), clock=lambda: monotonic() * FAST, sleep=fast, reached=reached, keeper=keeper)


def job_here(scene: Scene, name: str, deploy: str) -> Job:
    places = scene.places
    keeps = fast_client(places).put_evidence
    return job_of(scene.home / "interlock.toml", HERE, name, deploy, places.content(name), keeps)


@pytest.fixture
def own_spool(scene: Scene, tmp_path: Path) -> Iterator[Path]:
    """The spool of `dt` at this terminal."""
    home = Path(scene.places.terminal.environment("ci-1")["XDG_CONFIG_HOME"]) / "interlock"
    with patch.dict(os.environ, {"INTERLOCK_HOME": str(home)}):
        yield home / "spool"


async def test_a_lease_that_cannot_be_renewed_ends_the_command_before_it_ends_and_the_report_waits(
    scene: Scene, own_spool: Path
) -> None:
    places = scene.places
    name, deploy = scene.asked()
    places[HERE].does("echo $$ > pid; sleep 300 & wait")
    ended: list[float] = []
    began: list[float] = []

    async def reached(step: str) -> None:
        if step == "started":
            began.append(monotonic())
            scene.interlock.kill()
        if step == "ended":
            ended.append(monotonic())

    asker = fast_asker(places, reached, Spooled(places))
    job = job_here(scene, name, deploy)
    with pytest.raises(Kept):
        await execute(asker, job, uuid4())
    scene.interlock.start()
    assert (ended[0] - began[0]) * FAST < 15 * 60
    assert state_of(int((places[HERE].folder / "pid").read_text())) in {None, "Z", "X"}
    [waits] = spool.waiting()
    assert (waits.name, waits.fields["error"]) == (
        "ReportDeployFailed", "the lease ended, or could not be renewed, before the work did",
    )  # fmt: skip
    places.served.later(minutes=20)
    assert places.dt("sync").code == 0
    assert "DeployFailed" not in places.happened(name)
    assert places.state()["occupancy"]["state"] == "unsure"
    [fact] = places.served["anton"].get("/events", type="FactObserved", environment=HERE, limit=1)["events"]
    assert fact["occurred_at"] < fact["recorded_at"]


async def test_a_report_that_cannot_be_sent_waits_and_counts_within_its_lease(scene: Scene, own_spool: Path) -> None:
    places = scene.places
    name, deploy = scene.asked()

    async def reached(step: str) -> None:
        if step == "judged":
            scene.interlock.kill()

    job = job_here(scene, name, deploy)
    with pytest.raises(Kept):
        await execute(fast_asker(places, reached, Spooled(places)), job, uuid4())
    scene.interlock.start()
    assert "DeploySucceeded" not in places.happened(name)
    places.served.later(minutes=5)
    assert places.dt("sync").code == 0
    [succeeded] = places.events(name, "DeploySucceeded")
    assert succeeded["occurred_at"] < succeeded["recorded_at"]
    assert places.state()["occupancy"]["release"] == name


async def test_what_another_process_began_under_the_same_login_is_not_run_again(scene: Scene) -> None:
    places = scene.places
    name, deploy = scene.asked()
    places[HERE].does("echo begun >> begun")
    (places[HERE].folder / "begun").unlink(missing_ok=True)
    job = job_here(scene, name, deploy)

    async def reached(step: str) -> None:
        if step == "started":
            with pytest.raises(AlreadyBegun):
                await execute(fast_asker(places, passed_by), job, uuid4())

    await execute(fast_asker(places, reached), job, uuid4())
    assert (places[HERE].folder / "begun").read_text() == "begun\n"
    assert places.happened(name).count("DeploySucceeded") == 1


async def test_a_lease_that_is_broken_ends_the_command_and_its_end_is_an_observation(scene: Scene) -> None:
    places = scene.places
    name, deploy = scene.asked()
    places[HERE].does("echo $$ > pid; sleep 300 & wait")

    async def reached(step: str) -> None:
        if step == "started":
            lease = places.state()["lease"]["lease"]
            fields = {"environment": HERE, "lease": lease, "reason": "stuck"}
            places.served["rm-1"].command("BreakLease", fields)

    job = job_here(scene, name, deploy)
    done = await execute(fast_asker(places, reached), job, uuid4())
    assert event(done.answer, "FactObserved")["kind"] == "deploy"
    assert "DeployFailed" not in places.happened(name)
    assert places.state()["occupancy"]["state"] == "unsure"


async def test_a_renewal_that_hangs_does_not_keep_the_command_past_its_lease(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "MARGIN_SECONDS", 0.2)
    ended, over = asyncio.Event(), threading.Event()

    class Hangs:
        project, server_now = "demo", None

        def command(self, *args: Any, **named: Any) -> dict[str, Any]:
            assert over.wait(60)
            raise ServerAway("http://hangs", "no answer in time", 1, 3)

    async def end_work() -> None:
        ended.set()

    asker = Asker(Hangs(), clock=monotonic, sleep=asyncio.sleep)  # type: ignore[arg-type]
    lease = Lease("stage", "L-1", 1, seconds=0.9, until=monotonic() + 0.9)
    async with kept_lease(asker, lease, end_work):
        # The answer comes after the work was ended, however late that is: nobody waited for it.
        await asyncio.wait_for(ended.wait(), 30)
        over.set()
    assert lease.lost
