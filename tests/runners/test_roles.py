"""The role that adjustments use may do what an adjustment needs and nothing else; a person's role may only read."""

from __future__ import annotations

import asyncpg
import pytest

from interlock.runners.adjust import sessions
from interlock.runners.adjust.failures import UnfitSession
from tests.runners.shop import TABLES, Shop

MARK = "insert into interlock_adjust.marker (marker, kind, adjustment) values ('ADJ-1/1', 'executed', 'ADJ-1')"
ALLOWED = (
    "update trades.fills set price = 1 where id = 1",
    "insert into trades.fills (symbol, quantity) values ('NEW', 1)",
    "delete from trades.notes",
    "lock table trades.ticks in exclusive mode",
    "select * from interlock_adjust.outcome",
    "select system_identifier from pg_control_system()",
    MARK,
)
FORBIDDEN = (
    "select * from trades.ledger_of_changes",
    "delete from trades.ledger_of_changes",
    "truncate trades.notes",
    "create table trades.more ()",
    "create table public.more ()",
    "create temporary table fills ()",
    "create schema more",
    "create role more",
    "create database more",
    "alter table trades.notes add column more int",
    "drop table trades.notes",
    "grant select on trades.ledger_of_changes to public",
    "update interlock_adjust.marker set kind = 'rolled_back'",
    "delete from interlock_adjust.marker",
    "truncate interlock_adjust.outcome",
    "insert into interlock_adjust.marker (marker, kind, adjustment, written_by) values ('x', 'executed', 'x', 'me')",
    "insert into interlock_adjust.marker (marker, kind, adjustment, written_at) values ('x', 'executed', 'x', now())",
    "alter table interlock_adjust.marker disable trigger all",
    "set role interlock_adjust_owner",
    "set role postgres",
    "set session_replication_role = replica",
    "alter role interlock_adjust superuser",
    "alter role interlock_adjust connection limit 100",
    "copy trades.notes to '/tmp/notes'",
    "copy trades.notes from program 'true'",
    "select pg_read_file('/etc/hostname')",
    "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'postgres'",
)
PERSONS_ALLOWED = ("select * from trades.fills", "select * from interlock_adjust.marker")
PERSONS_FORBIDDEN = (
    "update trades.fills set price = 1",
    "insert into trades.notes values ('x')",
    "delete from trades.notes",
    "truncate trades.notes",
    "select * from trades.fills for update",
    "set role interlock_adjust",
    "set role interlock_adjust_tables",
    MARK,
    *(each for each in FORBIDDEN if "interlock_adjust" not in each),
)


@pytest.fixture
def person(still_shop: Shop) -> str:
    still_shop.rows(
        "do $$ begin create role anna login in role interlock_people; exception when duplicate_object then null; end $$"
    )
    return "anna"


async def allowed(shop: Shop, role: str, statement: str) -> None:
    async with shop.server.session(role, shop.production) as session:
        transaction = session.transaction()
        await transaction.start()
        await session.execute(statement)
        await transaction.rollback()


async def forbidden(shop: Shop, role: str, statement: str) -> None:
    async with shop.server.session(role, shop.production) as session:
        try:
            found = await session.fetch(statement)
        except asyncpg.InsufficientPrivilegeError:
            return
        # Where PostgreSQL does not refuse, it must have found nothing to do it to.
        assert not found, statement
        assert "pg_terminate_backend" in statement, statement


@pytest.mark.parametrize("statement", ALLOWED)
async def test_the_runners_role_may(still_shop: Shop, statement: str) -> None:
    await allowed(still_shop, "interlock_adjust", statement)


@pytest.mark.parametrize("statement", FORBIDDEN)
async def test_the_runners_role_may_not(still_shop: Shop, statement: str) -> None:
    await forbidden(still_shop, "interlock_adjust", statement)


@pytest.mark.parametrize("statement", PERSONS_ALLOWED)
async def test_a_persons_role_reads(still_shop: Shop, person: str, statement: str) -> None:
    await allowed(still_shop, person, statement)


@pytest.mark.parametrize("statement", PERSONS_FORBIDDEN)
async def test_a_persons_role_writes_nothing(still_shop: Shop, person: str, statement: str) -> None:
    await forbidden(still_shop, person, statement)


async def test_the_script_can_be_run_again_and_takes_rights_back(shop: Shop) -> None:
    rights = (
        "select (c.oid::regclass)::text, c.relacl::text from pg_class c where c.relnamespace in"
        " ('trades'::regnamespace, 'interlock_adjust'::regnamespace) order by 1"
    )
    before = shop.rows(rights)
    await shop.server.allow(shop.production, TABLES)
    assert shop.rows(rights) == before
    await shop.server.allow(shop.production, ("trades.fees",))
    await allowed(shop, "interlock_adjust", "update trades.fees set cents = 1")
    await forbidden(shop, "interlock_adjust", "update trades.fills set price = 1")
    await forbidden(shop, "interlock_adjust", "insert into trades.fills (symbol, quantity) values ('NEW', 1)")


async def test_who_else_may_write_is_shown(shop: Shop, person: str) -> None:
    writers = "select role, superuser from interlock_adjust.may_write where relation = 'trades.fills' and not superuser"
    assert shop.rows(writers) == []
    shop.rows("grant update on trades.fills to anna")
    assert shop.rows(writers) == [(person, False)]


async def test_sessions_of_another_kind_are_refused(shop: Shop) -> None:
    shop.rows("drop schema interlock_adjust cascade")
    with pytest.raises(UnfitSession, match=r"adjust-role\.sql"):
        await sessions.connect(shop.connection().dsn)


async def test_a_foreign_table_that_the_role_may_write_is_refused(shop: Shop) -> None:
    for statement in (
        "create foreign data wrapper nowhere",
        "create server nowhere foreign data wrapper nowhere",
        "create foreign table trades.far (id int) server nowhere",
        "grant update on trades.far to interlock_adjust",
    ):
        shop.rows(statement)
    with pytest.raises(UnfitSession, match="foreign tables"):
        await sessions.connect(shop.connection().dsn)


FIT = {
    "version": sessions.VERSION_MIN, "standby": False, "counts": True, "durable": True, "role": "interlock_adjust",
    "superuser": False, "foreign_writable": False, "marker": True,
}  # fmt: skip


class Says:
    """A session whose server says this of itself."""

    def __init__(self, **others: object) -> None:
        self.found = {**FIT, **others}

    async def fetchrow(self, query: str, *, timeout: float) -> dict[str, object]:
        assert query
        assert timeout
        return self.found


@pytest.mark.parametrize(
    "others, why",
    [
        ({"version": sessions.VERSION_MIN - 1}, "PostgreSQL 14"),
        ({"standby": True}, "standby"),
        ({"counts": False}, "track_counts"),
        ({"durable": False}, "fsync"),
    ],
)
async def test_a_server_on_which_nothing_can_be_promised_is_refused(others: dict[str, object], why: str) -> None:
    await sessions._check(Says())  # type: ignore[arg-type]
    with pytest.raises(UnfitSession, match=why):
        await sessions._check(Says(**others))  # type: ignore[arg-type]
