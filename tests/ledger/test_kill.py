"""Four writers in two processes leave no gap; what holds when they are killed, tests/fire shows."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import sleep
from typing import Any
from uuid import UUID

import orjson

from interlock.ledger import Ledger, Stored
from interlock.ledger.embedded import Dsns
from tests.ledger.rows import PROJECT

ROOT = Path(__file__).resolve().parents[2]
PROCESSES = 2
WRITERS_EACH = 2


@contextmanager
def writers(dsn: str, tmp_path: Path, *, each: int = WRITERS_EACH) -> Iterator[list[Path]]:
    """Run the writer's processes; stop them in good order at the end, so that each settles its last command."""
    outputs = [tmp_path / f"acknowledged-{number}" for number in range(PROCESSES)]
    started = [
        subprocess.Popen(
            [
                sys.executable,
                "-m",
                "tests.ledger.writer",
                dsn,
                PROJECT,
                str(output),
                f"process-{number}",
                str(each),
            ],
            stdin=subprocess.PIPE,
            cwd=ROOT,
        )
        for number, output in enumerate(outputs)
    ]
    try:
        yield outputs
        for process in started:
            process.communicate(timeout=60)
            assert process.returncode == 0
    finally:
        for process in started:
            process.kill()
            process.communicate()


def acknowledged(outputs: list[Path]) -> list[Any]:
    return [
        json.loads(line)
        for output in outputs
        if output.exists()
        for line in output.read_text().splitlines(True)
        if line.endswith("\n")
    ]


def wait_for(outputs: list[Path], more: int) -> None:
    """Return when every process acknowledged `more` commands from now on; the test's deadline bounds it."""
    counts = [len(acknowledged([output])) for output in outputs]
    while any(len(acknowledged([output])) < before + more for output, before in zip(outputs, counts, strict=True)):
        sleep(0.01)


async def whole_log(dsn: str) -> tuple[list[Stored], dict[UUID, list[int]]]:
    """Read the log, and every answer, as somebody who comes later."""
    ledger = await Ledger.open(dsn)
    events: list[Stored] = []
    while page := await ledger.read(PROJECT, after=len(events), limit=1000):
        events += page
    ids = list({UUID(orjson.loads(event.body)["command_id"]) for event in events})
    answers: dict[UUID, list[int]] = {}
    for first in range(0, len(ids), 1000):
        found = await ledger.answers(PROJECT, ids[first : first + 1000])
        answers |= {one: [event.position for event in answer.events] for one, answer in found.items()}
    assert (await ledger.head(PROJECT)).position == len(events)
    await ledger.close()
    return events, answers


def check(dsn: str, outputs: list[Path]) -> None:
    events, answers = asyncio.run(whole_log(dsn))
    assert [event.position for event in events] == list(range(1, len(events) + 1))
    assert [event.recorded_at for event in events] == sorted(event.recorded_at for event in events)
    by_stream: dict[str, int] = {}
    for event in events:
        assert event.version == by_stream.get(event.stream, 0) + 1
        by_stream[event.stream] = event.version
    lines = acknowledged(outputs)
    assert len({line[0] for line in lines}) == len(lines)
    for command_id, positions, _ in lines:
        assert answers[UUID(command_id)] == positions
    # Every command is there once, and every one that is there was in the end acknowledged.
    assert len(answers) * 2 == len(events)
    assert set(answers) == {UUID(line[0]) for line in lines}


def test_four_writers_in_two_processes_leave_no_gap(dsns: Dsns, tmp_path: Path) -> None:
    with writers(dsns.app, tmp_path) as outputs:
        wait_for(outputs, 100)
    check(dsns.app, outputs)
    assert len(acknowledged(outputs)) >= 200
