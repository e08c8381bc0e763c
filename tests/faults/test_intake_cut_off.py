"""An intake whose broker stands still, or whose topic is gone, says so, and each request is done once all the same."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator

import pytest

from interlock.bus import BusError
from tests.faults.topics_of_others import delete_topic
from tests.fixtures.kafka import Kafka, started_broker
from tests.fixtures.server import PROJECT
from tests.intake.conftest import Office, here, office, unbegun
from tests.intake.test_intake import ANNOTATE, STRUCTURED, event, remark
from tests.relay.relays import until

__all__ = ["here", "office", "unbegun"]

FROZEN_SECONDS = 15
# A broker of its own for each test, which on a busy machine takes its time to start.
pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def kafka() -> Iterator[Kafka]:
    """A broker of its own, in the place of the session's."""
    with started_broker() as broker:
        yield Kafka(broker)


async def ask(office: Office, *numbers: int) -> None:
    for number in numbers:
        await office.put(event(ANNOTATE, remark(number), str(number)), STRUCTURED)


async def answered(office: Office, count: int) -> dict[str, set[int]]:
    """The positions at which each request was recorded, as its answers say, once so many have one."""
    found: dict[str, set[int]] = {}
    wanted = count
    while len(found) < count:
        for told in await office.outcomes(wanted):
            found.setdefault(told.about[1], set()).add(json.loads(told.value)["position"])
        wanted += 1
    return found


async def test_while_the_broker_is_frozen_nobody_hangs_and_after_it_each_request_is_done_once(
    kafka: Kafka, office: Office
) -> None:
    before = await office.events()
    async with office.running() as intake:
        await ask(office, *range(5))
        await answered(office, 5)
        # These are in the middle of being read and answered when it stops.
        await ask(office, *range(5, 40))
        kafka.broker.freeze()
        await until(lambda: intake.trouble is not None, "trouble")
        await asyncio.sleep(FROZEN_SECONDS)
        assert intake.trouble is not None
        kafka.broker.thaw()
        found = await answered(office, 40)
        await until(lambda: intake.trouble is None, "no more trouble")
        assert intake.rebuilt >= 1
    assert found == {str(number): {before + 1 + number} for number in range(40)}
    assert await office.events() == before + 40


async def test_with_a_frozen_broker_an_intake_stops_all_the_same(kafka: Kafka, office: Office) -> None:
    async with office.running() as intake:
        await ask(office, 1)
        await answered(office, 1)
        kafka.broker.freeze()
        await until(lambda: intake.trouble is not None, "trouble")
        stopping = asyncio.create_task(asyncio.sleep(60))
    assert not stopping.done(), "it took a minute to stop"
    stopping.cancel()
    kafka.broker.thaw()


async def test_a_topic_deleted_under_it_is_named_and_the_next_start_goes_on(kafka: Kafka, office: Office) -> None:
    before = await office.events()
    async with office.running() as intake:
        await ask(office, 0, 1)
        await answered(office, 2)
        await delete_topic(kafka.address, office.topics.intake.name)
        await until(lambda: office.topics.intake.name in (intake.trouble or ""), "the missing topic named")
        await asyncio.sleep(5)
        assert office.topics.intake.name in (intake.trouble or ""), "it forgot what is wrong"
    async with office.running(create_topics=True) as intake:
        # What was sent before and is sent again, for want of an answer, is found as it was decided.
        async def taken() -> bool:
            try:
                await ask(office, 1, 2)
            except BusError:
                return False
            return True

        await until(lambda: intake.trouble is None and intake.handled >= 0)
        await until(taken)
        found = await answered(office, 3)
    assert found == {str(number): {before + 1 + number} for number in range(3)}
    assert (await office.here.parts.ledger.head(PROJECT)).position == before + 3
