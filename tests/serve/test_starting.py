"""A server starts from one file, says when it is ready, and when it does not start it says why in one line."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import httpx2
import pytest

from interlock.client import Client, ProblemAnswer, ServerAway
from interlock.ledger.embedded import Dsns, EmbeddedPostgres
from tests.fixtures.server import BEGINS, Served, config_text, enrol, enrolment_of, serving, token_of

# Servers with a real clock are told so: whenever it is, that lies ahead.
UNTIL = (datetime.now(UTC) + timedelta(days=300)).isoformat()
DSN_WITH_PASSWORD = "postgresql://somebody:secret-word@/x"


def start(config: Path, *options: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run a server that is expected not to start."""
    command = [sys.executable, "-m", "interlock.serve", "--config", str(config), "--port", "0", *options]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=60, env={**os.environ, **(env or {})}, check=False
    )


def written(directory: Path, text: str) -> Path:
    path = directory / "interlock.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_embedded_trial_starts_stops_and_keeps_what_was_recorded(tmp_path: Path) -> None:
    config = written(tmp_path, config_text())
    with serving(config, "--test-clock") as served:
        assert (tmp_path / ".interlock" / "postgres" / "PG_VERSION").exists()
        enrol(served, "admin-1", enrolment_of("admin-1"), UNTIL)
        position = served["admin-1"].get("/whoami")["position"]
        assert served["admin-1"].server("/v1")["test_clock"] is True
    assert served.process.returncode == 0
    assert not (tmp_path / ".interlock" / "postgres" / "postmaster.pid").exists()
    with serving(config, "--test-clock") as served:
        assert served["admin-1"].get("/whoami")["position"] == position


def test_an_embedded_postgresql_that_is_killed_is_started_again_and_keeps_what_was_recorded(tmp_path: Path) -> None:
    config = written(tmp_path, config_text())
    with serving(config, "--test-clock") as served:
        enrol(served, "admin-1", enrolment_of("admin-1"), UNTIL)
        for number in range(2):
            key = str(uuid4())
            remark = {"target": 1, "kind": "remark", "text": f"before crash {number}"}
            first = served["admin-1"].command("Annotate", remark, idempotency_key=key)
            EmbeddedPostgres(tmp_path / ".interlock").kill()
            assert httpx2.get(f"{served.url}/health").status_code == 200
            again = answered(served, "Annotate", remark, key)
            assert (again["repeated"], again["position"]) == (True, first["position"])
    assert served.process.returncode == 0
    assert not (tmp_path / ".interlock" / "postgres" / "postmaster.pid").exists()


def test_the_last_server_to_leave_stops_the_embedded_postgresql_also_after_a_crash(tmp_path: Path) -> None:
    config = written(tmp_path, config_text())
    postgres = EmbeddedPostgres(tmp_path / ".interlock")
    with serving(config, "--test-clock") as crashed:
        enrol(crashed, "admin-1", enrolment_of("admin-1"), UNTIL)
        crashed.process.kill()
        crashed.process.wait()
    assert postgres.is_running()
    with serving(config, "--test-clock") as first:
        with serving(config, "--test-clock") as second:
            first.process.terminate()
            assert first.process.wait(30) == 0
            assert second["admin-1"].get("/whoami")["principal"] == "admin-1"
        assert second.process.returncode == 0
    assert not postgres.is_running()


def answered(served: Served, command: str, fields: dict[str, object], key: str) -> dict[str, object]:
    """The answer, however often it takes to ask; the deadline is against hangs only."""
    deadline = time.monotonic() + 60
    while True:
        try:
            return served["admin-1"].command(command, fields, idempotency_key=key)
        except (ProblemAnswer, ServerAway):
            assert time.monotonic() < deadline


def test_on_the_real_clock_the_project_begins_at_once_and_the_test_header_is_refused(
    dsns: Dsns, tmp_path: Path
) -> None:
    with serving(written(tmp_path, config_text(dsns=dsns))) as served:
        served.now = None
        code = served.client(enrolment_of("admin-1"))
        assert code.get("/whoami")["purpose"] == "enrolment"
        answer = httpx2.get(f"{served.url}/v1").json()
        assert (answer["test_clock"], answer["projects"]) == (False, ["demo"])
        ready = httpx2.get(f"{served.url}/ready").json()
        assert ready["parts"] == {"ledger": "ok", "desk": "ok", "read models": "ok", "watch": "ok"}
        served.now = BEGINS
        refused = served.client(enrolment_of("admin-1"))._http.get("/v1/demo/whoami")
        assert (refused.status_code, refused.json()["type"]) == (400, "/problems/no-test-clock")


