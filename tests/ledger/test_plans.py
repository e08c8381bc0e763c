"""A project that statistics have never seen is found by its index in a large table, not by a scan."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from interlock.ledger import Ledger, statements
from interlock.ledger.embedded import Dsns
from interlock.ledger.statements import sql
from tests.fixtures.postgres import PostgresServer, elsewhere
from tests.ledger.rows import PROJECT, command, rows_of, stamp

BATCHES = 4
BATCH_ROWS = 300
OLD_EVENTS = 60_000
NEW_EVENTS = 2_000

# As the owner, without the checks, to have a large table in a second; the plans are what is looked at.
FILL = """
insert into ledger.event (project, position, stream, version, type, recorded_at, body, command_id, request_hash,
                          command_events)
select $1, n, 'stream-' || n % 100, n / 100 + 1, 'Annotated', now(), convert_to(repeat('x', 100), 'UTF8'),
       gen_random_uuid(), 'sha256:asked', 1
  from generate_series(1, $2::int) as n
"""


async def fill(dsn: str) -> None:
    owner = await asyncpg.connect(dsn, timeout=10, command_timeout=60)
    for trigger in ("event_1_order", "event_2_restore", "event_3_rows"):
        await owner.execute(f"alter table ledger.event disable trigger {trigger}")
    await owner.execute(FILL, "old", OLD_EVENTS)
    await owner.execute("analyze ledger.event")
    await owner.execute(FILL, "new", NEW_EVENTS)
    await owner.close()


@pytest.fixture(scope="module")
def large_ledger(postgres_server: PostgresServer) -> Iterator[str]:
    with postgres_server.database() as dsns:
        elsewhere(fill(dsns.owner))
        yield dsns.app


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", []):
        yield from nodes(child)


async def plan_of(dsn: str, statement: str, types: str, arguments: str) -> list[dict[str, Any]]:
    """The plan that a prepared statement really gets, for known arguments and in general."""
    app = await asyncpg.connect(dsn, timeout=10)
    found = []
    for mode in ("force_custom_plan", "force_generic_plan"):
        await app.execute(f"set plan_cache_mode = {mode}")
        await app.execute(f"prepare asked ({types}) as {statement}")
        plan = await app.fetchval(f"explain (analyze, format json) execute asked ({arguments})")
        await app.execute("deallocate asked")
        found += list(nodes(json.loads(plan)[0]["Plan"]))
    await app.close()
    return found


@pytest.mark.parametrize(
    "name, types, arguments, conditions",
    [
        ("read", "text, bigint, bigint, bigint", "'new', 1990, 9999999, 100", ["project", "position"]),
        ("read_stream", "text, text, bigint, bigint", "'new', 'stream-7', 0, 100", ["project", "stream"]),
        ("answers", "text, uuid[]", "'new', array[gen_random_uuid(), gen_random_uuid()]", ["project", "command_id"]),
        ("read_streams", "text, text[], bigint", "'new', array['stream-7', 'stream-8'], 100", ["project", "stream"]),
        ("ends", "text, text[], bool", "'new', array['stream-7', 'stream-8'], true", ["project", "stream"]),
        ("head", "text", "'new'", []),
    ],
)
async def test_a_new_project_is_read_by_index(
    large_ledger: str, name: str, types: str, arguments: str, conditions: list[str]
) -> None:
    plan = await plan_of(large_ledger, sql(name), types, arguments)
    on_events = [node for node in plan if node.get("Relation Name") == "event"]
    for node in on_events:
        assert node["Node Type"] in {"Index Scan", "Index Only Scan", "Bitmap Heap Scan"}, node
        assert node.get("Rows Removed by Filter", 0) == 0, node
    searched = [node["Index Cond"] for node in plan if "Index Cond" in node]
    assert all(any(condition in one for one in searched) for condition in conditions), searched


async def test_the_last_version_of_a_stream_is_one_step_in_its_index(large_ledger: str) -> None:
    plan = await plan_of(
        large_ledger,
        "select version from ledger.event where project = $1 and stream = $2 order by version desc limit 1",
        "text, text",
        "'new', 'stream-7'",
    )
    scans = [node for node in plan if node.get("Relation Name") == "event"]
    assert scans
    for node in scans:
        assert node["Index Name"] == "event_version", node
        assert node["Actual Rows"] == 1, node


async def test_a_session_that_began_on_an_empty_ledger_reads_one_row_for_each_version_before(dsns: Dsns) -> None:
    ledger = await Ledger.open(dsns.app)
    for batch in range(BATCHES):
        streams = [(f"stream-{batch}", version) for version in range(1, BATCH_ROWS + 1)]
        at = stamp(await ledger.head(PROJECT))
        await ledger.append(PROJECT, rows_of(command(batch), at, first=batch * BATCH_ROWS + 1, streams=streams))
    # What a session counted is known to others when it ends.
    await ledger.close()
    owner = await asyncpg.connect(dsns.owner, timeout=10)
    read = await owner.fetchval(
        "select sum(idx_tup_read)::bigint from pg_stat_all_indexes where schemaname = 'ledger' and relname = 'event'"
    )
    await owner.close()
    assert read <= 2 * BATCHES * BATCH_ROWS, read


def test_every_statement_names_its_schema() -> None:
    for file in (Path(statements.__file__).parent / "sql").glob("*.sql"):
        text = file.read_text()
        for table in ("event", "head", "evidence", "mark", "migration"):
            assert f" from {table} " not in text.replace("\n", " ")
            assert f" into {table} " not in text.replace("\n", " ")
