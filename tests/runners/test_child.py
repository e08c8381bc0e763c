"""A runner's child: told, kept, ended; and ended too when its runner is killed."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from time import monotonic

import pytest

from interlock.runners import child, leash
from interlock.runners.child import Child, Ended
from interlock.runners.commands import Configured, command_of, known_only, table_of
from interlock.runners.connections import NotConfigured

WAIT_SECONDS = 30.0


async def started(
    tmp_path: Path, script: str, told: Callable[[str], None] = lambda line: None, leaves: str = "end"
) -> Child:
    return await Child.start(
        ["/bin/sh", "-c", script],
        directory=tmp_path,
        environ=os.environ,
        clock=monotonic,
        told=told,
        leaves="leave" if leaves == "leave" else "end",
    )


async def ran(tmp_path: Path, script: str, told: Callable[[str], None] = lambda line: None) -> Ended:
    return await (await started(tmp_path, script, told)).wait()


def state_of(process: int) -> str | None:
    try:
        return Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    except OSError:
        return None


def number_in(path: Path) -> int | None:
    text = path.read_text(encoding="utf-8").strip() if path.exists() else ""
    return int(text) if text else None


async def gone(process: int) -> None:
    """Wait until a process runs no more; one that nobody has waited for counts as gone."""
    began = monotonic()
    while monotonic() - began < WAIT_SECONDS:
        if state_of(process) in {None, "Z", "X"}:
            return
        await asyncio.sleep(0.02)
    raise AssertionError(f"{process} still runs")


async def written(path: Path) -> int:
    """Wait until a script has written a process's number there."""
    began = monotonic()
    while monotonic() - began < WAIT_SECONDS:
        if (number := number_in(path)) is not None:
            return number
        await asyncio.sleep(0.02)
    raise AssertionError(f"nothing was written to {path.name}")


async def test_its_lines_are_told_as_they_come_and_its_end_is_known(tmp_path: Path) -> None:
    lines: list[str] = []
    ended = await ran(tmp_path, "echo one; echo two >&2; printf 'last\\377'; exit 7", lines.append)
    assert lines == ["one", "two", "last\ufffd"]
    assert (ended.code, ended.ended_by_us, ended.how) == (7, False, "it ended with 7")
    assert ended.tail == b"one\ntwo\nlast\xff"
    assert ended.written == len(ended.tail)


async def test_of_much_output_the_end_is_kept(tmp_path: Path) -> None:
    ended = await ran(tmp_path, "head -c 1000000 /dev/zero | tr '\\0' x; printf THE-END")
    assert ended.written == 1_000_007
    assert len(ended.tail) == child.TAIL_BYTES_MAX
    assert ended.tail.endswith(b"xTHE-END")


async def test_a_command_that_there_is_not_says_so(tmp_path: Path) -> None:
    lines: list[str] = []
    process = await Child.start(
        ["no-such-command"], directory=tmp_path, environ=os.environ, clock=monotonic, told=lines.append
    )
    ended = await process.wait()
    assert ended.how == "there is no such command (127)"
    assert "no-such-command: there is no such command here" in lines[0]


async def test_a_signal_that_ends_it_is_told(tmp_path: Path) -> None:
    assert (await ran(tmp_path, "kill -9 $$")).how == "it was ended by signal 9"


async def test_it_has_nothing_to_read(tmp_path: Path) -> None:
    assert (await ran(tmp_path, "read line || echo nothing")).tail == b"nothing\n"


async def test_ending_it_ends_what_it_started_in_a_session_of_its_own_too(tmp_path: Path) -> None:
    process = await started(tmp_path, "setsid sh -c 'echo $$ > far; exec sleep 300' & echo $$ > near; sleep 300")
    waiting = asyncio.create_task(process.wait())
    far, near = await written(tmp_path / "far"), await written(tmp_path / "near")
    await process.end()
    ended = await waiting
    assert ended.ended_by_us
    assert ended.how == "it was ended"
    await gone(far)
    await gone(near)


