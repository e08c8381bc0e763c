"""From nothing to a team: `dt init`, `dt up`, `dt login`, `dt team`, `dt doctor`, on one machine."""

from __future__ import annotations

import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.cli.terminal import DT, HANGS_SECONDS, Terminal

pytestmark = pytest.mark.server
NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)


@contextmanager
def up(terminal: Terminal) -> Iterator[subprocess.Popen[str]]:
    """`dt up` on a free port; the terminal asks it from then on."""
    process = subprocess.Popen(
        [*DT, "up", "--test-clock", "--data", str(terminal.home / "data"), "--port", "0"], cwd=terminal.home,
        env=terminal.environment(None), text=True, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stderr is not None
    try:
        for row in process.stderr:
            found = re.search(r"✓ project demo at (http://\S+)", row)
            if found:
                terminal.url = found[1]
                break
        yield process
    finally:
        process.send_signal(signal.SIGINT)
        process.stderr.read()
        process.wait(HANGS_SECONDS)
        process.stderr.close()


def test_two_founders_begin_a_project_and_let_a_third_in(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path, "http://127.0.0.1:8787", now=NOW)
    made = terminal.dt("init", "--name", "demo", "--founder", "anton", "--founder", "berta", "--json", who=None).json
    with up(terminal) as process:
        for founder in made["founders"]:
            done = terminal.dt("login", "--code", founder["code"], who=None)
            assert done.code == 0, done.stderr
            assert f"you are {founder['principal']} (administrator)" in done.stdout
            assert terminal.dt("login", "--code", founder["code"], who=None).code == 4, "a code serves once"
        stored = tmp_path / "config" / "interlock" / "credentials.json"
        assert stored.stat().st_mode & 0o777 == 0o600

        asked = terminal.dt("team", "register", "carla", "--as", "anton", "--json", who=None).json
        [ask] = [event["data"]["ask"] for event in asked["events"]]
        assert asked["next"] == [{"command": f"dt confirm {ask}",
                                  "why": "another person, with an own login, decides it anew"}]  # fmt: skip
        assert terminal.dt("confirm", ask, "--as", "anton", who=None).code == 3, "one person is not two"
        assert "PrincipalRegistered" in terminal.dt("confirm", ask, "--as", "berta", who=None).stdout

        request = terminal.dt("login", "--request", "--principal", "carla", "--json", who=None).json
        issue = request["next"][0]["command"].split()[1:]
        [ask] = [
            event["data"]["ask"] for event in terminal.dt(*issue, "--as", "anton", "--json", who=None).json["events"]
        ]
        assert terminal.dt("status", "--as", "carla", who=None).code == 4
        assert terminal.dt("confirm", ask, "--as", "berta", who=None).code == 0
        assert terminal.dt("status", "--as", "carla", who=None).code == 0

        def red() -> set[str]:
            found = terminal.dt("doctor", "--as", "carla", "--json", who=None)
            assert found.code == 1
            return {each["check"] for each in found.json["checks"] if each["state"] == "red"}

        # Everything is in order but one thing: with three people who hold no role nobody can pass a gate yet.
        assert red() == {"people"}
        stored.chmod(0o644)
        assert red() == {"people", "logins"}
        stored.chmod(0o600)

        own = terminal.dt("team", "credential", "issue", "anton", "--as", "anton", "--days", "5", who=None)
        token = own.stdout.splitlines()[-1]
        assert terminal.dt("status", who=None, env={"INTERLOCK_TOKEN": token}).code == 0
        assert terminal.dt("logout", "--as", "carla", who=None).code == 0
        assert "carla" not in terminal.dt("login", "--list", who=None).stdout
    assert process.returncode == 0
