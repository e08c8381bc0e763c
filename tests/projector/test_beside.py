"""Read models built anew under load: never empty, never older than before, and right at the end."""
# Long: one rebuild beside what serves, attacked at each of its steps in order.

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from uuid import uuid4

import pytest

from interlock.ledger import Ledger
from interlock.ledger.connections import Connection
from interlock.projections import PROJECTIONS, Projection
from interlock.projector import NotServing, UnknownProjection, cursors, rebuilds
from interlock.projector.beside import SUFFIX, beside
from tests.feed.feeds import sleep
from tests.projections.story import story
from tests.projector.growing import (
    PROJECT,
    READERS,
    AsOfTheNextVersion,
    Growing,
    Reader,
    equals_a_fresh_replay,
    known,
    raised,
)
from tests.projector.keeping import HANGS_SECONDS, NAMES, asked, happens, keeping, load, over
from tests.projector.shapes import positions, seen

pytestmark = pytest.mark.timeout(600)
WAITING = "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
SHUT = "select count(*) from pg_locks where granted and mode = 'AccessExclusiveLock' and relation = $1::regclass"


async def oids(ledger: Ledger) -> dict[str, int]:
    async with ledger.connection() as connection:
        rows = await connection.fetch(
            "select relname, oid::int8 from pg_class where relnamespace = 'read_model'::regnamespace and relkind = 'r'"
        )
    return {row["relname"]: row["oid"] for row in rows}


async def test_every_projection_is_built_anew_under_load_and_readers_see_no_gap(ledger: Ledger) -> None:
    growing = Growing.of(ledger, seed=4, steps=1500)
    await growing.grow(500)
    async with keeping(ledger) as (projector, rebuilder):
        head = (await ledger.head(PROJECT)).position
        assert await projector.wait_for(PROJECT, head, HANGS_SECONDS) == head
        before = await oids(ledger)
        async with load(ledger, growing) as readers:
            for name in NAMES:
                assert await asked(rebuilder, name)
            done = await over(rebuilder, *NAMES)
            reads = [reader.reads for reader in readers]

            async def read_on() -> bool:
                return all(reader.reads >= count + 5 for reader, count in zip(readers, reads, strict=True))

            await happens(read_on)
        assert [one.failed_because for one in done] == [None] * len(NAMES)
        assert all(one.done >= head for one in done)
        after = await oids(ledger)
        assert after.keys() == before.keys()
        assert not {*after.values()} & {*before.values()}
        head = (await ledger.head(PROJECT)).position
        assert await projector.wait_for(PROJECT, head, HANGS_SECONDS) == head
        assert {one.stopped_because for one in projector.status()} == {None}
        await equals_a_fresh_replay(ledger)


async def test_rows_that_were_damaged_are_right_again_and_a_stopped_projection_goes_on(ledger: Ledger) -> None:
    growing = Growing.of(ledger, seed=5, steps=120)
    alarms: list[str] = []
    async with keeping(ledger, alarm=alarms.append) as (projector, rebuilder):
        head = await growing.grow(60)
        await projector.wait_for(PROJECT, head, HANGS_SECONDS)
        async with ledger.connection() as connection:
            await connection.execute("delete from read_model.environment_state_1_facet where position % 3 = 0")
            # The next entry meets a row that should not be there.
            await connection.execute(
                "update read_model.audit_trail_2_entry set position = $1 where position = 5", head + 1
            )
        head = await growing.grow_all()
        await projector.wait_for(PROJECT, head, HANGS_SECONDS)
        assert [one.name for one in projector.status() if one.stopped_because] == ["audit_trail"]
        for name in ("environment_state", "audit_trail"):
            await asked(rebuilder, name)
        await over(rebuilder, "environment_state", "audit_trail")
        async with asyncio.timeout(HANGS_SECONDS):
            while await projector.wait_for(PROJECT, head, 1) < head:
                pass
        assert {one.stopped_because for one in projector.status()} == {None}
        assert alarms
        await equals_a_fresh_replay(ledger)


