"""The touched rows are kept exactly, in whatever way they were touched, and can be put back."""
# Long: one promise, that rows come back exactly, tried with every shape of table and of change.

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from interlock.domain.scripts import admit_script
from interlock.events.catalogue.parts import AdjustmentPlan, AdjustmentTargets, ExpectedEffect
from interlock.runners.adjust import kept as keeping
from interlock.runners.adjust import sessions
from interlock.runners.adjust import tables as touching
from interlock.runners.adjust.backup import NoBackup, read_backup, write_backup
from interlock.runners.adjust.failures import BackupImpossible, OutsideTargets, UnexpectedRows
from interlock.runners.adjust.job import Job
from interlock.runners.adjust.kept import Kept, rows_digest
from interlock.runners.adjust.restoring import CannotPutBack, ChangedSince, put_back
from interlock.runners.adjust.tables import Touches
from interlock.runners.adjust.transaction import Ran, Work
from interlock.runners.asking import passed_by
from tests.runners.shop import Shop

EVERYTHING = ("trades.fills", "trades.fees", "trades.ticks", "trades.odd", "trades.notes", "trades.pairs")
LEAVES = ("trades.ticks_2025", "trades.ticks_2026")
DIGEST = f"sha256:{'0' * 64}"

SCRIPTS = {
    "updated": "update trades.fills set price = 1 where id < 5",
    "updated without a change": "update trades.fills set price = price where id < 5",
    "updated twice": "update trades.fills set price = 1 where id < 5; update trades.fills set price = 2 where id < 5",
    "deleted with what points at it": "delete from trades.fills where id in (1, 2, 3)",
    "inserted": "insert into trades.fills (symbol, quantity) values ('NEW', 1), ('NEW', 2)",
    "inserted and deleted": "insert into trades.fills (symbol, quantity) values ('N', 1); delete from trades.fees where"
    " fill = 3; delete from trades.fills where symbol = 'N'",
    "merged": "merge into trades.fills f using (values (1), (2), (99)) v(id) on f.id = v.id"
    " when matched and f.id = 1 then delete when matched then update set quantity = 0"
    " when not matched then insert (symbol, quantity) values ('M', 9)",
    "moved to another partition": "update trades.ticks set at = at + 365 where at < '2025-12-10'",
    "in a partition": "delete from trades.ticks where at > '2026-01-20'; update trades.ticks set value = 'NaN'"
    " where at = '2025-12-02'",
    "equal rows": "delete from trades.notes where ctid in (select ctid from trades.notes where note = 'same' limit 2);"
    " insert into trades.notes values ('other'), (null)",
    "odd rows": "update trades.odd set r = coalesce(r, '') || E'\\n\\t\\\\\"', tags = array['\"', '\\', null]",
    "in savepoints": "select trades.in_savepoints(5)",
    "on conflict": "insert into trades.fees values (1, 'broker', 1), (1, 'tax', 2)"
    " on conflict (fill, what) do update set cents = excluded.cents",
    "keys changed": "update trades.fees set what = 'house' where fill < 4",
    "keys swapped": "update trades.pairs set id = id + 10, twin = twin + 10",
    "a parent replaced": "insert into trades.fills (symbol, quantity) overriding system value values ('P', 1);"
    " update trades.fees set fill = (select id from trades.fills where symbol = 'P') where fill = 7;"
    " delete from trades.fills where id = 7",
    "in a WITH": "with gone as (delete from trades.fees where fill < 3 returning cents)"
    " insert into trades.notes select sum(cents)::text from gone",
    "nothing": "update trades.fills set price = 1 where false",
}


def job_with(shop: Shop, script: str, tables: tuple[str, ...], rows_max: int) -> Job:
    plan = AdjustmentPlan(
        purpose="try",
        script_digest=DIGEST,
        targets=AdjustmentTargets(environment="production", identity=shop.identity(shop.production), tables=tables),
        precondition_digest=DIGEST,
        expected_effect=ExpectedEffect(rows_min=0, rows_max=rows_max, queries_digest=DIGEST),
        undo_digest=DIGEST,
        risk="normal",
    )
    return Job("ADJ-1", plan, DIGEST, admit_script(script.encode()), (), ())


