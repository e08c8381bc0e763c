"""How far each project is published, and which relay publishes: tables in the schema `cursor`.

Lost, everything is published once more from the first event, and whoever consumes drops what it has.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

LOCK_WAIT_SECONDS: Final = 60

_TABLES = """
create table if not exists cursor.relay (
    project    text collate "C" not null,
    cluster    text collate "C" not null,
    topic      text collate "C" not null,
    position   bigint           not null,
    partition  integer          not null,
    "offset"   bigint           not null,
    generation bigint           not null,
    primary key (project, cluster, topic)
);
create table if not exists cursor.relay_office (
    topic      text collate "C" not null primary key,
    cluster    text collate "C" not null,
    generation bigint           not null,
    seen_at    timestamptz      not null
);
"""
_ONE_AT_A_TIME = "select pg_advisory_xact_lock(hashtextextended('interlock relay tables', 0))"
TAKE_LOCK: Final = "select pg_try_advisory_lock(hashtextextended('interlock relay ' || $1, 0))"
# A lock of 64 bits is shown as two halves. Only who holds this very lock is ended, and only a holder that is silent.
END_SILENT: Final = """
select pg_terminate_backend(held.pid)
  from pg_locks as held, cursor.relay_office as office
 where office.topic = $1
   and office.seen_at < clock_timestamp() - make_interval(secs => $2)
   and held.locktype = 'advisory' and held.granted and held.objsubid = 1
   and held.database = (select oid from pg_database where datname = current_database())
   and (held.classid::bigint << 32 | held.objid::bigint) = hashtextextended('interlock relay ' || $1, 0)
"""
ENTER: Final = """
insert into cursor.relay_office (topic, cluster, generation, seen_at) values ($1, '', 1, clock_timestamp())
    on conflict (topic) do update set generation = relay_office.generation + 1, seen_at = clock_timestamp()
returning generation
"""
BEAT: Final = """
update cursor.relay_office set seen_at = clock_timestamp() where topic = $1 and generation = $2 returning generation
"""
NAME_CLUSTER: Final = """
update cursor.relay_office set cluster = $3 where topic = $1 and generation = $2 returning generation
"""
# Nothing is stored by a relay whose generation is over: the row of the office decides, under its lock.
STORE: Final = """
with office as (
    update cursor.relay_office set seen_at = clock_timestamp() where topic = $1 and generation = $2 returning generation
)
insert into cursor.relay (project, cluster, topic, position, partition, "offset", generation)
select published.project, $3, $1, published.position, published.partition, published."offset", office.generation
  from office, unnest($4::text[], $5::bigint[], $6::integer[], $7::bigint[])
                as published(project, position, partition, "offset")
    on conflict (project, cluster, topic) do update
   set position = excluded.position, partition = excluded.partition, "offset" = excluded."offset",
       generation = excluded.generation
returning project
"""
_READ = """
select project, position, partition, "offset" from cursor.relay where cluster = $1 and topic = $2
"""
LAG: Final = """
select coalesce(sum(head.position - coalesce(relay.position, 0)), 0)::bigint as events,
       coalesce(extract(epoch from ledger.ledger_clock() - min(event.recorded_at)), 0)::float8 as seconds,
       count(*) as projects
  from ledger.head as head
  left join cursor.relay_office as office on office.topic = $1
  left join cursor.relay as relay
         on relay.project = head.project and relay.topic = office.topic and relay.cluster = office.cluster
  join ledger.event as event on event.project = head.project and event.position = coalesce(relay.position, 0) + 1
 where head.position > coalesce(relay.position, 0)
"""


@dataclass(frozen=True, slots=True)
class Published:
    """Up to where a project is published, and where in Kafka that record stands."""

    position: int
    partition: int
    offset: int


async def prepare(connection: Any) -> None:
    """Create the tables where they are missing, in one transaction."""
    async with connection.transaction():
        await connection.execute(f"set local lock_timeout = '{LOCK_WAIT_SECONDS}s'")
        await connection.execute(_ONE_AT_A_TIME)
        await connection.execute(_TABLES)


async def read(connection: Any, cluster: str, topic: str) -> dict[str, Published]:
    """Return how far each project is published."""
    rows = await connection.fetch(_READ, cluster, topic)
    return {row["project"]: Published(row["position"], row["partition"], row["offset"]) for row in rows}


def columns(published: Sequence[tuple[str, Published]]) -> tuple[list[Any], ...]:
    """Return what STORE takes for these projects."""
    return (
        [project for project, _ in published],
        [one.position for _, one in published],
        [one.partition for _, one in published],
        [one.offset for _, one in published],
    )
