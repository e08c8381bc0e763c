"""Killed backends, lost answers, a black hole, two processes, and one of them killed: nothing lost, nothing twice."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import cast
from uuid import UUID, uuid4

import asyncpg
import pytest
from eventsourcing.persistence import InfrastructureFactory, OperationalError, StoredEvent, Tracking

from interlock.eventsourcing import InterlockFactory
from interlock.eventsourcing.recorders import LedgerApplicationRecorder, LedgerProcessRecorder
from interlock.ledger.embedded import Dsns
from tests.eventsourcing import writer
from tests.eventsourcing.applications import environment
from tests.eventsourcing.test_recorders import event
from tests.fixtures.postgres import PostgresServer, elsewhere
from tests.ledger.proxy import Wire, wire_to

KILLS = 12
WRITERS = 8
# Only against hangs.
WAIT_SECONDS = 90
KILL = "select count(pg_terminate_backend(pid)) from pg_stat_activity where datname = $1 and usename = 'interlock_app'"


@pytest.fixture
def settings(dsns: Dsns) -> dict[str, str]:
    return environment(dsns)


@pytest.fixture
def factory(settings: dict[str, str]) -> Iterator[InterlockFactory]:
    with cast(InterlockFactory, InfrastructureFactory.construct(settings)) as made:
        yield made


def all_of(recorder: LedgerApplicationRecorder) -> list[StoredEvent]:
    return list(recorder.select_notifications(None, 10_000))


def test_whatever_backends_are_killed_each_call_is_recorded_once(
    postgres_server: PostgresServer, settings: dict[str, str], factory: InterlockFactory
) -> None:
    recorder = cast(LedgerApplicationRecorder, factory.application_recorder())
    over = threading.Event()

    def write() -> list[tuple[UUID, list[int]]]:
        done = []
        while not over.is_set():
            order = uuid4()
            done.append((order, list(recorder.insert_events([event(order, 1), event(order, 2)]) or ())))
        return done

    async def kill() -> int:
        admin = await asyncpg.connect(postgres_server.embedded.dsn(), timeout=10)
        killed = 0
        while killed < KILLS:
            killed += await admin.fetchval(KILL, settings["POSTGRES_DBNAME"])
            await asyncio.sleep(0.05)
        await admin.close()
        return killed

    with ThreadPoolExecutor(WRITERS) as pool:
        writers: list[Future[list[tuple[UUID, list[int]]]]] = [pool.submit(write) for _ in range(WRITERS)]
        try:
            assert elsewhere(kill()) >= KILLS
        finally:
            over.set()
        acknowledged = [each for one in writers for each in one.result()]
    expected = {position: order for order, positions in acknowledged for position in positions}
    found = [one.originator_id for one in all_of(recorder)]
    assert found == [expected[position] for position in range(1, len(expected) + 1)]
    assert set(Counter(found).values()) == {2}


async def on_a_wire(dsns: Dsns, directory: Path, work) -> None:
    """Let `work(recorder, wire)` run in a thread, with a wire between the recorder and the server."""
    async with wire_to(dsns.app, directory) as wire:
        settings = environment(dsns, POSTGRES_HOST=str(directory))

        def run() -> None:
            with cast(InterlockFactory, InfrastructureFactory.construct(settings)) as factory:
                work(factory, wire)

        async with asyncio.timeout(WAIT_SECONDS):
            await asyncio.to_thread(run)


async def test_a_call_whose_answer_was_lost_is_answered_as_it_was_recorded(dsns: Dsns, tmp_path: Path) -> None:
    def work(factory: InterlockFactory, wire: Wire) -> None:
        recorder = factory.application_recorder()
        for number in range(2):
            recorder.insert_events([event(f"warm-{number}", 1)])
        for number in range(3, 8):
            # The statement is prepared, so the next words of the server are COMMIT's answer.
            wire.cut_at_answer = True
            assert recorder.insert_events([event(f"order-{number}", 1)]) == [number]
            assert not wire.cut_at_answer
            recorder.max_notification_id()
        assert recorder.max_notification_id() == 7

    await on_a_wire(dsns, tmp_path, work)


async def test_a_tracked_call_whose_answer_was_lost_is_answered_too(dsns: Dsns, tmp_path: Path) -> None:
    """Four answers make one: the transaction's begin, the position, the events, and the end. Each is lost once."""

    def work(factory: InterlockFactory, wire: Wire) -> None:
        recorder = cast(LedgerProcessRecorder, factory.process_recorder())
        for number in range(1, 3):
            recorder.insert_events([event(f"warm-{number}", 1)], tracking=Tracking("upstream", number))
        for number in range(3, 15):
            lose_after(wire, (number - 3) % 4)
            insert = [event(f"order-{number}", 1)]
            assert recorder.insert_events(insert, tracking=Tracking("upstream", number)) == [number]
            assert recorder.max_tracking_id("upstream") == number
        assert recorder.max_notification_id() == 14

    await on_a_wire(dsns, tmp_path, work)


