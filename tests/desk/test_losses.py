"""The ledger goes away, at any moment: nothing acknowledged is lost, nothing is doubled, and every error says so."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from time import monotonic, sleep
from typing import Any
from uuid import uuid4

import pytest

from interlock.desk import Unavailable, UnknownOutcome, project
from interlock.events.codec import decode
from interlock.ledger import Ledger, LedgerUnavailable, OutcomeUnknown, Row, Stored
from interlock.serve.readiness import Readiness, deciding
from tests.desk.desks import PROJECT, Clerk, events_of
from tests.desk.tiny import Close, Note, Open
from tests.fixtures.postgres import elsewhere, started_postgres

ROOT = Path(__file__).resolve().parents[2]
PROCESSES = 2
WRITERS_EACH = 2
KILLS_MIN = 5
KILLS_MAX = 40
ACKNOWLEDGED_BETWEEN_KILLS = 12
HANG_SECONDS = 60


@pytest.mark.parametrize("recorded", [True, False])
async def test_a_lost_outcome_is_resolved_by_the_same_id(
    clerk: Clerk, ledger: Ledger, monkeypatch: pytest.MonkeyPatch, recorded: bool
):
    await clerk.say(Note())
    append = ledger.append

    async def lost(project: str, rows: Sequence[Row]) -> datetime:
        if recorded:
            await append(project, rows)
        raise OutcomeUnknown("the connection was lost")

    monkeypatch.setattr(ledger, "append", lost)
    ids = [uuid4() for _ in range(5)]
    said = await asyncio.gather(
        *(clerk.say(Open(f"4.{n}.0"), command_id=one) for n, one in enumerate(ids)), return_exceptions=True
    )
    assert all(isinstance(one, UnknownOutcome) and "repeat it with the same id" in str(one) for one in said)
    monkeypatch.undo()
    answers = await asyncio.gather(*(clerk.say(Open(f"4.{n}.0"), command_id=one) for n, one in enumerate(ids)))
    assert [answer.status for answer in answers] == ["accepted"] * 5
    assert [answer.repeated for answer in answers] == [recorded] * 5
    assert [event.position for event in await events_of(ledger)] == list(range(1, 12))


async def test_a_ledger_that_is_away_costs_no_decision(clerk: Clerk, ledger: Ledger, monkeypatch: pytest.MonkeyPatch):
    await clerk.say(Open("4.12.0"))

    async def away(*_: Any, **__: Any) -> Any:
        raise LedgerUnavailable("no route")

    for name in ("append", "head", "read"):
        monkeypatch.setattr(ledger, name, away)
    command_id = uuid4()
    with pytest.raises(Unavailable, match="nothing was recorded: repeat the command with the same id") as raised:
        await clerk.say(Close("4.12.0"), command_id=command_id)
    assert not isinstance(raised.value, UnknownOutcome)
    with pytest.raises(Unavailable):
        await clerk.desk.situation(PROJECT)
    monkeypatch.undo()
    answer = await clerk.say(Close("4.12.0"), command_id=command_id)
    assert (answer.status, answer.position, answer.repeated) == ("accepted", 3, False)


async def test_a_ledger_that_takes_nothing_is_told_of_until_it_does_again(
    clerk: Clerk, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be read all the while: its disk is full."""
    ready = Readiness(ledger, {"desk": deciding(clerk.desk)}, {})
    await clerk.say(Open("4.12.0"))
    append = ledger.append

    async def full(*_: Any, **__: Any) -> Any:
        raise LedgerUnavailable("no space left on device")

    for _ in range(2):
        monkeypatch.setattr(ledger, "append", full)
        with pytest.raises(Unavailable):
            await clerk.say(Close("4.12.0"))
        assert (await ready())["desk"] == f"{PROJECT}: the ledger cannot be reached: no space left on device"
        # Nobody sends it anything meanwhile: so after a while the next command finds out.
        with monkeypatch.context() as later:
            later.setattr(project, "TROUBLE_SECONDS", 0.0)
            assert (await ready())["desk"] == "ok"
    monkeypatch.setattr(ledger, "append", append)
    await clerk.say(Close("4.12.0"))
    assert (await ready())["desk"] == "ok"


@contextmanager
def writers(dsn: str, tmp_path: Path) -> Iterator[list[Path]]:
    """Run the writers' processes; at the end each settles its last command."""
    outputs = [tmp_path / f"acknowledged-{number}" for number in range(PROCESSES)]
    started = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.desk.writer", dsn, str(output), f"process-{number}", str(WRITERS_EACH)],
            stdin=subprocess.PIPE,
            cwd=ROOT,
        )
        for number, output in enumerate(outputs)
    ]
    try:
        yield outputs
        for process in started:
            process.communicate(timeout=HANG_SECONDS)
            assert process.returncode == 0
    finally:
        for process in started:
            process.kill()
            process.communicate()


def acknowledged(outputs: list[Path]) -> list[Any]:
    whole = [line for output in outputs if output.exists() for line in output.read_text().splitlines(True)]
    return [json.loads(line) for line in whole if line.endswith("\n")]


def wait_for_more(outputs: list[Path], more: int) -> None:
    target, until = len(acknowledged(outputs)) + more, monotonic() + HANG_SECONDS
    while len(acknowledged(outputs)) < target:
        assert monotonic() < until, "the writers stand still"
        sleep(0.005)


async def whole_log(dsn: str) -> list[Stored]:
    ledger = await Ledger.open(dsn)
    stored: list[Stored] = []
    while page := await ledger.read(PROJECT, after=len(stored), limit=1_000):
        stored += page
    await ledger.close()
    return stored


@pytest.mark.timeout(300)
def test_nothing_acknowledged_is_lost_or_doubled_when_postgresql_is_killed(tmp_path: Path):
    """Four writers at two desks; kill -9 at least five times, and until a retry found what an unknown outcome left."""
    with started_postgres() as postgres:
        dsn = elsewhere(postgres.prepare()).app
        with writers(dsn, tmp_path) as outputs:
            kills = 0
            wait_for_more(outputs, ACKNOWLEDGED_BETWEEN_KILLS)
            while kills < KILLS_MIN or not any(line["became"] == "found" for line in acknowledged(outputs)):
                assert kills < KILLS_MAX, "no kill left an outcome unknown that a retry then found"
                sleep(0.003 * (kills % 7))
                postgres.kill()
                postgres.start()
                kills += 1
                wait_for_more(outputs, ACKNOWLEDGED_BETWEEN_KILLS)
        lines = acknowledged(outputs)
        print(
            f"{kills} kills, {len(lines)} commands",
            {w: sum(x["became"] == w for x in lines) for w in ("found", "again")},
        )
        log = elsewhere(whole_log(dsn))

    assert [stored.position for stored in log] == list(range(1, len(log) + 1))
    by_command: dict[str, list[int]] = {}
    for stored in log:
        by_command.setdefault(str(decode(stored.body).command_id), []).append(stored.position)
    for line in lines:
        assert by_command[line["id"]] == line["positions"], "an acknowledged command is not where it was said to be"
    # Every command was acknowledged in the end, each once: nothing is there that nobody knows of.
    assert len(lines) == len(by_command)
    assert sum(line["unknown"] for line in lines) >= 1