@asynccontextmanager
async def worked(
    shop: Shop, script: str, tables: tuple[str, ...] = EVERYTHING, rows_max: int = 1000
) -> AsyncIterator[tuple[Work, Ran]]:
    """The script's transaction, still open."""
    working, witness = [await sessions.connect(shop.connection().dsn) for _ in range(2)]
    try:
        job = job_with(shop, script, tables, rows_max)
        work = Work(job, working, witness, working.get_server_pid(), monotonic, passed_by, job.plan.targets.identity)
        yield work, await work.run("ADJ-1/1", await work.look())
    finally:
        for session in (working, witness):
            await sessions.end_of(session)


def everything(shop: Shop, tables: tuple[str, ...] = EVERYTHING) -> dict[str, Counter[str]]:
    """Every row there is, by table."""
    return {table: Counter(row[0] for row in shop.rows(f"select (r.*)::text from {table} r")) for table in tables}


def counted(rows: dict[str, list[str]]) -> dict[str, Counter[str]]:
    return {relation.removeprefix("only "): Counter(lines) for relation, lines in rows.items() if lines}


@pytest.mark.parametrize("script", SCRIPTS.values(), ids=SCRIPTS.keys())
async def test_exactly_the_touched_rows_are_kept_and_put_back(shop: Shop, tmp_path: Path, script: str) -> None:
    was = everything(shop)
    async with worked(shop, script) as (work, ran):
        kept = ran.kept
        assert await work.commit()
    now = everything(shop)
    # What differs was kept, and what was kept beside it was touched without a change.
    before, after = counted(kept.before), counted(kept.after)
    for table in EVERYTHING:
        gone, come = was[table] - now[table], now[table] - was[table]
        held, made = before.get(table, Counter()), after.get(table, Counter())
        assert gone <= held <= was[table]
        assert come <= made <= now[table]
        assert held - gone == made - come
    assert rows_digest(kept.before) == ran.outcome.before
    written = write_backup(tmp_path / "kept", "ADJ-1/1", {}, kept)
    _, read = read_backup(written.path, written.digest)
    assert read == kept
    async with shop.server.session("postgres", shop.production) as administrator:
        assert await put_back(administrator, read) == kept.rows
    assert everything(shop) == was


async def test_a_row_that_others_had_locked_before_is_kept_as_well(shop: Shop) -> None:
    # Two of them at once leave a MultiXact in the row's xmax, and so do lockers that are long gone.
    async with shop.server.session("postgres", shop.production) as one:
        async with shop.server.session("postgres", shop.production) as two:
            for session in (one, two):
                await session.execute("begin; select from trades.fills where id in (1, 2, 30) for key share")
            for session in (one, two):
                await session.execute("commit")
    async with worked(shop, "update trades.fills set price = 0 where id = 1") as (_, ran):
        assert counted(ran.kept.before)["trades.fills"].total() == 1
        [row] = ran.kept.before["only trades.fills"]
    assert row.startswith("(1,XYZ,")


async def test_rows_of_a_named_partition_are_kept_and_other_partitions_are_no_targets(shop: Shop) -> None:
    async with shop.server.session("postgres", shop.production) as administrator:
        await administrator.execute("grant select, insert, update, delete on trades.ticks_2026 to interlock_adjust")
    tables = ("trades.ticks_2026",)
    async with worked(shop, "delete from trades.ticks where at > '2026-01-20'", tables) as (_, ran):
        assert set(ran.kept.before) == {"only trades.ticks_2026"}
    with pytest.raises(OutsideTargets, match="ticks_2025"):
        async with worked(shop, "delete from trades.ticks where at = '2025-12-02'", tables):
            pass


async def test_a_row_changed_since_is_never_overwritten(shop: Shop) -> None:
    async with worked(shop, "update trades.fills set price = 1 where id < 5") as (work, ran):
        assert await work.commit()
    shop.rows("update trades.fills set price = 3 where id = 2 returning 1")
    now = everything(shop)
    async with shop.server.session("postgres", shop.production) as administrator:
        with pytest.raises(ChangedSince):
            await put_back(administrator, ran.kept)
    assert everything(shop) == now


