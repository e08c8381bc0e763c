"""Relays killed and frozen, a broker frozen, killed and away: every event arrives, in order, and nothing hangs."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from interlock.bus import Topic, topics
from interlock.ledger import Ledger
from interlock.relay import state_of
from tests.feed.feeds import record_in
from tests.fixtures.kafka import Kafka, started_broker
from tests.house.tree import REPOSITORY
from tests.relay.relays import HASTY_SECONDS, WAIT_SECONDS, bodies, kept, published, relay_on, running, seen, until

STOP_SECONDS = 40


class RelayProcess:
    """A relay as a process, and what it last said of itself."""

    def __init__(self, dsn: str, kafka: str, prefix: str, *more: str) -> None:
        command = [sys.executable, "-m", "tests.relay.process", dsn, kafka, prefix, *more]
        self._told = tempfile.NamedTemporaryFile("r", encoding="utf-8", suffix=".jsonl")  # noqa: SIM115 - closed by `end`
        with Path(self._told.name).open("w", encoding="utf-8") as out:
            self.process = subprocess.Popen(command, cwd=REPOSITORY, stdout=out)

    def standing(self) -> dict[str, Any]:
        self._told.seek(0)
        *lines, _ = self._told.read().split("\n")
        told: dict[str, Any] = json.loads(lines[-1]) if lines else {}
        return told

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def stop(self) -> None:
        """It ends by itself at SIGTERM, whatever state it is in."""
        self.process.terminate()
        try:
            assert self.process.wait(STOP_SECONDS) == 0
        finally:
            self.end()

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
        self._told.close()


@pytest_asyncio.fixture
async def prefix(kafka: Kafka) -> AsyncIterator[str]:
    yield kafka.name("broken")


def topic_of(prefix: str) -> Topic:
    return topics(prefix, partitions=3).events


@contextmanager
def processes() -> Iterator[list[RelayProcess]]:
    """Relays that are ended at the end, however they stand."""
    started: list[RelayProcess] = []
    try:
        yield started
    finally:
        for one in started:
            one.end()


async def nothing_behind(ledger: Ledger, dsn: str, kafka: str, topic: Topic) -> None:
    """A last relay publishes what is left."""
    async with running(relay_on(ledger, dsn, kafka, topic)) as relay:
        await published(relay)


@pytest.mark.parametrize("rounds", [1, 3])
async def test_killed_between_the_acknowledgement_and_the_cursor_it_only_repeats(
    kafka: Kafka, ledger: Ledger, ledger_dsn: str, prefix: str, rounds: int
) -> None:
    await record_in(ledger, "shop", 800)
    await record_in(ledger, "mill", 3)
    with processes() as started:
        started.append(RelayProcess(ledger_dsn, kafka.address, prefix, "--die-before-storing", str(rounds)))
        for _ in range(rounds):
            await record_in(ledger, "mill", 1)
            await asyncio.sleep(0.3)

        async def poked() -> bool:
            if started[0].process.poll() is None and started[0].standing().get("active"):
                await record_in(ledger, "shop", 1)
            return started[0].process.poll() is not None

        await until(poked, "its death")
        assert started[0].process.returncode == -signal.SIGKILL
    await nothing_behind(ledger, ledger_dsn, kafka.address, topic_of(prefix))
    records = await seen(kafka.address, topic_of(prefix).name)
    assert kept(records) == {project: await bodies(ledger, project) for project in ("shop", "mill")}
    repeated = len(records) - sum(map(len, kept(records).values()))
    assert repeated > 0
    for record in records:
        assert record.value == (await bodies(ledger, record.key))[record.position - 1]


async def test_a_frozen_relay_is_replaced_and_stops_being_one_when_it_thaws(
    kafka: Kafka, ledger: Ledger, ledger_dsn: str, prefix: str
) -> None:
    with processes() as started:
        first = RelayProcess(ledger_dsn, kafka.address, prefix)
        started.append(first)
        await record_in(ledger, "shop", 20)
        await until(lambda: first.standing().get("published") == 20)
        second = RelayProcess(ledger_dsn, kafka.address, prefix)
        started.append(second)
        await until(lambda: second.standing().get("active") is False)
        first.signal(signal.SIGSTOP)
        await record_in(ledger, "shop", 20)
        await until(lambda: second.standing().get("published") == 20, "the second relay in office")
        assert second.standing()["generation"] == 2
        first.signal(signal.SIGCONT)
        await until(lambda: first.standing().get("active") is False, "the first relay out of office")
        assert first.standing()["last_error"]
        await record_in(ledger, "shop", 20)
        await until(lambda: second.standing().get("published") == 40)
        assert (first.standing()["active"], second.standing()["active"]) == (False, True)
        # And back: the second one freezes in the middle of work, the first one takes over with the third generation.
        await record_in(ledger, "shop", 400)
        second.signal(signal.SIGSTOP)
        await until(lambda: first.standing().get("generation") == 3, "the first relay in office again")
        second.signal(signal.SIGCONT)
        await until(lambda: second.standing().get("active") is False, "the second relay out of office")
        first.stop()
        second.stop()
    await nothing_behind(ledger, ledger_dsn, kafka.address, topic_of(prefix))
    records = await seen(kafka.address, topic_of(prefix).name)
    assert kept(records) == {"shop": await bodies(ledger, "shop")}
    # What an old generation publishes after a newer one is nothing that the newer one has not published.
    newest, position = 0, 0
    for record in records:
        if record.generation >= newest:
            newest, position = record.generation, max(position, record.position)
        else:
            assert record.position <= position + 500


async def test_a_frozen_broker_stops_nobody_and_gets_everything_when_it_thaws(
    ledger: Ledger, ledger_dsn: str, prefix: str
) -> None:
    with started_broker() as broker:
        made = relay_on(ledger, ledger_dsn, broker.address, topic_of(prefix), send_seconds=HASTY_SECONDS)
        async with running(made) as relay:
            await record_in(ledger, "shop", 5)
            await published(relay)
            broker.freeze()
            started = time.monotonic()
            for _ in range(20):
                await record_in(ledger, "shop", 5)
            assert time.monotonic() - started < WAIT_SECONDS
            await until(lambda: relay.standing().trouble is not None, "trouble")
            state = state_of(await relay.lag(), relay.standing())
            assert state.startswith("behind: 100 events")
            await until(lambda: relay.standing().rebuilt >= 1)
            broker.thaw()
            await published(relay)
            assert state_of(await relay.lag(), relay.standing()) == "ok"
        records = await seen(broker.address, topic_of(prefix).name)
    assert kept(records) == {"shop": await bodies(ledger, "shop")}


async def test_with_a_frozen_broker_a_relay_stops_all_the_same(ledger: Ledger, ledger_dsn: str, prefix: str) -> None:
    with started_broker() as broker, processes() as started:
        one = RelayProcess(ledger_dsn, broker.address, prefix)
        started.append(one)
        await record_in(ledger, "shop", 5)
        await until(lambda: one.standing().get("published") == 5)
        broker.freeze()
        await record_in(ledger, "shop", 5)
        await until(lambda: one.standing().get("trouble") is not None)
        one.stop()


async def test_a_broker_killed_and_started_again_gets_everything(ledger: Ledger, ledger_dsn: str, prefix: str) -> None:
    with started_broker() as broker:
        made = relay_on(ledger, ledger_dsn, broker.address, topic_of(prefix), send_seconds=HASTY_SECONDS)
        async with running(made) as relay:
            for _ in range(2):
                await record_in(ledger, "shop", 50)
                await until(lambda: relay.standing().published >= 1)
                broker.kill()
                for _ in range(10):
                    await record_in(ledger, "shop", 5)
                await until(lambda: relay.standing().trouble is not None, "trouble")
                await asyncio.to_thread(broker.start)
            await published(relay)
        records = await seen(broker.address, topic_of(prefix).name)
    assert kept(records) == {"shop": await bodies(ledger, "shop")}


async def test_cut_off_from_its_database_a_relay_publishes_nothing_more_and_comes_back(
    kafka: Kafka, ledger: Ledger, ledger_dsn: str, prefix: str
) -> None:
    async with running(relay_on(ledger, ledger_dsn, kafka.address, topic_of(prefix))) as relay:
        await record_in(ledger, "shop", 5)
        await published(relay)
        async with ledger.connection() as connection:
            ended = await connection.fetchval(
                "select count(pg_terminate_backend(pid)) from pg_stat_activity"
                " where pid <> pg_backend_pid() and datname = current_database()"
            )
        assert ended >= 1
        await until(lambda: relay.standing().generation == 2, "the next generation")
        await record_in(ledger, "shop", 5)
        await published(relay)
    records = await seen(kafka.address, topic_of(prefix).name)
    assert kept(records) == {"shop": await bodies(ledger, "shop")}
