"""A restore copies one snapshot into an emptied, closed database, measured and masked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from interlock.events.canonical import digest_of_bytes
from interlock.events.codec import plain
from interlock.runners.restoring import (
    MaskRefused,
)
from tests.fixtures.server import Served
from tests.runners.places import Place, measured
from tests.runners.two import TwoServers

MASK = "update shop.customers set name = 'masked ' || id, mail = null; grant usage on schema shop to public"


async def test_the_copy_is_equal_table_by_table_and_the_report_says_so(place: Place) -> None:
    told: list[str] = []
    place.pair.do("stage", "create role writer; grant connect on database " + place.pair.stage + " to writer")
    before = place.pair.rows("stage", "select datacl::text from pg_database where datname = $1", place.pair.stage)
    done = await place.restore(told=told)
    there = await measured(place.pair, "stage")
    assert there == await measured(place.pair, "production")
    assert there["shop.orders"][0] == 300
    assert place.pair.rows("stage", "select to_regclass('shop.old'), to_regnamespace('more')") == [(None, None)]
    assert place.pair.rows("stage", "select count(*), sum(orders) from shop.totals") == [(50, 300)]
    event = place.last("DataRestored")
    assert event["report"] == done.report
    assert "masked" not in event
    assert event["schema_digest"] == done.copied.source_schema == done.copied.schema
    report = json.loads(place.served["anton"].get_evidence(done.report))
    assert {each["table"]: (each["rows"], each["digest"]) for each in report["tables"]} == there
    assert report["source"]["identity"] == plain(place.pair.identity("production"))
    assert event["snapshot"] == report["source"]["snapshot"]
    assert "   1  shop.customers is read" in told or "   1  shop.orders is read" in told
    assert [line for line in told if line.endswith("public.settings is filled")]
    # Who could come in before can again, and nobody else.
    after = place.pair.rows("stage", "select datacl::text from pg_database where datname = $1", place.pair.stage)
    assert sorted(after[0][0].strip("{}").split(",")) == sorted(before[0][0].strip("{}").split(","))
    assert place.holds_nothing_back()
    place.pair.do("stage", "drop owned by writer; drop role writer")


async def test_masked_data_is_masked_before_anybody_else_comes_in(place: Place) -> None:
    seen: list[Any] = []

    async def reached(step: str) -> None:
        if step in {"emptied", "filled", "masked", "opened"}:
            try:
                async with place.pair.servers.stage.session("interlock_adjust", place.pair.stage):
                    seen.append((step, "in"))
            except asyncpg.PostgresError:
                seen.append((step, "out"))

    done = await place.restore(place.restoring(MASK), reached=reached)
    assert seen == [("emptied", "out"), ("filled", "out"), ("masked", "out"), ("opened", "in")]
    assert place.last("DataRestored")["masked"] == digest_of_bytes(MASK.encode()) == done.copied.masked
    assert place.pair.rows("stage", "select count(*) from shop.customers where name like 'masked %'") == [(50,)]
    assert (await measured(place.pair, "stage"))["shop.customers"] != (await measured(place.pair, "production"))[
        "shop.customers"
    ]


@pytest.mark.parametrize(
    "script, why",
    [
        ("update shop.customers set id = default, nothing = 1", "UndefinedColumnError"),
        ("insert into public.settings values ('name', 'secret@example.org')", "UniqueViolationError"),
        ("delete from public.settings; commit", "ends its own transaction"),
    ],
)
async def test_where_masking_fails_the_database_stays_closed(place: Place, script: str, why: str) -> None:
    with pytest.raises(MaskRefused):
        await place.restore(place.restoring(script))
    error = place.last("DataRestoreFailed")["error"]
    assert why in error
    assert "secret" not in error
    with pytest.raises(asyncpg.PostgresError):
        async with place.pair.servers.stage.session("interlock_adjust", place.pair.stage):
            pass
    # The next restore begins there, and opens it.
    await place.restore(place.restoring(MASK))
    assert place.holds_nothing_back()


async def test_the_snapshot_is_of_one_moment(interlock: Served, two_servers: TwoServers, tmp_path: Path) -> None:
    with two_servers.pair(own=True) as pair:
        place = Place(interlock, pair, tmp_path).begin()

        async def reached(step: str) -> None:
            if step == "started":
                pair.do("production", "insert into public.settings values ('before', '')")
            if step == "dumped":
                pair.do("production", "insert into public.settings values ('after', '')")

        done = await place.restore(reached=reached)
        assert pair.rows("stage", "select name from public.settings order by 1") == [("before",), ("name",)]
        [(now,)] = pair.rows("production", "select now()")
        assert done.copied.taken_at < now