def test_two_servers_on_one_database_begin_the_project_once(dsns: Dsns, tmp_path: Path) -> None:
    places = [tmp_path / name for name in ("one", "two")]
    for place in places:
        place.mkdir()
        written(place, config_text(dsns=dsns))
    with serving(places[0] / "interlock.toml") as one, serving(places[1] / "interlock.toml") as two:
        one.now = two.now = None
        positions = [served.client(enrolment_of("admin-1")).get("/whoami")["position"] for served in (one, two)]
        assert positions[0] == positions[1]


def test_the_descriptor_tells_readiness_too(dsns: Dsns, tmp_path: Path) -> None:
    config = written(tmp_path, config_text(dsns=dsns))
    ours, theirs = os.pipe()
    command = [
        sys.executable,
        "-m",
        "interlock.serve",
        "--config",
        str(config),
        "--port",
        "0",
        "--ready-fd",
        str(theirs),
    ]
    process = subprocess.Popen(command, pass_fds=[theirs], stdout=subprocess.DEVNULL)
    os.close(theirs)
    with os.fdopen(ours, encoding="utf-8") as told:
        document = json.loads(told.readline())
        assert told.read() == ""
    assert httpx2.get(document["url"] + "/health").status_code == 200
    process.terminate()
    assert process.wait(30) == 0


@pytest.mark.parametrize(
    "text, says, code",
    [
        ("nonsense", "interlock.toml", 2),
        (config_text(more="polcy = 'weekend'"), "polcy", 2),
        (config_text(more="policy = 'whenever'"), "whenever", 2),
        (config_text(project="a/b"), "project", 2),
        (config_text(more="[server]\nprot = 8787"), "prot", 2),
        (config_text().replace("admin-2", "admin-1"), "founders", 2),
        (config_text(more="[database]\napp = 'env:INTERLOCK_NO_SUCH'"), "INTERLOCK_NO_SUCH", 2),
        (config_text(more=f"[database]\napp = '{DSN_WITH_PASSWORD}'"), "password", 2),
        (config_text(more="[database]\napp = 'postgresql:///x?host=/nowhere'"), "database", 7),
    ],
)
def test_a_server_that_does_not_start_says_why_in_one_line(tmp_path: Path, text: str, says: str, code: int) -> None:
    done = start(written(tmp_path, text))
    assert done.returncode == code, done.stderr
    [line] = done.stderr.splitlines()
    assert line.startswith("✗ interlock does not start: ")
    assert says in line
    assert ". Next: " in line
    assert "secret-word" not in line


def test_a_missing_file_a_taken_port_and_a_real_database_are_told_too(dsns: Dsns, tmp_path: Path) -> None:
    assert "dt init" in start(tmp_path / "nowhere.toml").stderr
    config = written(tmp_path, config_text(dsns=dsns))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = start(config, "--port", str(taken.getsockname()[1]))
    assert done.returncode == 1
    assert "address" in done.stderr
    done = start(config, "--test-clock")
    assert done.returncode == 2
    assert "--test-clock" in done.stderr


def test_a_real_server_never_runs_on_a_test_database_with_a_clock_that_stands(server: Served) -> None:
    done = start(server.config)
    assert done.returncode == 2, done.stderr
    assert "test database" in done.stderr


def test_a_policy_of_ones_own_is_read_from_its_file(dsns: Dsns, tmp_path: Path) -> None:
    from interlock.domain.policy import shipped

    document = {**shipped("weekend"), "lease_minutes": 10}
    (tmp_path / "policy.json").write_text(json.dumps(document), encoding="utf-8")
    text = config_text(dsns=dsns, more='policy = "policy.json"')
    with serving(written(tmp_path, text)) as served:
        served.now = None
        code: Client = served.client(enrolment_of("admin-1"))
        assert code.get("/whoami")["principal"] == "admin-1"
    (tmp_path / "policy.json").write_text(json.dumps({**document, "lease_minutes": 600}), encoding="utf-8")
    done = start(tmp_path / "interlock.toml")
    assert done.returncode == 2
    assert "lease_minutes" in done.stderr


def test_a_token_is_no_part_of_any_output(server: Served) -> None:
    server["anton"].get("/whoami")
    assert token_of("anton") not in server.config.with_name("server.log").read_text(encoding="utf-8")
