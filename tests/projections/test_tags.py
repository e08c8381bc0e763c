"""A tag's positions stand in blocks: however they came there, and however they are asked for, they are the same."""

from __future__ import annotations

import json
from typing import Any

import pytest

from interlock.projections import audit_trail, tags
from interlock.projections.projection import Row
from interlock.projections.tags import ADD_MANY_TAGS, ADD_TAGS, BLOCK_EVENTS, TAG
from tests.projections.answers import Writer
from tests.projector.test_together import looked_at, set_together

LAST = 3 * BLOCK_EVENTS + 10
STORED = f"select tag, block, steps from {TAG} where project = $1 order by tag, block"
EVENTS = 20_000
SHOWN = 50


def rows(project: str) -> list[Row]:
    """One tag that all have, one that every third has, and many that a few in a row have."""
    return [
        (project, ["type/Any", *(["person/anton"] if at % 3 == 0 else []), f"release/{at // 7}"], at)
        for at in range(1, LAST + 1)
    ]


async def asked(connection: Any, *named: str, low: int = 0, high: int = LAST, oldest_first: bool) -> list[int]:
    found: list[int] = []
    async for some in tags.positions(connection, "single", named, low, high, oldest_first=oldest_first):
        assert some
        found += some
    return found


async def test_blocks_are_the_same_event_by_event_and_in_pages_of_any_size(told: Writer) -> None:
    connection = told.connection
    await connection.executemany(ADD_TAGS, rows("single"))
    single = await connection.fetch(STORED, "single")
    assert {row["block"] for row in single} == {0, 1, 2, 3}
    for size in (2, 7, BLOCK_EVENTS, BLOCK_EVENTS + 1, LAST):
        pages = rows(f"pages-{size}")
        for start in range(0, LAST, size):
            await set_together(connection, ADD_MANY_TAGS, pages[start : start + size])
        assert await connection.fetch(STORED, f"pages-{size}") == single


async def test_pages_of_several_projects_may_be_written_together(told: Writer) -> None:
    connection = told.connection
    # One is in the middle of a block, the other at its beginning.
    await set_together(connection, ADD_MANY_TAGS, rows("ahead")[:300])
    await set_together(connection, ADD_MANY_TAGS, [*rows("ahead")[300:400], *rows("behind")[:400]])
    assert await connection.fetch(STORED, "ahead") == await connection.fetch(STORED, "behind")


@pytest.mark.parametrize("oldest_first", [True, False])
async def test_positions_are_found_in_order_whatever_is_read_at_once(
    told: Writer, monkeypatch: pytest.MonkeyPatch, oldest_first: bool
) -> None:
    connection = told.connection
    if not await connection.fetch(STORED, "single"):
        await connection.executemany(ADD_TAGS, rows("single"))
    for blocks in (1, 2, 16):
        monkeypatch.setattr(tags, "BLOCKS_READ", blocks)
        for named, every in ((("type/Any",), 1), (("type/Any", "person/anton"), 3), (("person/anton", "type/Any"), 3)):
            for low, high in ((0, LAST), (5, BLOCK_EVENTS), (BLOCK_EVENTS - 1, 2 * BLOCK_EVENTS + 1)):
                expected = [at for at in range(low + 1, high + 1) if at % every == 0]
                found = await asked(connection, *named, low=low, high=high, oldest_first=oldest_first)
                assert found == (expected if oldest_first else expected[::-1])
        assert await asked(connection, "type/Any", "release/40", oldest_first=True) == list(range(280, 287))
        assert await asked(connection, "release/1", "release/40", oldest_first=oldest_first) == []


async def test_of_a_tag_that_many_events_have_only_what_is_shown_is_looked_at(told: Writer) -> None:
    connection, entry = told.connection, audit_trail.ENTRY
    await connection.execute(
        f"insert into {entry} select 'much', at, 'T', 's', at, now() + at * interval '1 s', now(), 'a', 'person', null,"
        f" null, null, gen_random_uuid(), 1, 's', 'b' from generate_series(1, {EVENTS}) as at"
    )
    await connection.execute(
        f"insert into {TAG} select 'much', 'type/T', at / {BLOCK_EVENTS},"
        f" array_agg((at % {BLOCK_EVENTS})::smallint order by at) from generate_series(1, {EVENTS}) as at group by 3"
    )
    how = audit_trail._How(oldest_first=False, body=False)
    last = [EVENTS - back for back in range(SHOWN)]
    for _ in ("before statistics", "after them"):
        told_of = await connection.fetchval(
            f"explain (analyze, format json) {how.among()}", "much", last, EVENTS, SHOWN
        )
        assert max(looked_at(json.loads(told_of)[0]["Plan"])) <= 2 * SHOWN
        found = await audit_trail.entries(connection, "much", audit_trail.Filters(type="T"), limit=SHOWN)
        assert [one["position"] for one in found] == last
        await told.connection.execute(f"analyze {entry}, {TAG}")


def test_a_block_is_far_from_what_is_moved_out_of_its_page() -> None:
    assert BLOCK_EVENTS * 2 < 1_000
