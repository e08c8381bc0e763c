"""Appending: what is acknowledged is there, in order, without gaps, and only once."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from interlock.ledger import (
    BODY_BYTES_MAX,
    BatchRefused,
    ClockDisagrees,
    ColumnsDiffer,
    Ends,
    Ledger,
    Overtaken,
    Row,
    VersionGap,
)
from interlock.ledger.embedded import Dsns
from tests.ledger.rows import PROJECT, append_one, body, command, instant, rows_of, stamp


async def test_an_empty_project_has_no_positions(ledger: Ledger) -> None:
    head = await ledger.head(PROJECT)
    assert (head.position, head.recorded_at) == (0, None)
    assert await ledger.read(PROJECT, after=0, limit=10) == []
    assert await ledger.heads() == {}


async def test_what_was_appended_is_read_back_as_the_same_bytes_in_order(ledger: Ledger) -> None:
    head = await ledger.head(PROJECT)
    rows = rows_of(command(1), head.clock, first=1, streams=[("a", 1), ("b", 1), ("a", 2)])
    clock = await ledger.append(PROJECT, rows)
    assert clock >= head.clock
    read = await ledger.read(PROJECT, after=0, limit=10)
    assert [(e.position, e.stream, e.version, e.body) for e in read] == [
        (r.position, r.stream, r.version, r.body) for r in rows
    ]
    assert read[0].recorded_at == head.clock
    assert await ledger.bodies(PROJECT, after=0, limit=2) == [r.body for r in rows[:2]]
    assert await ledger.bodies(PROJECT, after=1, limit=10, up_to=2) == [rows[1].body]
    assert [e.version for e in await ledger.read_stream(PROJECT, "a", limit=10)] == [1, 2]
    assert [e.position for e in await ledger.read_stream(PROJECT, "a", after_version=1, limit=10)] == [3]
    assert [e.position for e in await ledger.read(PROJECT, after=1, limit=10, up_to=2)] == [2]
    assert [e.position for e in await ledger.read(PROJECT, after=0, limit=1)] == [1]
    assert (await ledger.head(PROJECT)).position == 3
    assert await ledger.heads() == {PROJECT: 3}


async def test_streams_are_read_whole_and_by_their_ends(ledger: Ledger) -> None:
    await append_one(ledger, 1, events=3)
    await append_one(ledger, 2, events=2)
    streams = await ledger.read_streams(PROJECT, ["stream-2", "stream-1", "none", "stream-2"])
    assert {name: [e.version for e in events] for name, events in streams.items()} == {
        "stream-1": [1, 2, 3],
        "stream-2": [1, 2],
    }
    assert await ledger.ends(PROJECT, ["stream-1", "stream-2", "none"]) == {
        "stream-1": Ends(first=1, version=3),
        "stream-2": Ends(first=4, version=2),
    }
    first = streams["stream-2"][0]
    assert await ledger.ends(PROJECT, ["stream-2"], bodies=True) == {
        "stream-2": Ends(first=first.position, version=2, body=first.body)
    }


async def test_projects_count_apart(ledger: Ledger) -> None:
    for project in ("one", "two"):
        for number in (1, 2):
            await append_one(ledger, number, project=project)
    assert await ledger.heads() == {"one": 2, "two": 2}


async def test_a_writer_who_did_not_see_somebody_elses_append_is_fenced(ledger: Ledger) -> None:
    head = await ledger.head(PROJECT)
    await append_one(ledger, "theirs")
    mine = rows_of(command("mine"), head.clock, first=1, streams=[("mine", 1)])
    with pytest.raises(Overtaken):
        await ledger.append(PROJECT, mine)
    assert [e.stream for e in await ledger.read(PROJECT, after=0, limit=10)] == ["stream-theirs"]


async def test_a_batch_may_not_leave_a_gap_before_it_or_in_it(ledger: Ledger) -> None:
    await append_one(ledger, 1)
    head = await ledger.head(PROJECT)
    with pytest.raises(Overtaken):
        await ledger.append(PROJECT, rows_of(command(2), stamp(head), first=3, streams=[("b", 1)]))
    with pytest.raises(Overtaken):
        await ledger.append("fresh", rows_of(command(2), stamp(head), first=2, streams=[("b", 1)], project="fresh"))
    with_hole = rows_of(command(2), stamp(head), first=2, streams=[("b", 1)]) + rows_of(
        command(3), stamp(head), first=4, streams=[("c", 1)]
    )
    with pytest.raises(Overtaken):
        await ledger.append(PROJECT, with_hole)
    assert await ledger.heads() == {PROJECT: 1}


@pytest.mark.parametrize("versions", [[2], [3], [1, 3], [2, 1]])
async def test_versions_of_a_stream_have_no_gaps_and_rise_with_position(ledger: Ledger, versions: list[int]) -> None:
    head = await ledger.head(PROJECT)
    rows = rows_of(command(1), head.clock, first=1, streams=[("a", version) for version in versions])
    with pytest.raises(VersionGap):
        await ledger.append(PROJECT, rows)


async def test_a_version_that_skips_one_in_an_old_stream_is_refused(ledger: Ledger) -> None:
    await append_one(ledger, 1, events=2)
    head = await ledger.head(PROJECT)
    with pytest.raises(VersionGap):
        await ledger.append(PROJECT, rows_of(command(2), stamp(head), first=3, streams=[("stream-1", 9)]))


async def test_a_command_id_is_recorded_once(ledger: Ledger) -> None:
    await append_one(ledger, 1)
    head = await ledger.head(PROJECT)
    with pytest.raises(Overtaken):
        await ledger.append(PROJECT, rows_of(command(1), stamp(head), first=2, streams=[("other", 1)]))


async def test_any_unique_violation_means_overtaken_whichever_index_names_it(ledger: Ledger) -> None:
    await append_one(ledger, 1)
    head = await ledger.head(PROJECT)
    # Position, version and command id all collide; only one of them can be named.
    again = rows_of(command(1), stamp(head), first=1, streams=[("stream-1", 1)])
    with pytest.raises(Overtaken):
        await ledger.append(PROJECT, again)
    same_version = rows_of(command(2), stamp(head), first=2, streams=[("stream-1", 1)])
    with pytest.raises(Overtaken):
        await ledger.append(PROJECT, same_version)


@pytest.mark.parametrize("off_ms", [-2_300, 2_300, -86_400_000, 86_400_000])
async def test_a_time_too_far_from_the_ledgers_clock_is_refused(test_clock_ledger: Ledger, off_ms: int) -> None:
    now = datetime(2026, 11, 28, 9, tzinfo=UTC)
    await test_clock_ledger.set_test_clock(now)
    at = now + timedelta(milliseconds=off_ms)
    with pytest.raises(ClockDisagrees):
        await test_clock_ledger.append(PROJECT, rows_of(command(1), at, first=1, streams=[("a", 1)]))


@pytest.mark.parametrize("off_ms", [-2_000, 0, 2_000])
async def test_a_time_within_the_tolerance_is_taken(test_clock_ledger: Ledger, off_ms: int) -> None:
    now = datetime(2026, 11, 28, 9, tzinfo=UTC)
    await test_clock_ledger.set_test_clock(now)
    at = now + timedelta(milliseconds=off_ms)
    assert await test_clock_ledger.append(PROJECT, rows_of(command(1), at, first=1, streams=[("a", 1)])) == now


async def test_time_never_goes_back_within_the_tolerance_either(test_clock_ledger: Ledger) -> None:
    now = datetime(2026, 11, 28, 9, tzinfo=UTC)
    await test_clock_ledger.set_test_clock(now)
    await append_one(test_clock_ledger, 1)
    earlier = now - timedelta(milliseconds=1)
    with pytest.raises(ClockDisagrees, match="never goes back"):
        await test_clock_ledger.append(PROJECT, rows_of(command(2), earlier, first=2, streams=[("b", 1)]))


@pytest.mark.parametrize(
    "lie",
    [
        {"project": "bank"},
        {"position": 2},
        {"position": "1"},
        {"stream": "z"},
        {"version": 2},
        {"type": "Other"},
        {"recorded_at": "2026-11-28T09:00:00Z"},
        {"command_id": str(command(99))},
        {"request_hash": "sha256:other"},
        {"ordinal": 1},
    ],
    ids=lambda lie: "-".join(f"{key}={value}" for key, value in lie.items())[:30],
)
async def test_columns_that_differ_from_the_bytes_are_refused(ledger: Ledger, lie: dict[str, object]) -> None:
    head = await ledger.head(PROJECT)
    rows = rows_of(command(1), head.clock, first=1, streams=[("a", 1)])
    envelope = {
        "project": PROJECT,
        "position": 1,
        "type": "Annotated",
        "stream": "a",
        "version": 1,
        "recorded_at": instant(head.clock),
        "command_id": str(command(1)),
        "ordinal": 0,
        "request_hash": "sha256:asked",
    }
    rows[0].body = body(**envelope)
    await ledger.append(PROJECT, rows)  # the envelope itself is good
    rows = rows_of(command(1), head.clock, first=1, streams=[("a", 1)], project="second")
    rows[0].body = body(**{**envelope, "project": "second", **lie})
    with pytest.raises(ColumnsDiffer):
        await ledger.append("second", rows)


async def test_a_time_without_z_is_refused(ledger: Ledger) -> None:
    head = await ledger.head(PROJECT)
    rows = rows_of(command(1), head.clock, first=1, streams=[("a", 1)], recorded_at=head.clock.isoformat())
    with pytest.raises(ColumnsDiffer):
        await ledger.append(PROJECT, rows)


@pytest.mark.parametrize("second", ["instant", "project"])
async def test_a_batch_has_one_project_and_one_instant(ledger: Ledger, dsns: Dsns, second: str) -> None:
    at = (await ledger.head(PROJECT)).clock
    later = at + timedelta(milliseconds=second == "instant")
    other = PROJECT if second == "instant" else "z-other"
    one = rows_of(command(1), at, first=1, streams=[("a", 1)])[0]
    two = rows_of(command(2), later, first=2, streams=[("b", 1)], project=other)[0]
    app = await asyncpg.connect(dsns.app, timeout=10)
    with pytest.raises(asyncpg.PostgresError, match="one project and one instant"):
        await app.execute(
            "insert into ledger.event select p, n, s, 1, 'Annotated', t, b, c, 'sha256:asked', 1 from unnest("
            "$1::text[], $2::int[], $3::text[], $4::timestamptz[], $5::bytea[], $6::uuid[]) as x (p, n, s, t, b, c)",
            [PROJECT, other],
            [1, 2],
            ["a", "b"],
            [one.recorded_at, two.recorded_at],
            [one.body, two.body],
            [one.command_id, two.command_id],
        )
    await app.close()


@pytest.mark.parametrize("events", [1, 3])
async def test_a_command_whose_rows_are_not_as_many_as_it_says_is_refused(ledger: Ledger, events: int) -> None:
    head = await ledger.head(PROJECT)
    rows = rows_of(command(1), head.clock, first=1, streams=[("a", 1), ("a", 2)])
    rows[0].command_events = events
    with pytest.raises(ColumnsDiffer):
        await ledger.append(PROJECT, rows)


async def test_a_row_that_belongs_to_no_command_is_refused(ledger: Ledger) -> None:
    head = await ledger.head(PROJECT)
    rows = rows_of(command(1), head.clock, first=1, streams=[("a", 1), ("a", 2)])
    rows[0].command_id = rows[0].request_hash = rows[0].command_events = None
    with pytest.raises(ColumnsDiffer):
        await ledger.append(PROJECT, rows)
    with pytest.raises(ColumnsDiffer):
        await ledger.append(PROJECT, [Row(1, "a", 1, "Annotated", head.clock, rows[0].body)])


async def test_a_body_has_at_most_65535_bytes(ledger: Ledger) -> None:
    head = await ledger.head(PROJECT)
    spare = BODY_BYTES_MAX - len(rows_of(command(1), head.clock, first=1, streams=[("a", 1)], text="")[0].body)
    fits = rows_of(command(1), head.clock, first=1, streams=[("a", 1)], text="x" * spare)
    await ledger.append(PROJECT, fits)
    too_long = rows_of(command(2), head.clock, first=2, streams=[("b", 1)], text="x" * (spare + 1))
    with pytest.raises(BatchRefused):
        await ledger.append(PROJECT, too_long)


async def test_the_database_itself_refuses_a_body_that_is_too_long(ledger: Ledger, dsns: Dsns) -> None:
    app = await asyncpg.connect(dsns.app, timeout=10)
    row = rows_of(command(1), (await ledger.head(PROJECT)).clock, first=1, streams=[("a", 1)], text="x" * 65_535)[0]
    with pytest.raises(asyncpg.CheckViolationError, match="event_body_bytes_max"):
        await app.execute(
            "insert into ledger.event values ($1, 1, 'a', 1, 'Annotated', $2, $3, $4, 'sha256:asked', 1)",
            PROJECT,
            row.recorded_at,
            row.body,
            row.command_id,
        )
    await app.close()


async def test_an_empty_batch_is_refused(ledger: Ledger) -> None:
    with pytest.raises(BatchRefused):
        await ledger.append(PROJECT, [])


async def test_a_body_that_is_no_json_is_refused(ledger: Ledger) -> None:
    head = await ledger.head(PROJECT)
    rows = rows_of(command(1), head.clock, first=1, streams=[("a", 1)])
    rows[0].body = b"{"
    with pytest.raises(BatchRefused):
        await ledger.append(PROJECT, rows)


async def test_a_refused_batch_leaves_nothing_and_the_connection_in_order(ledger: Ledger) -> None:
    head = await ledger.head(PROJECT)
    batch = rows_of(command(1), head.clock, first=1, streams=[("a", 1)])
    batch += rows_of(command(2), head.clock, first=2, streams=[("b", 7)])
    with pytest.raises(VersionGap):
        await ledger.append(PROJECT, batch)
    assert await ledger.heads() == {}
    assert await append_one(ledger, 1) == 1


async def test_of_many_writers_at_once_one_wins_each_position(ledger: Ledger) -> None:
    head = await ledger.head(PROJECT)
    batches = [rows_of(command(n), head.clock, first=1, streams=[(f"s{n}", 1)]) for n in range(8)]
    outcomes = await asyncio.gather(*(ledger.append(PROJECT, rows) for rows in batches), return_exceptions=True)
    assert sum(isinstance(outcome, datetime) for outcome in outcomes) == 1
    assert sum(isinstance(outcome, Overtaken) for outcome in outcomes) == 7