async def test_asking_twice_is_one_rebuild_and_a_key_is_answered_by_its_own_for_ever(ledger: Ledger) -> None:
    await Growing.of(ledger, seed=6, steps=20).grow_all()
    async with keeping(ledger) as (_, rebuilder):
        with pytest.raises(UnknownProjection):
            await rebuilder.ask("nothing", by="admin-1", key=uuid4())
        first, second = uuid4(), uuid4()
        assert await rebuilder.ask("problems", by="admin-1", key=first)
        assert not await rebuilder.ask("problems", by="admin-2", key=second)
        [done] = await over(rebuilder, "problems")
        assert done.asked_by == "admin-1"
        for key in (first, second):
            assert not await rebuilder.ask("problems", by="admin-2", key=key)
        assert await rebuilder.told() == [done]
        assert await rebuilder.ask("problems", by="admin-2", key=uuid4())
        [again] = await over(rebuilder, "problems")
        assert again.began_at > done.began_at


async def test_a_rebuild_that_cannot_be_done_leaves_what_serves_as_it_was(ledger: Ledger) -> None:
    await Growing.of(ledger, seed=7, steps=10).grow_all()
    head = (await ledger.head(PROJECT)).position
    shape = positions()
    async with keeping(ledger, shape) as (projector, rebuilder):
        await projector.wait_for(PROJECT, head, HANGS_SECONDS)
        poisoned = replace(positions(poison=7), appends={})
        rebuilder._projections["positions"] = poisoned
        await rebuilder.ask("positions", by="admin-1", key=uuid4())
        [failed] = await over(rebuilder, "positions")
        assert failed.failed_because is not None
        assert "@7" in failed.failed_because
        assert projector.status()[0].stopped_because is None
    async with ledger.connection() as connection:
        assert await seen(connection, PROJECT) == list(range(1, head + 1))
    assert not [name for name in await oids(ledger) if name.endswith(SUFFIX)]


async def test_a_version_that_does_not_serve_yet_is_not_rebuilt(ledger: Ledger) -> None:
    async with ledger.connection() as connection:
        await cursors.prepare(connection, [positions(1)])
        await connection.execute("insert into cursor.projection values ('positions', 1, 'shop', 5)")
        await cursors.prepare(connection, [positions(2)])
    async with keeping(ledger, positions(2)) as (projector, rebuilder):
        assert not projector.serving()
        with pytest.raises(NotServing):
            await rebuilder.ask("positions", by="admin-1", key=uuid4())


async def test_a_reader_who_takes_long_delays_the_swap_and_is_not_disturbed(ledger: Ledger) -> None:
    await Growing.of(ledger, seed=8, steps=30).grow_all()
    async with keeping(ledger) as (projector, rebuilder):
        head = (await ledger.head(PROJECT)).position
        await projector.wait_for(PROJECT, head, HANGS_SECONDS)
        async with ledger.connection() as connection, connection.transaction():
            before = await known(connection)
            await rebuilder.ask("audit_trail", by="admin-1", key=uuid4())

            async def built() -> bool:
                return (await rebuilder.told())[0].done == head

            await happens(built)
            await asyncio.sleep(5 * cursors.SWAP_LOCK_MS / 1000)
            [told] = await rebuilder.told()
            assert told.ended_at is None
            assert told.per_second is not None
            async with ledger.connection() as other:
                assert await known(other) == before
            assert await known(connection) == before
        await over(rebuilder, "audit_trail")
        await equals_a_fresh_replay(ledger)


@pytest.mark.parametrize("projection", PROJECTIONS, ids=lambda one: str(one.name))
def test_what_is_built_beside_touches_no_table_that_serves(projection: Projection) -> None:
    shadow = beside(projection)
    assert not {*shadow.tables} & {*projection.tables}
    texts = {write.statement for recorded in story().events for write in shadow.project(recorded)} | {shadow.schema}
    for text in texts:
        for table in projection.tables:
            assert text.replace(table + SUFFIX, "").count(table) == 0
    # PostgreSQL cuts longer names off without a word.
    assert all(len(table.removeprefix("read_model.")) <= 63 for table in shadow.tables)


