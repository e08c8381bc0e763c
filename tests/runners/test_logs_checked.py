"""`dt logs check`: what was read is recorded, by a service with the role runner; what was not is said."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from interlock.cli.ending import run
from interlock.runners.logs import checking
from tests.cli.story import Story
from tests.cli.terminal import DT, Terminal
from tests.fixtures.postgres import PostgresServer, elsewhere
from tests.fixtures.server import Served, config_text, serving
from tests.runners.test_child import WAIT_SECONDS
from tests.runners.test_logs import renamed

pytestmark = pytest.mark.server
CONFIG = """
project = "demo"
[logs.production]
files = ["logs/*.log"]
patterns = [
    { name = "orders are lost", match = "order \\\\d+ lost", severity = "critical" },
    { name = "slow", match = "took \\\\d{5,} ms", severity = "low" },
]
"""


@dataclass
class Here:
    """A machine with the logs on it, and the one server of these tests."""

    served: Served
    terminal: Terminal
    folder: Path
    began: int = 0

    @property
    def now(self) -> datetime:
        assert self.served.now is not None
        return self.served.now

    def write(self, *texts: str, minutes: float = 0) -> None:
        at = self.now + timedelta(minutes=minutes)
        with (self.folder / "shop.log").open("a", encoding="utf-8") as file:
            file.writelines(f"{at.isoformat()} {text}\n" for text in texts)
        os.utime(self.folder / "shop.log", (at.timestamp(), at.timestamp()))

    def later(self, minutes: float) -> None:
        self.served.later(minutes=minutes)
        self.terminal.now = self.now

    def check(self, *words: str, who: str = "ci-1") -> tuple[int, dict[str, Any]]:
        said = io.StringIO()
        with (
            patch.dict(os.environ, self.environment(who), clear=True),
            redirect_stdout(said),
            redirect_stderr(io.StringIO()),
        ):
            code = run(["logs", "check", "--json", *words])
        return code, json.loads(said.getvalue())

    def environment(self, who: str) -> dict[str, str]:
        return {**self.terminal.environment(who), "INTERLOCK_CONFIG": str(self.terminal.home / "interlock.toml")}

    def events(self, kind: str) -> list[dict[str, Any]]:
        """What this test brought about, the newest first."""
        found = self.served["rm-1"].get("/events", type=kind, data="true")["events"]
        return [event for event in found if event["position"] > self.began]

    def open_problems(self) -> list[str]:
        return [each["title"] for each in self.served["rm-1"].get("/problems")["problems"]]


@pytest.fixture(scope="module")
def watched(
    postgres_server: PostgresServer, team_template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    """One server for all tests here, each of which begins where somebody has just read the logs."""
    name = "watched_logs"
    elsewhere(postgres_server._copy(name, team_template))
    config = tmp_path_factory.mktemp("watched") / "interlock.toml"
    config.write_text(config_text(dsns=postgres_server.embedded.dsns(name)), encoding="utf-8")
    try:
        with serving(config, "--test-clock") as served:
            Story(served).begin()
            yield served
    finally:
        elsewhere(postgres_server._drop(name))


@pytest.fixture
def here(watched: Served, tmp_path: Path) -> Here:
    home = tmp_path / "home"
    (home / "logs").mkdir(parents=True)
    (home / "interlock.toml").write_text(CONFIG, encoding="utf-8")
    assert watched.now is not None
    began = watched.now
    watched.later(minutes=1)
    qa = watched["qa-1"]
    since = began - timedelta(hours=5)
    fields = {"environment": "production", "since": since.isoformat(), "until": watched.now.isoformat()}
    qa.command("CheckLogs", {**fields, "result": "clean"})
    for problem in qa.get("/problems")["problems"]:
        qa.command("ResolveProblem", {"problem": problem["problem"], "how": "the queue was drained"})
    made = Here(watched, Terminal(home, watched.url, watched.project, watched.now), home / "logs")
    made.began = int(qa.get("/whoami")["position"])
    made.write("before the release", minutes=-1)
    return made


def test_hour_by_hour_what_was_read_is_recorded_once(here: Here) -> None:
    here.write("order 1 accepted", minutes=20)
    here.later(50)
    code, first = here.check()
    assert (code, first["result"], first["whole"]) == (0, "clean", True)
    [checked] = here.events("LogsChecked")
    assert checked["data"]["result"] == "clean"
    assert checked["by"] == "ci-1"
    report = json.loads(here.served["rm-1"].get_evidence(checked["data"]["report"]))
    assert report["sources"][0]["read"][0]["path"] == str(here.folder / "shop.log")

    here.write("order 2 lost", "order 3 lost", "order 4 took 10000 ms")
    renamed(here.folder / "shop.log")
    here.write("order 5 lost", minutes=1)
    here.later(50)
    code, second = here.check()
    assert (code, second["result"]) == (0, "findings")
    assert [(each["pattern"], each["lines"]) for each in second["matches"]] == [("orders are lost", 3), ("slow", 1)]
    assert second["since"] == first["until"]
    assert sorted(here.open_problems()) == ["orders are lost", "slow"]
    [problem, _] = sorted(here.events("ProblemReported"), key=lambda event: str(event["data"]["title"]))
    assert (problem["data"]["release"], problem["data"]["severity"]) == ("4.11.2", "critical")
    assert len(here.events("MisbehaviourDetected")) == 2
    evidence = here.served["rm-1"].get_evidence(second["report"]).decode()
    assert "order 5 lost" in evidence
    assert "order 1 accepted" not in evidence, "only lines that matched are kept"

    # An hour later it is still so: said of the same problem.
    here.write("order 6 lost")
    here.later(50)
    assert here.check()[1]["matches"][0]["lines"] == 1
    assert len(here.events("ProblemReported")) == 2
    assert len(here.events("MisbehaviourDetected")) == 3
    # The watch had nothing to miss.
    assert here.events("LogCheckMissed") == []


def test_what_cannot_be_read_is_no_check_and_the_silence_is_missed(here: Here) -> None:
    here.later(50)
    assert here.check()[0] == 0
    here.write("order 1 accepted")
    (here.folder / "shop.log").unlink()
    here.write("order 2 lost", minutes=1)
    here.later(50)
    code, told = here.check()
    assert (code, told["result"], told["until"], told["whole"]) == (11, "findings", None, False)
    assert "in none of its files" in told["missing"][0]
    assert len(here.events("LogsChecked")) == 1
    # What was seen all the same is told, and once.
    assert here.open_problems() == ["orders are lost"]
    here.later(30)
    assert here.check()[0] == 11
    assert here.open_problems() == ["orders are lost"]
    here.later(1)
    assert [event["data"]["environment"] for event in here.events("LogCheckMissed")] == ["production"]
    # A person answers for the gap, and the next check goes on behind it.
    by_hand = told["next"][0]["command"].split()
    assert by_hand[:4] == ["dt", "logs", "checked", "production"]
    done = here.terminal.dt("logs", "checked", "production", "--findings", "the log of an hour is gone", who="qa-1")
    assert done.code == 0, done.stderr
    here.write("order 3 accepted", minutes=1)
    here.later(30)
    code, told = here.check()
    assert (code, told["result"], told["sources"][0]["lines"]) == (0, "clean", 1)


def test_a_tool_that_is_missing_or_a_log_that_is_not_configured_is_said(here: Here) -> None:
    here.later(50)
    config = here.terminal.home / "interlock.toml"
    text = config.read_text(encoding="utf-8")
    config.write_text(text.replace('files = ["logs/*.log"]', 'journald = "shop.service"'), encoding="utf-8")
    with patch.dict(os.environ, {"PATH": str(here.folder)}):
        code, told = here.check()
    assert code == 11
    assert "there is no journalctl on this machine" in told["missing"][0]
    assert here.events("LogsChecked") == []
    code, told = here.check("stage")
    assert code == 2
    assert "logs.stage: it is missing" in told["detail"]


def test_a_person_s_word_is_taken_and_a_reviewer_s_is_not(here: Here) -> None:
    here.later(50)
    code, told = here.check(who="reviewer-1")
    assert (code, here.events("LogsChecked")) == (4, [])
    assert "role-held" in json.dumps(told)
    code, told = here.check(who="anton")
    assert code == 0, told


def test_evidence_that_is_not_there_is_not_named(here: Here) -> None:
    here.later(50)
    fields = {
        "environment": "production",
        "since": (here.now - timedelta(minutes=50)).isoformat(),
        "until": here.now.isoformat(),
        "result": "clean",
        "report": "sha256:" + "0" * 64,
    }
    problem = here.served.refused("ci-1", "CheckLogs", fields)
    assert "nothing is kept under" in json.dumps(problem)


def test_killed_before_it_recorded_the_next_check_reads_the_same_again(
    here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    async def dies(*_: object, **__: object) -> None:
        raise Killed

    here.write("order 1 lost", minutes=1)
    here.later(50)
    with monkeypatch.context() as broken:
        broken.setattr(checking.Reader, "_recorded", dies)
        with pytest.raises(Killed):
            here.check()
    assert here.events("LogsChecked") == []
    code, told = here.check()
    assert (code, told["matches"][0]["lines"]) == (0, 1)


def test_without_cron_it_goes_on_by_itself_until_it_is_stopped(here: Here) -> None:
    here.write("order 1 lost", minutes=1)
    here.later(50)
    process = subprocess.Popen(
        [*DT, "logs", "check", "--every", "1h", "--json"], cwd=here.terminal.home, env=here.environment("ci-1"),
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        document = ""
        for row in process.stdout:
            document += row
            if document.count("{") == document.count("}"):
                break
        assert json.loads(document)["result"] == "findings"
        assert process.poll() is None, "it waits for the next hour"
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(WAIT_SECONDS) == 130
        process.stdout.close()
