"""`dt up --kafka`: the same product, with each part as a process, that starts and ends as one."""

from __future__ import annotations

import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import httpx2
import pytest

from interlock.cli.commands import up as module
from interlock.serve.parts import PARTS
from tests.cli.terminal import DT, HANGS_SECONDS, Terminal
from tests.fixtures.kafka import Kafka
from tests.house.tree import REPOSITORY
from tests.relay.relays import seen
from tests.runners.test_child import state_of

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)


def test_dt_starts_every_part_that_there_is() -> None:
    assert {module.API, *module.OTHER_PARTS} == set(PARTS)


def children_of(pid: int, what: str = "interlock.serve") -> list[tuple[int, str]]:
    """The processes that `pid` started, with their command lines where `what` is in them."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                status, command = (entry / "stat").read_text(), (entry / "cmdline").read_text().replace("\0", " ")
            except OSError:
                continue
            if int(status.rpartition(") ")[2].split()[1]) == pid and what in command:
                found.append((int(entry.name), command))
    return found


def topics_of_its_own(terminal: Terminal, kafka: Kafka) -> None:
    """Tests share the broker and must not share topics; where Kafka is comes from the command line all the same."""
    with (terminal.home / "interlock.toml").open("a", encoding="utf-8") as config:
        config.write(f'\n[kafka]\nservers = "127.0.0.1:1"\ntopics = "{kafka.name("up")}"\n')


@dataclass
class Up:
    """What was started: its process, what it said until it was ready, and where each part says that it serves."""

    process: subprocess.Popen[str]
    said: list[str] = field(default_factory=list)

    @property
    def parts(self) -> dict[str, str]:
        return dict(
            re.findall(r"^Interlock \S+'s (\w+) serves project demo at (http://\S+)", "".join(self.said), re.MULTILINE)
        )


@contextmanager
def up(terminal: Terminal, command: Sequence[str]) -> Iterator[Up]:
    """A command that is `dt up` in the end, on a free port; the terminal asks it from then on."""
    environment = terminal.environment(None) | {"PYTHONPATH": str(REPOSITORY)}
    process = subprocess.Popen(
        command, cwd=terminal.home, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    assert process.stdout is not None
    try:
        started = Up(process)
        for row in process.stdout:
            started.said.append(row)
            found = re.search(r"✓ project demo at (http://\S+)", row)
            if found:
                terminal.url = found[1]
                break
        yield started
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        process.stdout.read()
        process.wait(HANGS_SECONDS)
        process.stdout.close()


def dt_up(terminal: Terminal, address: str, *options: str) -> list[str]:
    return [*DT, "up", "--data", str(terminal.home / "data"), "--port", "0", "--kafka", address, *options]


def make_up_kafka(home: Path, arguments: str) -> list[str]:
    """What `make up-kafka ARGS=…` runs, with the broker's files here instead of in the repository."""
    made = ["-o", ".venv/.ready", "-o", ".kafka/.ready"]
    binaries = f"BIN={Path(sys.executable).parent}"
    asked = ["make", "--dry-run", "--no-print-directory", *made, "up-kafka", binaries, f"ARGS={arguments}"]
    recipe = subprocess.run(asked, cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout
    command = shlex.split(recipe)
    behind = command.index("infra.kafka") + 1
    return [*command[:behind], "--data", str(home / "broker"), *command[behind:]]


def ended(pid: int) -> bool:
    """Whether a process runs no more; one that nobody has waited for counts as ended."""
    return state_of(pid) in {None, "Z", "X"}


@pytest.mark.server
async def test_make_up_kafka_starts_a_broker_and_each_part_serves_by_them_and_ends_them_all(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path, "http://127.0.0.1:8787")
    made = terminal.dt("init", "--name", "demo", "--founder", "anton", "--founder", "berta", "--json", who=None).json
    data = tmp_path / "data"
    command = make_up_kafka(tmp_path, f"--config {tmp_path / 'interlock.toml'} --data {data} --port 0")
    with up(terminal, command) as started:
        broker = re.findall(r"Kafka listens at (\S+);", started.said[0])[0]
        [dt] = [pid for pid, of in children_of(started.process.pid, "") if " up " in of]
        [kafka] = [pid for pid, of in children_of(started.process.pid, "") if " up " not in of]
        servers = children_of(dt)
        assert started.parts.keys() == PARTS.keys()
        assert terminal.dt("login", "--code", made["founders"][0]["code"], who=None).code == 0
        # What a command did is seen in the read models, which know of it by Kafka alone.
        recorded = terminal.dt("annotate", "1", "by Kafka", "--json", who=None)
        assert recorded.code == 0, recorded.stderr
        position = recorded.json["position"]
        assert terminal.dt("status", "--json", who=None).json["position"] >= position
        assert [record.position for record in await seen(broker, "interlock.events")] == list(range(1, position + 1))
        for part, url in started.parts.items():
            answer = httpx2.get(f"{url}/ready", timeout=HANGS_SECONDS)
            assert answer.json()["status"] == "ready", part
        healthy = terminal.dt("doctor", "--json", who=None).json["checks"]
        assert {each["check"]: each["state"] for each in healthy}["lag"] == "green"
    assert started.process.returncode == 0
    assert all(ended(pid) for pid in (dt, kafka, *(pid for pid, _ in servers)))
    assert not (data / "postgres" / "postmaster.pid").exists()
    # Asked to end, rather than left to be killed.
    assert "Terminating process due to signal SIGTERM" in (tmp_path / "broker" / "broker.log").read_text()


def test_where_one_part_ends_the_others_end_too(kafka: Kafka, tmp_path: Path) -> None:
    terminal = Terminal(tmp_path, "http://127.0.0.1:8787", now=NOW)
    terminal.dt("init", "--name", "demo", "--founder", "anton", "--founder", "berta", who=None)
    topics_of_its_own(terminal, kafka)
    with up(terminal, dt_up(terminal, kafka.address, "--test-clock")) as started:
        servers = children_of(started.process.pid)
        parts = {re.findall(r"--part (\w+)", command)[0] for _, command in servers}
        assert parts == started.parts.keys() == PARTS.keys() - {"watch"}, "a test clock's watch is in the API"
        [relay] = [pid for pid, command in servers if "--part relay" in command]
        subprocess.run(["kill", "-9", str(relay)], check=True)
        assert started.process.wait(HANGS_SECONDS) == 1
        # They ended before it; whoever inherits one takes it out of the table of processes in his own time.
        for pid, _ in servers:
            assert ended(pid)


@pytest.mark.server
def test_without_kafkas_address_everything_is_one_process(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path, "http://127.0.0.1:8787", now=NOW)
    terminal.dt("init", "--name", "demo", "--founder", "anton", "--founder", "berta", who=None)
    command = [*DT, "up", "--data", str(tmp_path / "data"), "--port", "0"]
    with subprocess.Popen(
        command, cwd=terminal.home, env=terminal.environment(None), text=True, stderr=subprocess.PIPE
    ) as process:
        assert process.stderr is not None
        while "✓ project demo" not in process.stderr.readline():
            pass
        assert len(children_of(process.pid)) == 1
        process.send_signal(signal.SIGTERM)
        process.stderr.read()
        assert process.wait(HANGS_SECONDS) == 0
