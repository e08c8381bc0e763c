"""Another application's events in Interlock's ledger: in our feed, on Kafka, restored from it, and in nobody's way."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import aclosing
from typing import cast

import httpx2
import pytest
from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, event
from eventsourcing.persistence import StoredEvent

from interlock.bus import KafkaAddress, topics
from interlock.events.cloudevents import from_kafka
from interlock.events.foreign import FOREIGN_CODEC, state_of
from interlock.feed import LedgerFeed
from interlock.feed.from_kafka import KafkaFeed
from interlock.feed.replay import Seen, replay
from interlock.ledger import Ledger
from interlock.ledger.embedded import Dsns
from interlock.projections import PROJECTIONS
from interlock.projector import Projector
from tests.eventsourcing.applications import environment
from tests.feed.feeds import record_in, sleep
from tests.fixtures.kafka import Kafka
from tests.fixtures.server import Served, config_text, serving
from tests.relay.relays import published, relay_on, running, seen, until

READY_SECONDS = 60


class Train(Aggregate):
    @event("Departed")
    def __init__(self, name: str) -> None:
        self.name = name

    @event("Arrived")
    def arrive(self) -> None:
        pass


class Trains(Application[object]):  # type: ignore[type-var]
    pass


@pytest.fixture
def trains(dsns: Dsns) -> Iterator[Trains]:
    with Trains(env=environment(dsns, "railway")) as application:
        yield application


def run(trains: Trains, count: int) -> None:
    for number in range(count):
        train = Train(f"IC {number}")
        train.arrive()
        trains.save(train)


PROJECT = "es:railway.Trains"


async def test_their_events_are_in_our_feed(trains: Trains, ledger: Ledger) -> None:
    run(trains, 2)
    async with LedgerFeed(ledger, sleep, read_event=FOREIGN_CODEC.decode) as feed:
        async with aclosing(feed.pages(PROJECT, after=1)) as pages:  # type: ignore[type-var]
            page = await anext(pages)
            assert [one.position for one in page] == [2, 3, 4]
            await asyncio.to_thread(run, trains, 1)
            [departed, arrived] = await anext(pages)
    assert (departed.position, arrived.position) == (5, 6)
    assert departed.type.endswith("Train.Departed")
    assert b"IC 0" in state_of({"state": departed.event.state})
    assert departed.actor.id == "Trains"


async def test_no_part_of_interlock_takes_them_for_its_own(trains: Trains, ledger: Ledger) -> None:
    run(trains, 3)
    await record_in(ledger, "shop", 4)
    alarms: list[str] = []
    async with LedgerFeed(ledger, sleep) as feed:
        projector = Projector(ledger.connection, feed, PROJECTIONS, sleep=sleep, ledger=feed, alarm=alarms.append)
        await projector.prepare()
        working = asyncio.create_task(projector.run())
        assert await projector.wait_for("shop", 4, 30) == 4
        await record_in(ledger, "store", 1)
        await until(lambda: {one.project for one in projector.status()} == {"shop", "store"})
        working.cancel()
        await asyncio.wait([working])
    assert not alarms


async def test_they_are_published_and_a_projector_over_kafka_leaves_them(
    trains: Trains, ledger: Ledger, ledger_dsn: str, kafka: Kafka
) -> None:
    topic = topics(kafka.name("railway"), partitions=1).events
    run(trains, 3)
    await record_in(ledger, "shop", 4)
    async with running(relay_on(ledger, ledger_dsn, kafka.address, topic)) as relay:
        await published(relay)
    records = [record for record in await seen(kafka.address, topic.name) if record.key == PROJECT]
    stored = [row.body for row in await ledger.read(PROJECT, after=0, limit=100)]
    assert [record.value for record in records] == stored
    events = [from_kafka(record.headers.items(), record.value, codec=FOREIGN_CODEC) for record in records]
    assert [one.position for one in events] == [1, 2, 3, 4, 5, 6]
    assert events[0].event.originator_version == 1
    alarms: list[str] = []
    async with KafkaFeed(
        KafkaAddress(kafka.address), sleep, time.monotonic, topic=topic.name, alarm=alarms.append
    ) as feed:
        async with asyncio.timeout(READY_SECONDS), aclosing(feed.pages("shop", after=0)) as pages:  # type: ignore[type-var]
            assert [one.position for one in await anext(pages)] == [1, 2, 3, 4]
        assert PROJECT not in feed._held.shelves
        assert feed.foreign == 0
    assert not alarms
    again = Seen()
    bodies = [one.raw async for page in replay(KafkaAddress(kafka.address), topic.name, again) for one in page]
    assert set(stored) <= set(bodies)
    assert again.heads() == {PROJECT: 6, "shop": 4}


def test_a_server_over_the_same_ledger_is_ready_decides_and_does_not_show_them(
    trains: Trains, dsns: Dsns, tmp_path
) -> None:
    run(trains, 3)
    config = tmp_path / "interlock.toml"
    config.write_text(config_text(dsns=dsns), encoding="utf-8")
    with serving(config) as served:
        assert_ready(served)
        run(trains, 2)
        assert httpx2.get(f"{served.url}/v1", timeout=10).json()["projects"] == ["demo"]
        foreign = httpx2.get(f"{served.url}/v1/{PROJECT}/releases", timeout=10)
        assert foreign.status_code == 422, foreign.text
        assert_ready(served)
    train = cast(StoredEvent, trains.recorder.select_notifications(None, 1)[0])
    assert trains.recorder.max_notification_id() == 10
    assert train.originator_version == 1


def assert_ready(served: Served) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while True:
        answer = httpx2.get(f"{served.url}/ready", timeout=10)
        if answer.status_code == 200:
            return
        assert time.monotonic() < deadline, answer.text
        time.sleep(0.1)


async def test_what_two_applications_record_stands_in_two_projects(dsns: Dsns, ledger: Ledger) -> None:
    class Buses(Application[object]):  # type: ignore[type-var]
        pass

    settings = environment(dsns, "railway")
    with Trains(env=settings) as trains, Buses(env=settings) as buses:
        run(trains, 1)
        run(cast(Trains, buses), 1)
    assert await ledger.heads() == {PROJECT: 2, "es:railway.Buses": 2}
