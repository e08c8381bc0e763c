"""A table's file has a flipped byte: what is read is what was written, or nothing is read, and nothing is decided."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest

from interlock.desk import Unavailable
from interlock.ledger import Ledger, LedgerDamaged, LedgerUnavailable, errors
from interlock.ledger.embedded import Dsns, EmbeddedPostgres
from tests.desk.desks import PROJECT, Clerk, clerk_at
from tests.desk.tiny import Note, Open

pytestmark = pytest.mark.timeout(300)

PAGE_BYTES = 8_192


async def flip_a_byte(server: EmbeddedPostgres, dsns: Dsns, what: str) -> None:
    """Change one byte of the last page of a relation's file, while the server does not run."""
    superuser = await asyncpg.connect(dsns.app.replace("interlock_app", "postgres"), timeout=10)
    await superuser.execute("checkpoint")
    relative = await superuser.fetchval("select pg_relation_filepath($1::regclass)", what)
    await superuser.close()
    server.stop()
    file = server._data / relative
    content = bytearray(file.read_bytes())
    assert len(content) >= PAGE_BYTES
    # In the last row of the page, which stands at its end.
    content[-20] ^= 0x10
    file.write_bytes(content)
    server.start()


@asynccontextmanager
async def written(dsns: Dsns) -> AsyncIterator[Clerk]:
    async with clerk_at(dsns.app) as clerk:
        for number in range(3):
            await clerk.say(Open(f"4.{number}.0"))
        yield clerk


async def test_the_server_that_comes_along_has_checksums_of_its_pages(mortal: EmbeddedPostgres) -> None:
    superuser = await asyncpg.connect(mortal.dsn(), timeout=10)
    assert await superuser.fetchval("show data_checksums") == "on"
    await superuser.close()


async def test_a_damaged_table_is_said_to_be_damaged_and_nothing_is_decided_on_it(
    mortal: EmbeddedPostgres, mortal_dsns: Dsns
) -> None:
    async with written(mortal_dsns):
        pass
    await flip_a_byte(mortal, mortal_dsns, "ledger.event")
    ledger = await Ledger.open(mortal_dsns.app)
    with pytest.raises(LedgerDamaged, match="invalid page"):
        await ledger.read(PROJECT, after=0, limit=100)
    async with clerk_at(mortal_dsns.app) as clerk:
        with pytest.raises(Unavailable, match="damaged"):
            await clerk.desk.situation(PROJECT)
        with pytest.raises(Unavailable, match="damaged"):
            await clerk.say(Note())
    await ledger.close()


async def refused_at_last(clerk: Clerk) -> str:
    """What the desk says once it has found out that its connections are gone."""
    while True:
        try:
            await clerk.say(Note())
        except Unavailable as said:
            if "is gone" not in str(said) and "closed" not in str(said) and "lost" not in str(said):
                return str(said)
        else:
            raise AssertionError("it wrote beside the damage")


async def test_a_desk_that_knows_everything_writes_nothing_beside_damage(
    mortal: EmbeddedPostgres, mortal_dsns: Dsns
) -> None:
    """What it needs to look at is damaged: the index by which a position is found to be free."""
    async with written(mortal_dsns) as clerk:
        await flip_a_byte(mortal, mortal_dsns, "ledger.event_position")
        assert "damaged" in await refused_at_last(clerk)


def test_damage_is_no_outcome_that_a_retry_settles_and_no_fault_of_the_command() -> None:
    for sqlstate in ("XX001", "XX002"):
        named = errors.named(sqlstate, "invalid page in block 0", None)
        assert isinstance(named, LedgerDamaged)
        assert isinstance(named, LedgerUnavailable)
        assert not named.unknown_outcome