async def administer(shop: Shop, text: str) -> None:
    """Change the schema, and let the runner's role write what is new."""
    async with shop.server.session("postgres", shop.production) as administrator:
        await administrator.execute(text)
        await administrator.execute("grant all on all tables in schema trades to interlock_adjust_tables")


@pytest.mark.parametrize(
    "script, fewer",
    [
        ("delete from trades.fees where fill < 4", Touches(deleted=2)),
        ("insert into trades.notes values ('one'), ('two')", Touches(inserted=1)),
    ],
)
async def test_rows_that_do_not_fit_those_that_were_counted_are_no_backup(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, script: str, fewer: Touches
) -> None:
    async def miscounted(*_: object) -> Touches:
        return fewer

    monkeypatch.setattr(touching, "touches", miscounted)
    with pytest.raises(BackupImpossible, match="do not fit"):
        async with worked(shop, script):
            pass


async def test_rows_of_more_bytes_than_are_kept_stop_it(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "KEPT_BYTES_MAX", 100)
    with pytest.raises(BackupImpossible, match="more than 100 bytes"):
        async with worked(shop, "delete from trades.fees"):
            pass


@pytest.mark.parametrize(
    "first, last, inside, outside",
    [
        (1_000, 1_003, (1_000, 1_002), (3, 999, 1_003, 4_294_967_295)),
        # In the middle of the transaction the ids that rows keep begin anew, from 3.
        (2**32 - 2, 2**32 + 5, (4_294_967_294, 4_294_967_295, 3, 4), (4_294_967_293, 5, 1_000)),
        # They began anew long ago, and more than once.
        (7 * 2**32 + 10, 7 * 2**32 + 12, (10, 11), (3, 9, 12, 4_294_967_295)),
        (7 * 2**32 - 1, 7 * 2**32 + 4, (4_294_967_295, 3), (4_294_967_294, 4)),
    ],
)
async def test_rows_are_found_by_their_transaction_also_where_its_ids_begin_anew(
    shop: Shop, first: int, last: int, inside: tuple[int, ...], outside: tuple[int, ...]
) -> None:
    rows = " union all ".join(
        f"select 1::oid as tableoid, '(0,{id_ % 1000 + 1})'::tid as ctid, '{id_}'::xid as xmin"
        for id_ in (*inside, *outside)
    )
    query = keeping.CREATED.format(relation=f"({rows}) as rows", xids=keeping.XIDS)
    async with shop.server.session("postgres", shop.production) as session:
        found = await session.fetch(query, *keeping.span_of(first, last))
    assert sorted(row["c"] for row in found) == sorted(f"(0,{id_ % 1000 + 1})" for id_ in inside)


async def test_what_happens_only_at_the_end_is_counted_and_kept_as_well(shop: Shop) -> None:
    await administer(
        shop,
        "create function trades.in_the_end() returns trigger language plpgsql as"
        " $$ begin update trades.fees set cents = 0; return null; end $$;"
        " create constraint trigger in_the_end after update on trades.fills deferrable initially deferred"
        " for each row execute function trades.in_the_end()",
    )
    script = "update trades.fills set price = 1 where id = 1"
    with pytest.raises(OutsideTargets, match=r"trades\.fees"):
        async with worked(shop, script, ("trades.fills",)):
            pass
    with pytest.raises(UnexpectedRows, match="it touched 41 rows"):
        async with worked(shop, script, rows_max=40):
            pass
    async with worked(shop, script, rows_max=41) as (_, ran):
        assert ran.outcome.rows == 41
        assert counted(ran.kept.before)["trades.fees"].total() == 40


async def committed(shop: Shop, script: str, tables: tuple[str, ...] = EVERYTHING) -> Kept:
    """Run the script, and return what was kept of it."""
    async with worked(shop, script, tables) as (work, ran):
        assert await work.commit()
        return ran.kept


