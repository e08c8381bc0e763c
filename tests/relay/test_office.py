"""One relay is in office: what an older generation stores is refused, and only who is silent is put out."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable

import asyncpg
import pytest

from interlock.ledger import LedgerError
from interlock.relay import Superseded, cursors
from interlock.relay.cursors import Published
from interlock.relay.office import Office, Tenure
from tests.feed.feeds import sleep

TOPIC = "interlock.events"
AT_5 = [("shop", Published(5, 0, 4))]
AT_9 = [("shop", Published(9, 0, 8))]


def office(dsn: str, topic: str = TOPIC, *, silent_seconds: float = 60) -> Office:
    return Office(dsn, topic, sleep=sleep, monotonic=time.monotonic, silent_seconds=silent_seconds)


async def another_enters(dsn: str) -> int:
    """Somebody raises the generation while the old holder's session goes on."""
    connection = await asyncpg.connect(dsn)
    generation: int = await connection.fetchval(cursors.ENTER, TOPIC)
    await connection.close()
    return generation


async def stored(dsn: str) -> dict[str, int]:
    connection = await asyncpg.connect(dsn)
    found = await cursors.read(connection, "one", TOPIC)
    await connection.close()
    return {project: where.position for project, where in found.items()}


async def test_what_an_old_generation_stores_is_refused_and_changes_nothing(ledger_dsn: str) -> None:
    async with office(ledger_dsn).held() as tenure:
        assert (tenure.generation, await tenure.enter_cluster("one")) == (1, {})
        await tenure.store(AT_5)
        assert await another_enters(ledger_dsn) == 2
        with pytest.raises(Superseded, match="generation 1 is over"):
            await tenure.store(AT_9)
        for late in (tenure.beat, lambda: tenure.enter_cluster("two")):
            with pytest.raises(Superseded):
                await late()
    assert await stored(ledger_dsn) == {"shop": 5}


async def test_each_cluster_and_topic_has_positions_of_its_own(ledger_dsn: str) -> None:
    async with office(ledger_dsn).held() as tenure:
        await tenure.enter_cluster("one")
        await tenure.store(AT_5)
        assert await tenure.enter_cluster("two") == {}
        assert await tenure.enter_cluster("one") == dict(AT_5)
    async with office(ledger_dsn, "another.events").held() as tenure:
        assert await tenure.enter_cluster("one") == {}


async def test_a_holder_that_beats_stays_however_long_somebody_waits(ledger_dsn: str) -> None:
    async with office(ledger_dsn).held() as tenure:
        waiting = asyncio.create_task(_entered(office(ledger_dsn, silent_seconds=4)))
        await asyncio.sleep(6)
        assert not waiting.done()
        await tenure.store(AT_5)
    assert await asyncio.wait_for(waiting, 30) == 2


async def _entered(one: Office) -> int:
    async with one.held() as tenure:
        return tenure.generation


async def test_a_silent_holder_is_put_out_and_nobody_else(ledger_dsn: str) -> None:
    async with office(ledger_dsn, "another.events").held() as other:
        async with _silent(ledger_dsn) as (silent, connection):
            assert await asyncio.wait_for(_entered(office(ledger_dsn, silent_seconds=1)), 30) == 2
            with pytest.raises(LedgerError):
                await silent.beat()
            # PostgreSQL says why it ends the session, and the client has that before it has the end.
            async with asyncio.timeout(30):
                while not connection.is_closed():
                    await sleep(0.01)
        await other.beat()


class _silent:  # noqa: N801 - reads as a function
    """A holder that does not beat, as a frozen process does not."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn

    async def __aenter__(self) -> tuple[Tenure, asyncpg.Connection]:
        self._connection = await asyncpg.connect(self._dsn)
        await cursors.prepare(self._connection)
        assert await self._connection.fetchval(cursors.TAKE_LOCK, TOPIC)
        generation = await self._connection.fetchval(cursors.ENTER, TOPIC)
        return Tenure(self._connection, TOPIC, generation, time.monotonic), self._connection

    async def __aexit__(self, *exception: object) -> None:
        self._connection.terminate()


async def test_a_relay_that_was_not_confirmed_lately_asks_before_it_sends(ledger_dsn: str) -> None:
    now = 100.0
    connection = await asyncpg.connect(ledger_dsn)
    await cursors.prepare(connection)
    generation = await connection.fetchval(cursors.ENTER, TOPIC)
    tenure = Tenure(connection, TOPIC, generation, lambda: now)
    await another_enters(ledger_dsn)
    await tenure.confirm()  # a moment ago it was still so: nothing is asked
    now += 60
    with pytest.raises(Superseded):
        await tenure.confirm()
    await connection.close()


async def test_who_loses_the_office_in_the_middle_of_work_is_stopped(ledger_dsn: str) -> None:
    with pytest.raises(Superseded):
        await _entered_for_long(ledger_dsn, another_enters(ledger_dsn))


async def test_who_is_told_to_stop_stops_and_is_not_taken_for_superseded(ledger_dsn: str) -> None:
    working = asyncio.create_task(_entered_for_long(ledger_dsn))
    await asyncio.sleep(1)
    working.cancel()
    with pytest.raises(asyncio.CancelledError):
        await working


async def _entered_for_long(dsn: str, meanwhile: Awaitable[object] | None = None) -> None:
    async with office(dsn).held():
        if meanwhile is not None:
            await meanwhile
        await asyncio.sleep(60)
