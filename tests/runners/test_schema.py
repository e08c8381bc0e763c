"""The schema's digest: equal for equal schemas, however they came to be, and another for every change."""

from __future__ import annotations

import subprocess

import pytest

from interlock.ledger.embedded import find_binaries
from interlock.runners.schema import schema_digest, schema_rows
from tests.fixtures.postgres import elsewhere
from tests.runners.shop import Shop

CHANGES = (
    "alter table trades.notes add column more int",
    "alter table trades.notes rename note to text",
    "alter table trades.fees alter cents drop not null",
    "alter table trades.notes alter note set default 'x'",
    "alter table trades.notes alter note type varchar(10)",
    "alter table trades.notes add check (note <> 'bad')",
    "alter table trades.notes enable row level security",
    "create policy hidden on trades.notes for select using (note <> 'x')",
    "create index on trades.notes (note)",
    "create table trades.more ()",
    "create view trades.seen as select note from trades.notes",
    "create sequence trades.numbers",
    "create type trades.mood as enum ('calm')",
    "create domain trades.short as text check (length(value) < 9)",
    "create schema more",
    "create function trades.one() returns int language sql as 'select 1'",
    "create or replace function trades.grow() returns boolean language sql as 'select true'",
    "create trigger again after delete on trades.watched for each row execute function trades.write_down()",
    "alter table trades.watched disable trigger write_down",
    "create rule nothing as on delete to trades.notes do instead nothing",
    "alter table trades.fees drop constraint fees_fill_fkey",
    "alter table trades.ticks detach partition trades.ticks_2025",
    "create table trades.ticks_2027 partition of trades.ticks for values from ('2027-01-01') to ('2028-01-01')",
    "alter sequence trades.fills_id_seq increment by 2",
)
NO_CHANGES = (
    "update trades.fills set price = 0",
    "select nextval('trades.fills_id_seq')",
    "comment on table trades.fills is 'fills'",
    "grant select on trades.notes to public",
    "alter table trades.notes set (fillfactor = 50)",
    "analyze",
    "insert into interlock_adjust.marker (marker, kind, adjustment) values ('a/1', 'executed', 'a')",
)


async def digest_of(shop: Shop, database: str | None = None, path: str | None = None) -> str:
    async with shop.server.session("postgres", database or shop.production) as session:
        if path is not None:
            await session.execute(f"set search_path = {path}")
        return await schema_digest(session)


async def changed_digest(shop: Shop, change: str) -> str:
    """The digest inside a transaction that made the change and is rolled back."""
    async with shop.server.session("postgres", shop.production) as session:
        transaction = session.transaction()
        await transaction.start()
        await session.execute(change)
        found = await schema_digest(session)
        await transaction.rollback()
        return found


@pytest.mark.parametrize("change", CHANGES)
async def test_a_changed_schema_has_another_digest(still_shop: Shop, change: str) -> None:
    assert await changed_digest(still_shop, change) != still_shop.digest


@pytest.mark.parametrize("change", NO_CHANGES)
async def test_data_rights_and_comments_are_no_part_of_it(still_shop: Shop, change: str) -> None:
    assert await changed_digest(still_shop, change) == still_shop.digest


async def test_who_asks_and_from_where_makes_no_difference(still_shop: Shop) -> None:
    for path in ("trades", "public, trades", "''"):
        assert await digest_of(still_shop, path=path) == still_shop.digest
    async with still_shop.server.session("interlock_adjust", still_shop.production) as session:
        assert await schema_digest(session) == still_shop.digest
        assert await session.fetchval("show search_path") == '"$user", public'


def test_a_restored_dump_has_the_same_digest(shop: Shop) -> None:
    binaries = find_binaries()
    dump = [str(binaries / "pg_dump"), "-Fc", shop.server.dsn(shop.production, "postgres")]
    done = subprocess.run(dump, check=True, capture_output=True)
    other = shop.server.copy("restored", "template0")
    try:
        restore = [str(binaries / "pg_restore"), "-d", shop.server.dsn(other, "postgres")]
        subprocess.run(restore, check=True, input=done.stdout)
        assert elsewhere(digest_of(shop, other)) == shop.digest
    finally:
        shop.server.drop(other)


async def test_a_look_at_it_leaves_an_open_transaction_as_it_was(still_shop: Shop) -> None:
    async with still_shop.server.session("postgres", still_shop.production) as session, session.transaction():
        await session.execute("set local search_path = trades; create table more ()")
        assert await schema_digest(session) != still_shop.digest
        assert await session.fetchval("show search_path") == "trades"
        assert ("relation", "trades.more") in [(row["kind"], row["name"]) for row in await schema_rows(session)]