NEWER = [raised(projection) for projection in PROJECTIONS]
SERVING = """
select count(*) = cardinality($1::text[]) from cursor.projection_version
  join unnest($1::text[], $2::integer[]) as newer(name, version) using (name, version) where serving
"""
# How far the versions that served are at most, and how far the newer ones are at least.
FAR = """
select max(cursor.position) filter (where cursor.version < newer.version),
       coalesce(min(cursor.position) filter (where cursor.version = newer.version), 0)
  from cursor.projection as cursor join unnest($1::text[], $2::integer[]) as newer(name, version) using (name)
"""
# While a version takes over, the one before it is held: how far each is then is looked at in the same transaction.
NOTE_TAKEOVERS = """
create table cursor.takeover (name text, behind bigint);
create function cursor.note_takeover() returns trigger language plpgsql as $$
begin
    insert into cursor.takeover
    select new.name, max(before.position - coalesce(now.position, 0)) from cursor.projection as before
      left join cursor.projection as now
        on now.name = before.name and now.project = before.project and now.version = new.version
     where before.name = new.name and before.version < new.version;
    return null;
end $$;
create trigger takeover after update on cursor.projection_version
   for each row when (new.serving and not old.serving) execute function cursor.note_takeover();
"""


class Next(Reader):
    """Reads from the version that serves, as clients do: the old server's, then the new one's.

    Each server writes its own tables. Who comes from one to the other says up to where it has read, and is answered
    as soon as the other is there.
    """

    next = False

    async def read(self, until: asyncio.Event) -> None:
        while not until.is_set():
            async with self.ledger.connection() as connection:
                if not self.next and await connection.fetchval(SERVING, *named(NEWER)):
                    await self._as_far(connection)
                    self.next = True
                found = await known(AsOfTheNextVersion(connection) if self.next else connection)
            for what, much in found.items():
                assert much > 0, f"empty: {what}"
                assert much >= self.seen.get(what, 0), f"older than before: {what}"
            self.seen = found
            self.reads += 1

    async def _as_far(self, connection: Connection) -> None:
        async def positions() -> tuple[int, int]:
            [[before, newer]] = await connection.fetch(FAR, *named(NEWER))
            return before, newer

        read, _ = await positions()

        async def reached() -> bool:
            return (await positions())[1] >= read

        await happens(reached)


def named(projections: Sequence[Projection]) -> tuple[list[str], list[int]]:
    return [one.name for one in projections], [one.version for one in projections]


async def test_a_raised_version_of_every_real_projection_takes_over_under_load(ledger: Ledger) -> None:
    growing = Growing.of(ledger, seed=9, steps=1500)
    await growing.grow(500)
    head = (await ledger.head(PROJECT)).position
    until = asyncio.Event()
    readers = [Next(ledger) for _ in range(READERS)]
    async with keeping(ledger) as (old, _):
        await old.wait_for(PROJECT, head, HANGS_SECONDS)
        async with ledger.connection() as connection:
            await connection.execute(NOTE_TAKEOVERS)
        async with asyncio.TaskGroup() as tasks:
            for reader in readers:
                tasks.create_task(reader.read(until))
            tasks.create_task(growing.keep_growing(until))
            async with keeping(ledger, *NEWER) as (new, _):
                assert not new.serving()
                # The old server is started again in the middle of it, and leaves the new one's tables alone.
                async with keeping(ledger):
                    pass

                async def read_on() -> bool:
                    return new.serving() and all(reader.next for reader in readers)

                await happens(read_on)
                await asyncio.sleep(0.5)
                until.set()
                head = (await ledger.head(PROJECT)).position
                assert await new.wait_for(PROJECT, head, HANGS_SECONDS) >= head
                assert {one.stopped_because for one in new.status()} == {None}
    assert all(reader.reads > 5 for reader in readers)
    async with ledger.connection() as connection:
        assert (await known(AsOfTheNextVersion(connection)))["position"] >= head
        rows = await connection.fetch("select name, behind from cursor.takeover")
    took_over = {row["name"]: row["behind"] for row in rows}
    assert took_over.keys() == {one.name for one in NEWER}
    assert all(behind <= 0 for behind in took_over.values()), took_over


@asynccontextmanager
async def rebuilding(ledger: Ledger, shape: Projection) -> AsyncIterator[tuple[Connection, Connection]]:
    """A rebuild that is as far as what serves: one connection of those who use it, and one that swaps."""
    async with ledger.connection() as connection, ledger.connection() as other:
        await cursors.prepare(connection, [shape])
        await cursors.begin(connection, shape, PROJECT)
        await rebuilds.ask(connection, shape, by="admin-1", key=uuid4())
        await cursors.begin(connection, beside(shape), PROJECT)
        yield connection, other