# The tables there are, what is done to them, and in which of them everything is looked at afterwards.
SHAPES = {
    "a child of another parent goes back before its parent goes": (
        (
            "create table trades.parents (id int primary key); insert into trades.parents values (1);"
            " create table trades.children"
            " (id int primary key, parent int references trades.parents on delete cascade);"
            " insert into trades.children values (7, 1)"
        ),
        (
            "insert into trades.parents values (2); update trades.children set parent = 2;"
            " delete from trades.parents where id = 1"
        ),
        ("trades.parents", "trades.children"),
    ),
    "a unique value goes back to whom it was taken from": (
        "create table trades.named (id int primary key, name text unique); insert into trades.named values (1, 'a')",
        "delete from trades.named; insert into trades.named values (2, 'a')",
        ("trades.named",),
    ),
    "a number that only the server gives is left as it is": (
        (
            "create table trades.numbered (code text primary key, n int generated always as identity, label text);"
            " insert into trades.numbered (code, label) values ('x', 'old')"
        ),
        "update trades.numbered set label = 'new'",
        ("trades.numbered",),
    ),
    "a column's name is any text": (
        'create table trades.quaint ("a ""b"" c" int primary key, "d""" text); insert into trades.quaint values (1, 2)',
        'update trades.quaint set "d""" = 3; insert into trades.quaint values (2, 2)',
        ("trades.quaint",),
    ),
    "there is nothing but a key": (
        "create table trades.keys (id int primary key); insert into trades.keys values (1)",
        "update trades.keys set id = id",
        ("trades.keys",),
    ),
}


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())
async def test_rows_of_any_shape_of_table_are_put_back(shop: Shop, shape: tuple[str, str, tuple[str, ...]]) -> None:
    schema, script, tables = shape
    await administer(shop, schema)
    was = everything(shop, tables)
    kept = await committed(shop, script, tables)
    async with shop.server.session("postgres", shop.production) as administrator:
        assert await put_back(administrator, kept) == kept.rows
    assert everything(shop, tables) == was


async def test_rows_that_block_each_other_are_left_as_they_are(shop: Shop) -> None:
    await administer(shop, "create table trades.named (id int primary key, name text unique)")
    await administer(shop, "insert into trades.named values (1, 'a'), (2, 'b')")
    swap = (
        "update trades.named set name = 'c' where id = 1; update trades.named set name = 'a' where id = 2;"
        " update trades.named set name = 'b' where id = 1"
    )
    kept = await committed(shop, swap, ("trades.named",))
    now = everything(shop, ("trades.named",))
    async with shop.server.session("postgres", shop.production) as administrator:
        with pytest.raises(CannotPutBack, match="no order"):
            await put_back(administrator, kept)
    assert everything(shop, ("trades.named",)) == now


async def test_rows_without_a_key_that_others_point_at_are_not_taken_out_and_in(shop: Shop) -> None:
    await administer(
        shop,
        "create table trades.codes (code text unique, label text); insert into trades.codes values ('x', 'old');"
        " create table trades.uses (code text references trades.codes (code) on delete cascade);"
        " insert into trades.uses values ('x')",
    )
    kept = await committed(shop, "update trades.codes set label = 'new'", ("trades.codes",))
    async with shop.server.session("postgres", shop.production) as administrator:
        with pytest.raises(CannotPutBack, match="no primary key"):
            await put_back(administrator, kept)
    # Taken out, it would have taken along what points at it.
    assert shop.rows("select label, count(uses) from trades.codes join trades.uses using (code) group by 1") == [
        ("new", 1)
    ]


async def test_rows_that_a_trigger_changes_on_their_way_back_are_not_put_back(shop: Shop) -> None:
    kept = await committed(shop, "update trades.fills set price = 1 where id < 5")
    await administer(
        shop,
        "create function trades.odd_price() returns trigger language plpgsql as"
        " $$ begin new.price := 5; return new; end $$;"
        " create trigger odd_price before update on trades.fills for each row execute function trades.odd_price()",
    )
    now = everything(shop)
    async with shop.server.session("postgres", shop.production) as administrator:
        with pytest.raises(CannotPutBack, match="not as expected"):
            await put_back(administrator, kept)
    assert everything(shop) == now


