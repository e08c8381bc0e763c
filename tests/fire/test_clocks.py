"""Clocks that are wrong: a process's by a day, the database's by an hour. libfaketime sets them: `make faults`."""

from __future__ import annotations

import asyncio
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import asyncpg
import pytest

from interlock.desk import CannotStampTime
from interlock.ledger import Ledger, embedded
from interlock.ledger.embedded import Dsns, EmbeddedPostgres
from tests.desk.desks import Clerk, clerk_at, events_of
from tests.desk.tiny import Note
from tests.fire.battle import battle
from tests.fire.worker import Orders
from tests.fixtures.postgres import roomy_memory, started_postgres

pytestmark = [pytest.mark.faults, pytest.mark.timeout(600)]

PROJECT = "shop"
BYTES = 60_000
HEALED_SECONDS = 60.0
TOLERANCE = timedelta(seconds=2)


class NoFakeTime(Exception):
    """this one sets clocks by libfaketime, and it is not here: install the package libfaketime"""


def library() -> str:
    """The library that PostgreSQL and Python take their time from. Raises NoFakeTime."""
    found = sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
    if not found:
        raise NoFakeTime(NoFakeTime.__doc__)
    return str(found[0])


def preloaded(**more: str) -> dict[str, str]:
    """Only what clocks on the wall show is changed: durations are measured by another one."""
    return {"LD_PRELOAD": library(), "FAKETIME_DONT_FAKE_MONOTONIC": "1", "DONT_FAKE_MONOTONIC": "1", **more}


@contextmanager
def environment(values: dict[str, str]) -> Iterator[None]:
    """What is started meanwhile has these, too."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def time_there() -> float:
    """What time it is for a process that is started now."""
    said = subprocess.run(
        [sys.executable, "-c", "import time; print(time.time())"], check=True, capture_output=True, timeout=60
    )
    return float(said.stdout)


@pytest.mark.parametrize("off", ["+1d", "-1d"])
async def test_a_process_whose_clock_is_off_by_a_day_stamps_by_the_ledgers(
    dsns: Dsns, tmp_path: Path, off: str
) -> None:
    ledger = await Ledger.open(dsns.app)
    began = (await ledger.head(PROJECT)).clock
    orders = Orders("desk", dsns.app, "", "", 0, [PROJECT], 0)
    with environment(preloaded(FAKETIME=off)):
        context = battle(orders, tmp_path, (3, 3), seed=random.randrange(2**32))
        assert abs(time_there() - time.time()) > 86_000
        fight = await context.__aenter__()
    fight.start_worker(2)  # one of three processes has the right time
    await fight.progress(BYTES)
    await context.__aexit__(None, None, None)
    told = await fight.judged(dsns.app)
    assert not told.findings
    head = await ledger.head(PROJECT)
    stamps = [event.recorded_at for event in await ledger.read(PROJECT, after=0, limit=10_000)]
    assert stamps == sorted(stamps)
    assert began - TOLERANCE <= stamps[0] <= stamps[-1] <= head.clock + TOLERANCE
    print(f"{off}: {told.operations} operations, {told.commands} commands")
    await ledger.close()


@contextmanager
def postgres_with_a_clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[EmbeddedPostgres, Path]]:
    """A server whose clock stands in a file: `+0` is right, `-1h` an hour late."""
    # Not in a directory of pytest's: the server's own user reads it.
    said = Path(tempfile.gettempdir()) / f"interlock-clock-{random.randrange(2**48):x}"
    said.write_text("+0\n", encoding="ascii")
    said.chmod(0o644)
    plain = embedded._step_down
    more = preloaded(FAKETIME_TIMESTAMP_FILE=str(said), FAKETIME_NO_CACHE="1")
    # After the step down from root, so that what the library makes belongs to the server's user.
    by_env = ["env", *(f"{name}={value}" for name, value in more.items())]
    monkeypatch.setattr(embedded, "_step_down", lambda: [*plain(), *by_env])
    try:
        with started_postgres(roomy_memory()) as server:
            yield server, said
    finally:
        said.unlink()


async def told(clerk: Clerk) -> str:
    """What a remark is answered with."""
    try:
        return (await clerk.say(Note())).status
    except CannotStampTime:
        return "cannot stamp"


async def test_while_the_databases_clock_is_an_hour_late_nothing_is_stamped_and_when_it_is_right_all_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with postgres_with_a_clock(monkeypatch) as (server, clock):
        dsns = await server.prepare()
        async with clerk_at(dsns.app) as clerk, clerk_at(dsns.app) as other:
            assert await told(clerk) == await told(other) == "accepted"
            clock.write_text("-1h\n", encoding="ascii")
            superuser = await asyncpg.connect(server.dsn(), timeout=10)
            shown = await superuser.fetchval("select clock_timestamp()")
            await superuser.close()
            ledger = await Ledger.open(dsns.app)
            last = (await ledger.head(PROJECT)).recorded_at
            assert last is not None
            assert last - shown > timedelta(minutes=59)
            assert [await told(clerk) for _ in range(3)] == ["cannot stamp"] * 3
            # One that comes only now neither.
            async with clerk_at(dsns.app) as late:
                assert await told(late) == "cannot stamp"
            clock.write_text("+0\n", encoding="ascii")
            began = time.monotonic()
            while await told(clerk) != "accepted":
                assert time.monotonic() - began < HEALED_SECONDS
                await asyncio.sleep(0.1)
            assert await told(other) == "accepted"
            events = await events_of(ledger)
            assert [event.position for event in events] == list(range(1, len(events) + 1))
            assert len(events) == 4
            stamps = [event.recorded_at for event in events]
            assert stamps == sorted(stamps)
            await ledger.close()