async def test_a_page_that_is_being_written_is_not_lost_by_the_swap(ledger: Ledger) -> None:
    shape = positions()
    async with rebuilding(ledger, shape) as (connection, other):
        async with connection.transaction():
            await cursors.move(connection, [cursors.Move(shape, PROJECT, 0, 1)])
            await connection.execute("insert into read_model.positions_1 values ($1, 1)", PROJECT)
            swapping = asyncio.create_task(rebuilds.swap(other, shape, sleep))
            await asyncio.sleep(cursors.SWAP_LOCK_MS / 1000 / 2)
        assert not await swapping
        assert await seen(connection, PROJECT) == [1]


async def test_while_a_page_is_added_to_what_is_new_no_reader_of_what_serves_waits_for_it(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cursors, "SWAP_LOCK_MS", HANGS_SECONDS * 1000)
    shape = positions()
    async with rebuilding(ledger, shape) as (connection, other), ledger.connection() as looking:
        async with connection.transaction():
            await cursors.move(connection, [cursors.Move(beside(shape), PROJECT, 0, 1)])
            swapping = asyncio.create_task(rebuilds.swap(other, shape, sleep))

            async def waits() -> bool:
                return bool(await looking.fetchval(WAITING))

            await happens(waits)
            assert not await looking.fetchval(SHUT, "read_model.positions_1")
        assert await swapping


async def test_whoever_swaps_lets_others_wait_no_longer_than_it_says_itself(ledger: Ledger) -> None:
    shape = positions()
    async with rebuilding(ledger, shape) as (connection, other):
        # Else the session's own patience would end it, after seconds.
        await other.execute("set lock_timeout = 0")
        async with connection.transaction():
            await connection.execute("select from read_model.positions_1")
            assert not await rebuilds.swap(other, shape, sleep)
        async with connection.transaction():
            # Another process creates tables, or drops them.
            await connection.execute(cursors.ONE_AT_A_TIME)
            assert not await rebuilds.swap(other, shape, sleep)
        assert await rebuilds.swap(other, shape, sleep)
        newer = positions(2)
        await cursors.prepare(connection, [newer])
        async with connection.transaction():
            await cursors.hold(connection, shape.name, shape.version)
            assert not await cursors.serves(other, newer, sleep)
        assert await cursors.serves(other, newer, sleep)


async def test_what_was_built_anew_takes_over_how_far_it_is_and_leaves_nothing_of_its_own(ledger: Ledger) -> None:
    shape = positions()
    async with rebuilding(ledger, shape) as (connection, other):
        await cursors.stop(connection, shape, PROJECT, "an event that could not be applied")
        await cursors.move(connection, [cursors.Move(beside(shape), PROJECT, 0, 7)])
        assert await rebuilds.swap(other, shape, sleep)
        [left] = await connection.fetch("select name, position, stopped_because from cursor.projection")
        assert (left["name"], left["position"], left["stopped_because"]) == (shape.name, 7, None)
        versions = await connection.fetch("select name from cursor.projection_version")
        assert [row["name"] for row in versions] == [shape.name]
        [told] = await rebuilds.told(connection, [shape])
        assert (told.done, told.failed_because) == (7, None)
        assert told.ended_at is not None
        # Another process that meant to swap it finds that it is done.
        assert await rebuilds.swap(other, shape, sleep)


async def test_what_is_far_behind_is_not_waited_for(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(seconds: float) -> None:
        del seconds
        raise AssertionError("what serves was held, and looked at again")

    monkeypatch.setattr(cursors, "NEARLY_EVENTS", 1)
    shape = positions()
    async with rebuilding(ledger, shape) as (connection, other):
        await cursors.move(connection, [cursors.Move(shape, PROJECT, 0, 2)])
        assert not await rebuilds.swap(other, shape, never)


async def test_a_rebuild_of_a_version_that_was_replaced_meanwhile_is_over(ledger: Ledger) -> None:
    shape, newer = positions(), positions(2)
    async with rebuilding(ledger, shape) as (connection, _):
        await cursors.prepare(connection, [newer])
        assert await cursors.serves(connection, newer, sleep)
        await cursors.prepare(connection, [newer])
        assert await rebuilds.under_way(connection) == []
        [told] = await rebuilds.told(connection, [shape])
        assert told.failed_because == "a newer version was built instead"
