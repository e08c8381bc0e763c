"""A ledger that was restored from an older backup publishes nothing beside what is published already."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from interlock.bus import Topic, topics
from interlock.ledger import Ledger
from interlock.ledger.embedded import Dsns
from tests.feed.feeds import record_in
from tests.fixtures.kafka import Kafka
from tests.fixtures.postgres import PostgresServer
from tests.relay.relays import bodies, kept, published, relay_on, running, seen, until

pytestmark = pytest.mark.timeout(300)


@pytest_asyncio.fixture
async def topic(kafka: Kafka) -> AsyncIterator[Topic]:
    yield topics(kafka.name("older"), partitions=3).events


def name_of(dsns: Dsns) -> str:
    return dsns.app.partition("@/")[2].partition("?")[0]


async def test_an_older_ledger_is_noticed_and_nothing_of_it_is_published(
    kafka: Kafka, postgres_server: PostgresServer, dsns: Dsns, topic: Topic, tmp_path: Path
) -> None:
    ledger = await Ledger.open(dsns.app)
    await record_in(ledger, "shop", 5)
    async with running(relay_on(ledger, dsns.app, kafka.address, topic)) as relay:
        await published(relay)
    await ledger.close()
    backup = f"{name_of(dsns)}_backup"
    await postgres_server._copy(backup, name_of(dsns))
    older = postgres_server.embedded.dsns(backup)
    try:
        ledger = await Ledger.open(dsns.app)
        await record_in(ledger, "shop", 3)
        async with running(relay_on(ledger, dsns.app, kafka.address, topic)) as relay:
            await published(relay)
        history = await bodies(ledger, "shop")
        await ledger.close()
        assert len(history) == 8

        ledger = await Ledger.open(older.app)
        async with running(relay_on(ledger, older.app, kafka.address, topic)) as relay:
            said = "position 6 of shop is published, and the ledger ends at 5"
            await until(lambda: said in (relay.standing().trouble or ""), "the older ledger noticed")
            # Writing on makes it no better: then it is another history.
            await record_in(ledger, "shop", 4)
            await until(lambda: "holds another event there" in (relay.standing().trouble or ""), "the fork noticed")
        assert kept(await seen(kafka.address, topic.name)) == {"shop": history}
        await ledger.close()
    finally:
        await postgres_server._drop(backup)
