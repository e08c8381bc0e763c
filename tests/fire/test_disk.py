"""The disk is full, or a file may grow no more: nothing acknowledged is lost, and with space again all goes on."""

from __future__ import annotations

import asyncio
import os
import random
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic

import pytest

from interlock.desk import Unavailable
from interlock.ledger import Ledger
from interlock.ledger.embedded import Dsns, EmbeddedPostgres, ServerNotStarted
from tests.desk.desks import Clerk, clerk_at, events_of
from tests.desk.tiny import Note
from tests.faults.disk import fill, small_disk
from tests.fixtures.postgres import started_postgres

pytestmark = pytest.mark.timeout(600)

FULL_SECONDS = 120.0
HEALED_SECONDS = 120.0
# Nothing that could be pressed together.
TEXT = random.Random(7).randbytes(1_500).hex()


async def until_it_is_full(clerk: Clerk, acknowledged: list[int]) -> str:
    """Write until nothing is written any more; return what was said."""
    began = monotonic()
    while monotonic() - began < FULL_SECONDS:
        try:
            answer = await clerk.say(Note(text=TEXT, times=200))
        except Unavailable as said:
            # Which of them it is, nothing recorded or nobody knows, is PostgreSQL's to say.
            return str(said)
        acknowledged += [event.position for event in answer.recorded]
    raise AssertionError("it was never full")


async def until_it_is_healed(server: EmbeddedPostgres, clerk: Clerk, acknowledged: list[int]) -> None:
    """With space again, the server that ended is started, as whoever keeps it running does; then commands go on."""
    began = monotonic()
    while True:
        assert monotonic() - began < HEALED_SECONDS
        try:
            if not server.is_running():
                await asyncio.to_thread(server.start)
            answer = await clerk.say(Note())
        except (Unavailable, ServerNotStarted):
            await asyncio.sleep(0.2)
            continue
        acknowledged += [event.position for event in answer.recorded]
        return


async def everything_is_there(dsns: Dsns, acknowledged: list[int]) -> None:
    ledger = await Ledger.open(dsns.app)
    positions = [event.position for event in await events_of(ledger)]
    assert positions == list(range(1, len(positions) + 1))
    assert set(acknowledged) <= set(positions)
    await ledger.close()


@contextmanager
def files_no_longer_than(size: int) -> Iterator[None]:
    """No process that is started meanwhile makes a file longer than `size` bytes: what a quota does, without root."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


async def test_where_a_table_may_grow_no_more_nothing_is_lost_and_with_room_again_all_goes_on(
    mortal: EmbeddedPostgres, mortal_dsns: Dsns
) -> None:
    acknowledged: list[int] = []
    mortal.stop()
    # Longer than a piece of PostgreSQL's own log, shorter than what the table comes to.
    with files_no_longer_than(17 * 2**20):
        mortal.start()
    async with clerk_at(mortal_dsns.app) as clerk:
        said = await until_it_is_full(clerk, acknowledged)
        assert "with the same id" in said
        mortal.stop()
        await until_it_is_healed(mortal, clerk, acknowledged)
    await everything_is_there(mortal_dsns, acknowledged)


@pytest.mark.faults
async def test_with_a_full_disk_nothing_is_acknowledged_and_with_space_nothing_was_lost(tmp_path: Path) -> None:
    assert os.geteuid() == 0
    with small_disk(tmp_path / "disk", "300m") as disk:
        (tmp_path / "disk").chmod(0o755)
        with started_postgres(disk) as server:
            dsns = await server.prepare()
            acknowledged: list[int] = []
            async with clerk_at(dsns.app) as clerk:
                acknowledged.append((await clerk.say(Note())).position)
                for _ in range(3):
                    filler = await asyncio.to_thread(fill, disk)
                    print(await until_it_is_full(clerk, acknowledged))
                    filler.unlink()
                    await until_it_is_healed(server, clerk, acknowledged)
            await everything_is_there(dsns, acknowledged)
