"""`dt up --kafka`: the same product, with each part as a process, that starts and ends as one."""

from __future__ import annotations

import re
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from interlock.cli.commands import up as module
from interlock.serve.parts import PARTS
from tests.cli.terminal import DT, HANGS_SECONDS, Terminal
from tests.fixtures.kafka import Kafka

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)


def test_dt_starts_every_part_that_there_is() -> None:
    assert {module.API, *module.OTHER_PARTS} == set(PARTS)


def children_of(pid: int) -> list[tuple[int, str]]:
    """The processes that `pid` started, with their command lines."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                status, command = (entry / "stat").read_text(), (entry / "cmdline").read_text().replace("\0", " ")
            except OSError:
                continue
            if int(status.rpartition(") ")[2].split()[1]) == pid and "interlock.serve" in command:
                found.append((int(entry.name), command))
    return found


def topics_of_its_own(terminal: Terminal, kafka: Kafka) -> None:
    """Tests share the broker and must not share topics; where Kafka is comes from the command line all the same."""
    with (terminal.home / "interlock.toml").open("a", encoding="utf-8") as config:
        config.write(f'\n[kafka]\nservers = "127.0.0.1:1"\ntopics = "{kafka.name("up")}"\n')


@contextmanager
def up(terminal: Terminal, address: str, *options: str) -> Iterator[subprocess.Popen[str]]:
    """`dt up --kafka` on a free port; the terminal asks it from then on."""
    process = subprocess.Popen(
        [*DT, "up", "--data", str(terminal.home / "data"), "--port", "0", "--kafka", address, *options],
        cwd=terminal.home, env=terminal.environment(None), text=True, stderr=subprocess.PIPE,
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
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        process.stderr.read()
        process.wait(HANGS_SECONDS)
        process.stderr.close()


def test_it_starts_each_part_serves_and_ends_all_of_them(kafka: Kafka, tmp_path: Path) -> None:
    terminal = Terminal(tmp_path, "http://127.0.0.1:8787", now=NOW)
    made = terminal.dt("init", "--name", "demo", "--founder", "anton", "--founder", "berta", "--json", who=None).json
    topics_of_its_own(terminal, kafka)
    with up(terminal, kafka.address, "--test-clock") as process:
        parts = {re.findall(r"--part (\w+)", command)[0] for _, command in children_of(process.pid)}
        assert parts == PARTS.keys() - {"watch"}, "a test clock's watch is in the API"
        assert terminal.dt("login", "--code", made["founders"][0]["code"], who=None).code == 0
        assert terminal.dt("status", "--as", "anton", who=None).code == 0
        started = children_of(process.pid)
    assert process.returncode == 0
    assert not [pid for pid, _ in started if Path(f"/proc/{pid}").exists()]
    assert not (tmp_path / "data" / "postgres" / "postmaster.pid").exists()


def test_where_one_part_ends_the_others_end_too(kafka: Kafka, tmp_path: Path) -> None:
    terminal = Terminal(tmp_path, "http://127.0.0.1:8787", now=NOW)
    terminal.dt("init", "--name", "demo", "--founder", "anton", "--founder", "berta", who=None)
    topics_of_its_own(terminal, kafka)
    with up(terminal, kafka.address) as process:
        started = children_of(process.pid)
        assert {re.findall(r"--part (\w+)", command)[0] for _, command in started} == PARTS.keys()
        [relay] = [pid for pid, command in started if "--part relay" in command]
        subprocess.run(["kill", "-9", str(relay)], check=True)
        assert process.wait(HANGS_SECONDS) == 1
        time.sleep(0.1)
        assert not [pid for pid, _ in started if Path(f"/proc/{pid}").exists()]


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