async def test_nobody_else_writes_while_rows_are_put_back(shop: Shop) -> None:
    kept = await committed(shop, "update trades.fills set price = 1 where id < 5")
    async with (
        shop.server.session("postgres", shop.production) as somebody,
        shop.server.session("postgres", shop.production) as administrator,
    ):
        await somebody.execute("begin; update trades.fills set price = 0 where id = 40")
        await administrator.execute("set lock_timeout = '100ms'")
        with pytest.raises(CannotPutBack, match="lock timeout"):
            await put_back(administrator, kept)


async def test_an_administrators_own_settings_change_nothing(shop: Shop) -> None:
    was = everything(shop)
    kept = await committed(shop, "update trades.odd set r = 'x'; update trades.ticks set value = 1")
    async with shop.server.session("postgres", shop.production) as administrator:
        await administrator.execute(
            "set timezone = 'Asia/Tokyo'; set datestyle = 'SQL, DMY'; set bytea_output = escape"
        )
        await put_back(administrator, kept)
    assert everything(shop) == was


def damaged(content: bytes) -> list[bytes]:
    return [content[:-5], content.replace(b"before", b"befoer", 1), b"", content + b"x\n", b"\xff" + content]


@pytest.mark.parametrize("number", range(5))
def test_a_damaged_backup_is_none(tmp_path: Path, number: int) -> None:
    kept = Kept(before={"t": ["(1,\u2028)"]}, after={"t": ["(2,)"]})
    written = write_backup(tmp_path, "ADJ-1/1", {"adjustment": "ADJ-1"}, kept)
    assert read_backup(written.path)[1] == kept
    assert written.path.stat().st_mode & 0o777 == 0o600
    written.path.write_bytes(damaged(written.path.read_bytes())[number])
    for digest in (None, written.digest):
        with pytest.raises(NoBackup):
            read_backup(written.path, digest)


@pytest.mark.parametrize(
    "other",
    [b'{"interlock_backup": 2}\n{"before": 0, "after": 0}\n', b'[1]\n{"before": 0, "after": 0}\n', b"1\n2\n", None],
)
def test_what_is_no_backup_of_this_format_is_none(tmp_path: Path, other: bytes | None) -> None:
    path = tmp_path / "other.jsonl"
    if other is not None:
        path.write_bytes(other)
    with pytest.raises(NoBackup):
        read_backup(path)


def test_a_whole_backup_of_other_rows_is_not_the_one_that_is_recorded(tmp_path: Path) -> None:
    digest = write_backup(tmp_path, "ADJ-1/1", {}, Kept(before={"t": ["(1)"]})).digest
    other = write_backup(tmp_path, "ADJ-1/1", {}, Kept(before={"t": ["(2)"]}))
    assert read_backup(other.path, other.digest)[1].before == {"t": ["(2)"]}
    with pytest.raises(NoBackup, match="has not the digest"):
        read_backup(other.path, digest)


def test_a_backup_that_was_not_written_whole_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(f"no space left for {descriptor}")

    with monkeypatch.context() as disk:
        disk.setattr("os.fsync", full)
        with pytest.raises(BackupImpossible, match="no space left"):
            write_backup(tmp_path / "kept", "ADJ-1/1", {}, Kept())
    assert [*tmp_path.glob("kept/*.jsonl")] == []
    assert (tmp_path / "kept").stat().st_mode & 0o777 == 0o700


def test_a_place_that_no_event_can_name_is_none_for_a_backup(tmp_path: Path) -> None:
    with pytest.raises(BackupImpossible, match="230 characters"):
        write_backup(tmp_path / ("x" * 200) / ("y" * 200), "ADJ-1/1", {}, Kept())


def test_no_order_of_rows_changes_the_digest_and_every_row_does() -> None:
    rows: dict[str, list[str]] = {"a": ["1", "2"], "b": ["1"]}
    assert rows_digest(rows) == rows_digest({"b": ["1"], "a": ["2", "1"]})
    others: list[Any] = [{"a": ["1", "2"]}, {"a": ["1", "2", "2"], "b": ["1"]}, {"a": ["1"], "b": ["1", "2"]}]
    assert len({rows_digest(each) for each in [rows, *others]}) == 4