def lose_after(wire: Wire, answers: int) -> None:
    wire.pass_answers = answers
    wire.cut_at_answer = True


async def test_a_black_hole_is_said_in_time_and_the_application_goes_on_afterwards(
    dsns: Dsns, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def in_a_hurry(*names: str) -> None:
        for name in names:
            monkeypatch.setattr(f"interlock.eventsourcing.store.{name}_SECONDS", 0.5)

    in_a_hurry("STATEMENT", "ACQUIRE")

    def work(factory: InterlockFactory, wire: Wire) -> None:
        recorder = factory.application_recorder()
        # Whatever is slow on a busy machine is asked again; a call is bounded as shortly only from here on.
        recorder.insert_events([event("order", 1)])
        in_a_hurry("CALL")
        wire.silent = True
        with pytest.raises(OperationalError, match="outcome is unknown"):
            recorder.insert_events([event("order", 2)])
        with pytest.raises(OperationalError):
            recorder.select_events("order")
        wire.silent = False
        wire.hang_up()
        monkeypatch.undo()
        versions = [one.originator_version for one in recorder.select_events("order")]
        following = versions[-1] + 1
        assert recorder.insert_events([event("order", following)]) == [following]

    await on_a_wire(dsns, tmp_path, work)


def start(settings: dict[str, str], calls: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", writer.__name__, str(calls)],
        env={**os.environ, **settings},
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        text=True,
    )


def said_by_three(settings: dict[str, str]) -> list[str]:
    """Let three processes write, kill one of them, and return what they acknowledged."""
    processes = [start(settings, calls) for calls in (25, 25, 1_000_000)]
    victim = processes[2]
    assert victim.stdout is not None
    told = [victim.stdout.readline().strip() for _ in range(10)]
    victim.send_signal(signal.SIGKILL)
    # By the same reader: it may have taken more than it gave out, which `communicate` would not find.
    told += victim.stdout.read().split()
    said = [each.communicate(timeout=WAIT_SECONDS)[0].split() for each in processes[:2]]
    victim.wait(WAIT_SECONDS)
    victim.stdout.close()
    assert [each.returncode for each in processes] == [0, 0, -signal.SIGKILL]
    return [*told, *(line for lines in said for line in lines)]


def test_two_processes_share_a_project_and_a_third_may_be_killed(settings: dict[str, str]) -> None:
    with writer.Orders(env=settings) as orders:
        orders.save(writer.Counter())
        said = said_by_three(settings)
        recorder = cast(LedgerApplicationRecorder, orders.recorder)
        events = all_of(recorder)
        positions = [one.id for one in recorder.select_notifications(None, 10_000)]
    acknowledged = {UUID(line) for line in said}
    orders_found = Counter(one.originator_id for one in events if one.originator_id != writer.COUNTER)
    assert positions == list(range(1, len(events) + 1))
    assert acknowledged <= orders_found.keys()
    # Of the killed one's last call all or nothing is there.
    assert set(orders_found.values()) == {3}
    assert len(orders_found) - len(acknowledged) <= 1
    counted = [one.originator_version for one in events if one.originator_id == writer.COUNTER]
    assert counted == list(range(1, len(counted) + 1))
    assert 0 <= len(orders_found) - (len(counted) - 1) <= 1
