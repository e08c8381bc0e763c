"""The runner of the tests killed with -9 at each step: its child dies, nothing is recorded that did not happen, and
once its lease has expired the next run begins; a verdict that comes later is refused."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from interlock.client import ProblemAnswer
from tests.fixtures.server import token_of
from tests.runners.laboratory import ERASING, GREEN, RELEASE, Laboratory, gone, hanging, kill, reporting, written
from tests.runners.shop import ROOT

STEPS = ("looked", "started", "erasing", "erased", "erase-reported", "running", "ran", "kept", "reported")


@pytest.fixture(scope="module")
def warm() -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "tests.runners.warm_testing"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        yield process
        process.communicate(timeout=60)


def killed_at(lab: Laboratory, warm: subprocess.Popen[str], step: str) -> bool:
    """Let a runner go up to the step; tell whether it was killed there."""
    assert lab.served.now is not None
    assert warm.stdin is not None
    assert warm.stdout is not None
    spec = {
        "url": lab.served.url,
        "project": lab.served.project,
        "token": token_of("ci-1"),
        "now": lab.served.now.isoformat(),
        "home": str(lab.home),
        "dsn": lab.dsn,
        "identity": {"system_identifier": lab.identity.system_identifier, "database": lab.identity.database},
        "step": step,
    }
    warm.stdin.write(json.dumps(spec) + "\n")
    warm.stdin.flush()
    answer: dict[str, bool] = json.loads(warm.stdout.readline())
    return answer["killed"]


def report(run: dict[str, Any], digest: str) -> dict[str, Any]:
    return {
        "environment": "tests", "run": run["run"], "fencing_token": run["fencing_token"], "verdict": "passed",
        "suite_digest": digest, "report": digest, "started_at": "2026-11-16T08:00:00Z",
        "finished_at": "2026-11-16T08:01:00Z",
        "counts": {"total": 1, "passed": 1, "failed": 0, "skipped": 0},
    }  # fmt: skip


@pytest.mark.parametrize("step", STEPS)
async def test_the_runner_is_killed(lab: Laboratory, warm: subprocess.Popen[str], step: str) -> None:
    lab.fill()
    before = lab.position()
    lab.write(reporting(GREEN, first=f"echo $$ > {lab.home}/it"), erase=ERASING)
    assert killed_at(lab, warm, step)
    if (lab.home / "it").exists():
        gone(int((lab.home / "it").read_text()))
    recorded = lab.types(before)
    assert ("TestsPassed" in recorded) == (step == "reported")
    assert ("DataErased" in recorded) == (step in STEPS[STEPS.index("erase-reported") :])
    assert (lab.rows() == 0) == (step in STEPS[STEPS.index("erased") :])
    held = step not in {"looked", "reported"}
    assert (lab.holder() is not None) == held
    lab.expire()
    assert lab.holder() is None
    assert ("TestRunAborted" in lab.types(before)) == held
    if held:
        [run] = lab.events("TestRunStarted")
        with pytest.raises(ProblemAnswer, match=r"refused|lease"):
            lab.client().command("ReportTestRun", report(run, lab.client().put_evidence(b"late", "text/plain")))
        assert "TestsPassed" not in lab.types(before)


async def test_a_child_that_is_running_dies_with_its_runner_and_the_next_run_gives_the_verdict(
    lab: Laboratory,
) -> None:
    """Here the runner is `dt`, and the child would run for minutes."""
    lab.write(hanging(lab.home))
    process = lab.begin_dt("test")
    it, far = written(lab.home / "it"), written(lab.home / "far")
    code, _, _ = kill(process, signal.SIGKILL)
    assert code == -9
    gone(it, far)
    busy = lab.dt("test")
    assert (busy.code, "another run holds tests: R-" in busy.stderr) == (3, True)
    lab.expire()
    outcome = await lab.run(lab.job(reporting(GREEN)))
    assert (outcome.begun.release, outcome.answer["events"][1]["type"]) == (RELEASE, "TestsPassed")
