"""The whole product while something is broken for minutes: `make faults`."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest

from infra.kafka.broker import HOST, Broker, free_port
from interlock.ledger.embedded import Dsns
from tests.faults.disk import fill, small_disk
from tests.faults.link import Link, link
from tests.faults.product import Product, at_work, elsewhere_by, product
from tests.fixtures.kafka import started_broker
from tests.fixtures.postgres import PostgresServer
from tests.ledger.proxy import wire_to

pytestmark = [pytest.mark.faults, pytest.mark.timeout(3_600)]

MINUTES = float(os.environ.get("INTERLOCK_FAULTS_MINUTES", "3"))
AWAY_SECONDS = 60 * MINUTES
CUT_SECONDS = (5, 25)
BETWEEN_KILLS_SECONDS = (0.5, 8.0)


def moments() -> random.Random:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    return random.Random(seed)


async def for_minutes(minutes: float = MINUTES) -> AsyncIterator[float]:
    """Yield the seconds that are gone, again and again, until so many minutes are."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    while (gone := loop.time() - began) < 60 * minutes:
        yield gone


async def test_while_the_broker_is_away_commands_go_on_and_all_arrives_when_it_is_back(
    dsns: Dsns, postgres_server: PostgresServer, tmp_path: Path
) -> None:
    with started_broker() as broker:
        async with product(dsns, broker.address, tmp_path) as running:
            async with at_work(running):
                await asyncio.sleep(5)
                broker.kill()
                before = len(running.commanded)
                await asyncio.sleep(AWAY_SECONDS)
                assert len(running.commanded) > before + AWAY_SECONDS / 10
                await said_to_be_behind(running)
                await asyncio.to_thread(broker.start)
                await asyncio.sleep(10)
            assert running.requested
            await running.all_is_as_it_must_be(postgres_server)


async def said_to_be_behind(running: Product) -> None:
    """Whoever asks the relays hears it from one of them."""
    states = [await asyncio.to_thread(running.parts[name].state) for name in ("relay", "relay-2")]
    assert any("behind" in state for state in states), states


async def test_whatever_is_killed_at_whatever_moment_nothing_is_lost_and_nothing_done_twice(
    dsns: Dsns, postgres_server: PostgresServer, tmp_path: Path
) -> None:
    chance = moments()
    kills = 0
    with started_broker() as broker:
        async with product(dsns, broker.address, tmp_path) as running:
            async with at_work(running):
                async for _ in for_minutes():
                    await asyncio.sleep(chance.uniform(*BETWEEN_KILLS_SECONDS))
                    one = running.parts[chance.choice(sorted(running.parts))]
                    await asyncio.to_thread(one.kill)
                    one.start()
                    kills += 1
            print(f"{kills} kills, {len(running.commanded)} commands, {len(running.requested)} requests")
            assert running.requested
            await running.all_is_as_it_must_be(postgres_server)


@contextmanager
def broker_by_two_ways() -> Iterator[tuple[Broker, int, int]]:
    """A broker, the port of its second listener, and the port at which that listener sends its clients."""
    far, way = free_port(), free_port()
    near, controller = free_port(), free_port()
    settings = {
        "listeners": f"CLIENTS://{HOST}:{near},FAR://{HOST}:{far},CONTROLLER://{HOST}:{controller}",
        "advertised.listeners": f"CLIENTS://{HOST}:{near},FAR://{HOST}:{way}",
        "listener.security.protocol.map": "CLIENTS:PLAINTEXT,FAR:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "controller.quorum.voters": f"1@{HOST}:{controller}",
    }
    with started_broker(settings=settings, port=near) as broker:
        yield broker, far, way


@asynccontextmanager
async def cut_for(chance: random.Random, one: Link) -> AsyncIterator[None]:
    one.cut()
    try:
        await asyncio.sleep(chance.uniform(*CUT_SECONDS))
        yield
    finally:
        one.mend()


async def test_parts_that_are_cut_off_from_kafka_and_from_the_database_catch_up(
    dsns: Dsns, postgres_server: PostgresServer, tmp_path: Path
) -> None:
    chance = moments()
    socket = tmp_path / "wire"
    socket.mkdir()
    with broker_by_two_ways() as (broker, far, way):
        async with link(way, far) as kafka_link, wire_to(dsns.app, socket) as wire:
            directory = dsns.app.partition("host=")[2].partition("&")[0]
            by_wire = elsewhere_by(dsns, str(socket), directory)
            ways = dict.fromkeys(("relay", "intake", "projector"), f"{HOST}:{way}")
            databases = {"projector": by_wire, "relay-2": by_wire}
            async with product(dsns, broker.address, tmp_path, ways=ways, databases=databases) as running:
                async with at_work(running):
                    async for _ in for_minutes():
                        async with cut_for(chance, kafka_link):
                            wire.silent = chance.random() < 0.5
                            await asyncio.sleep(chance.uniform(*CUT_SECONDS) if wire.silent else 0)
                        wire.silent = False
                        wire.hang_up()
                        await asyncio.sleep(chance.uniform(1, 10))
                assert running.requested
                await running.all_is_as_it_must_be(postgres_server)


async def test_while_projectors_and_intakes_come_freeze_and_go_all_is_written_once(
    dsns: Dsns, postgres_server: PostgresServer, tmp_path: Path
) -> None:
    chance = moments()
    with started_broker() as broker:
        async with product(dsns, broker.address, tmp_path) as running:
            async with at_work(running):
                async for _ in for_minutes():
                    one = running.parts[chance.choice(["projector", "projector-2", "intake"])]
                    match chance.choice(["stop", "kill", "freeze"]):
                        case "stop":
                            await asyncio.to_thread(one.stop)
                            one.start()
                        case "kill":
                            await asyncio.to_thread(one.kill)
                            one.start()
                        case _:
                            # For longer than Kafka waits for a consumer to be heard of.
                            one.signal(signal.SIGSTOP)
                            await asyncio.sleep(chance.uniform(5, 20))
                            one.signal(signal.SIGCONT)
                    await asyncio.sleep(chance.uniform(0.5, 5))
            assert running.requested
            await running.all_is_as_it_must_be(postgres_server)


async def test_with_a_full_disk_the_broker_stops_and_with_space_and_a_start_nothing_is_lost(
    dsns: Dsns, postgres_server: PostgresServer, tmp_path: Path
) -> None:
    with small_disk(tmp_path / "disk") as disk, started_broker(directory=disk) as broker:
        async with product(dsns, broker.address, tmp_path) as running:
            async with at_work(running):
                await asyncio.sleep(5)
                filler = await asyncio.to_thread(fill, disk)
                before = len(running.commanded)
                # As docs/KAFKA.md says: it stops, its log says why, and whoever asks the relay hears that it is behind.
                await asyncio.to_thread(broker.wait)
                await asyncio.sleep(20)
                assert len(running.commanded) > before
                await said_to_be_behind(running)
                filler.unlink()
                await asyncio.to_thread(broker.start)
                assert "No space left on device" in broker.log.read_text(errors="replace")
                await asyncio.sleep(10)
            assert running.requested
            await running.all_is_as_it_must_be(postgres_server)
