"""A deploy that is interrupted or killed: its command ends with it, and the next look says where things stand."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path
from time import monotonic, sleep

import pytest

from tests.runners.deployable import Places
from tests.runners.test_child import state_of

HERE = "sandbox-anton"
WAIT_SECONDS = 60.0


def there(path: Path) -> None:
    """Wait until something is written there."""
    began = monotonic()
    while not (path.exists() and path.read_text(encoding="utf-8").strip()):
        assert monotonic() - began < WAIT_SECONDS, f"nothing was written to {path}"
        sleep(0.01)


def gone(process: int) -> None:
    began = monotonic()
    while state_of(process) not in {None, "Z", "X"}:
        assert monotonic() - began < WAIT_SECONDS, f"{process} still runs"
        sleep(0.01)


def one_ended(processes: Sequence[subprocess.Popen[str]]) -> None:
    began = monotonic()
    while all(process.poll() is None for process in processes):
        assert monotonic() - began < WAIT_SECONDS, "all of them still run"
        sleep(0.01)


@pytest.mark.parametrize("what", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_deploy_ends_its_command_first_and_says_what_is_left(
    places: Places, what: signal.Signals
) -> None:
    name = places.asked()
    places[HERE].runs = f"sha256:{'1' * 64}"
    (places[HERE].folder / "pid").unlink(missing_ok=True)
    places[HERE].does("echo $$ > pid; sleep 300")
    process = places.begun(f"deploy {name} {HERE}")
    there(places[HERE].folder / "pid")
    process.send_signal(what)
    said, _ = process.communicate(timeout=WAIT_SECONDS)
    assert process.returncode == 130, said
    gone(int((places[HERE].folder / "pid").read_text()))
    [failed] = places.events(name, "DeployFailed")
    assert failed["data"]["error"] == "it was interrupted"
    assert failed["data"]["environment_left"] == "unchanged"
    assert places.state().get("lease") is None


def test_a_killed_deploy_is_found_again_and_leaves_nobody_knowing_until_two_persons_say(places: Places) -> None:
    name = places.asked()
    (places[HERE].folder / "pid").unlink(missing_ok=True)
    places[HERE].does("echo $$ > pid; sleep 300")
    process = places.begun(f"deploy {name} {HERE}")
    there(places[HERE].folder / "pid")
    process.kill()
    process.communicate(timeout=WAIT_SECONDS)
    gone(int((places[HERE].folder / "pid").read_text()))

    again = places.dt(f"deploy {name} {HERE}", who="anton")
    assert again.code == 3
    [started] = places.events(name, "DeployStarted")
    assert f"{started['data']['deploy']} of {name} was begun by ci-1 at" in again.stderr
    assert "its lease ends" in again.stderr
    assert f"deploy {started['data']['deploy']}" in places.dt(f"env show {HERE}", who="anton").stdout

    places.served.later(minutes=16)
    other = places.developed()
    refused = places.dt(f"deploy {other} {HERE}", who="anton")
    assert refused.code == 3
    assert f"nobody knows what runs in {HERE}" in refused.stderr
    assert f"dt env confirm {HERE}" in refused.stderr
    asked = places.dt(f"env confirm {HERE} empty -m looked --yes --json", who="rm-1")
    [ask] = [event["data"]["ask"] for event in asked.json["events"] if event["type"] == "SecondPersonAsked"]
    assert places.dt(f"confirm {ask}", who="rm-1").code != 0
    assert places.dt(f"confirm {ask}", who="qa-1").code == 0
    assert places.state()["occupancy"]["state"] == "empty"
    places[HERE].does()
    places.dt(f"deploy {other} {HERE}", who="anton")
    assert places.dt(f"deploy {other} {HERE}").code == 0


def test_the_same_deploy_is_tried_again_where_nobody_knows(places: Places) -> None:
    name = places.asked()
    places[HERE].does("rm -f runs; exit 4")
    assert places.dt(f"deploy {name} {HERE}").code == 11
    places[HERE].does()
    assert places.dt(f"deploy {name} {HERE}", who="anton").code == 0
    done = places.dt(f"deploy {name} {HERE}")
    assert done.code == 0, done.stderr
    assert places.state()["occupancy"]["release"] == name


def test_one_request_is_begun_once_by_whoever_is_first(places: Places) -> None:
    name = places.asked()
    for left in ("begun", "go"):
        (places[HERE].folder / left).unlink(missing_ok=True)
    # Whoever is first goes on until the other one has had its answer, however late that comes.
    places[HERE].does("echo begun >> begun; until [ -e go ]; do sleep 0.05; done")
    both = [places.begun(f"deploy {name} {HERE}") for _ in range(2)]
    one_ended(both)
    (places[HERE].folder / "go").touch()
    said = [process.communicate(timeout=WAIT_SECONDS)[0] for process in both]
    assert sorted(process.returncode for process in both) == [0, 3], said
    assert (places[HERE].folder / "begun").read_text() == "begun\n"
    assert places.happened(name).count("DeployStarted") == 1