async def test_what_does_not_listen_is_killed_after_the_grace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child, "GRACE_SECONDS", 0.2)
    process = await started(tmp_path, "trap '' TERM; echo $$ > deaf; while :; do sleep 1; done")
    waiting = asyncio.create_task(process.wait())
    deaf = await written(tmp_path / "deaf")
    await process.end()
    await waiting
    await gone(deaf)


async def test_whoever_stops_waiting_ends_it(tmp_path: Path) -> None:
    process = await started(tmp_path, "echo $$ > it; exec sleep 300")
    waiting = asyncio.create_task(process.wait())
    running = await written(tmp_path / "it")
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await gone(running)


def test_the_command_itself_is_ended_also_where_it_is_not_seen_among_the_processes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(leash, "descendants", lambda _leader: [])
    with subprocess.Popen(["/bin/sleep", "300"]) as command:
        waiting = threading.Thread(target=command.wait)
        waiting.start()
        leash.end_all(command, grace=WAIT_SECONDS)
        assert command.returncode == -signal.SIGTERM
        waiting.join()


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
async def test_when_its_runner_is_killed_it_is_ended(tmp_path: Path, how: signal.Signals) -> None:
    runner = tmp_path / "runner.py"
    runner.write_text(
        "import asyncio, os, pathlib, time\n"
        "from interlock.runners.child import run\n"
        "asyncio.run(run(['/bin/sh', '-c', 'setsid sleep 300 & echo $! > far; echo $$ > it; exec sleep 300'],\n"
        "    directory=pathlib.Path('.'), environ=os.environ, clock=time.monotonic, told=print))\n",
        encoding="utf-8",
    )
    process = await asyncio.create_subprocess_exec(sys.executable, str(runner), cwd=tmp_path)
    running, far = await written(tmp_path / "it"), await written(tmp_path / "far")
    process.send_signal(how)
    await process.wait()
    await gone(running)
    await gone(far)


@pytest.mark.parametrize("leaves", ["end", "leave"])
async def test_what_it_leaves_running_is_ended_or_left_as_asked(tmp_path: Path, leaves: str) -> None:
    process = await started(tmp_path, "sleep 300 & echo $! > daemon", leaves=leaves)
    ended = await process.wait()
    assert (ended.code, ended.ended_by_us) == (0, False)
    daemon = await written(tmp_path / "daemon")
    if leaves == "leave":
        os.kill(daemon, signal.SIGKILL)  # it was there: a process that is gone would raise
    await gone(daemon)


def test_a_command_is_a_list_of_words_or_one_text(tmp_path: Path) -> None:
    assert command_of(["a", "b c"], "tests.command", tmp_path) == Configured(("a", "b c"), tmp_path)
    assert command_of("a 'b c' $HOME", "tests.command", tmp_path).words == ("a", "b c", "$HOME")
    filled = command_of(["x", "--to={report}", "{other}"], "t", tmp_path).with_values(report="/r", release="1")
    assert filled == ("x", "--to=/r", "{other}")


@pytest.mark.parametrize("value", [None, "", [], [""], ["a", 1], 7, "it's"])
def test_what_is_no_command_is_named_by_its_setting(tmp_path: Path, value: object) -> None:
    with pytest.raises(NotConfigured, match=r"^tests\.command: "):
        command_of(value, "tests.command", tmp_path)


def test_a_slip_of_the_pen_in_a_table_is_told() -> None:
    document = {"tests": {"comand": "x"}, "logs": 3}
    with pytest.raises(NotConfigured, match=r"tests\.comand: there is no such setting; there are command, report"):
        known_only(table_of(document, "tests"), frozenset({"command", "report"}), "tests")
    with pytest.raises(NotConfigured, match="logs: it is no table"):
        table_of(document, "logs")
    assert table_of(document, "tests", "none") == {}
