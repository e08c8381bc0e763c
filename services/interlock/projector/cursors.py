"""How far each projection is in each project, and which version of it serves: the schema `cursor`.

All of it can be thrown away: the read models are then built again from the first event.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import asyncpg

from interlock.events.seams import Sleep
from interlock.ledger.connections import Connection
from interlock.projections import Projection
from interlock.projector.beside import NAME_SUFFIX

LOCK_WAIT_SECONDS: Final = 60
# While a new version, or a rebuild, takes over, the one that serves stands still: so long, and only where the new one
# is at most so many events behind.
SWAP_LOCK_MS: Final = 250
NEARLY_EVENTS: Final = 1_000
LOOKS_MAX: Final = 25
LOOK_SECONDS: Final = 0.02

_TABLES = """
create table if not exists cursor.projection_version (
    name          text collate "C" not null,
    version       integer          not null,
    schema_digest text             not null,
    tables        text[]           not null,
    serving       boolean          not null,
    primary key (name, version)
);
create table if not exists cursor.projection (
    name            text collate "C" not null,
    version         integer          not null,
    project         text collate "C" not null,
    position        bigint           not null,
    stopped_because text,
    primary key (name, version, project),
    foreign key (name, version) references cursor.projection_version on delete cascade
);
create table if not exists cursor.rebuild (
    number         bigint           generated always as identity primary key,
    name           text collate "C" not null,
    version        integer          not null,
    asked_by       text             not null,
    -- Under which it was asked for: whoever asks again under one of them is told of this one, also when it is over.
    keys           uuid[]           not null,
    began_at       timestamptz      not null default clock_timestamp(),
    -- Since when, and from how many events on, it is built by the process that builds it now.
    resumed_at     timestamptz      not null default clock_timestamp(),
    resumed_from   bigint           not null default 0,
    ended_at       timestamptz,
    events         bigint,
    failed_because text
);
create unique index if not exists rebuild_under_way on cursor.rebuild (name, version) where ended_at is null;
"""
ONE_AT_A_TIME = "select pg_advisory_xact_lock(hashtextextended('interlock projections', 0))"
_KNOWN = "select version, schema_digest, tables, serving from cursor.projection_version where name = $1"
_ADD_VERSION = """
insert into cursor.projection_version (name, version, schema_digest, tables, serving) values ($1, $2, $3, $4, $5)
"""
_DROP_VERSION = "delete from cursor.projection_version where name = $1 and version = $2"
_SERVES = "select serving from cursor.projection_version where name = $1 and version = $2"
# In one order, so that no two processes wait for each other.
_BEGIN = """
insert into cursor.projection (name, version, project, position)
select known.name, known.version, asked.project, 0
  from unnest($1::text[], $2::integer[], $3::text[]) as asked(name, version, project)
  join cursor.projection_version as known on known.name = asked.name and known.version = asked.version
 order by known.name, known.version, asked.project
on conflict do nothing
"""
# Each row is looked up by its key, alone, whatever the planner believed when there were few.
_POSITIONS = """
select (select cursor.position from cursor.projection as cursor
         where cursor.name = asked.name and cursor.version = asked.version and cursor.project = asked.project)
       as position
  from unnest($1::text[], $2::integer[], $3::text[]) with ordinality as asked(name, version, project, number)
 order by asked.number
"""
_GO_ON = """
with asked as materialized (
    select (select cursor.ctid from cursor.projection as cursor
             where cursor.name = asked.name and cursor.version = asked.version and cursor.project = asked.project
               and cursor.stopped_because is not null) as place
      from unnest($1::text[], $2::integer[], $3::text[]) as asked(name, version, project))
update cursor.projection as cursor set stopped_because = null from asked where cursor.ctid = asked.place
"""
_MOVE = """
with moved as materialized (
    select asked.before, asked.now,
           (select cursor.ctid from cursor.projection as cursor
             where cursor.name = asked.name and cursor.version = asked.version and cursor.project = asked.project)
           as place
      from unnest($1::text[], $2::integer[], $3::text[], $4::bigint[], $5::bigint[])
           as asked(name, version, project, before, now))
update cursor.projection as cursor set position = moved.now from moved
 where cursor.ctid = moved.place and cursor.position = moved.before
returning cursor.name, cursor.project
"""
_STOP = "update cursor.projection set stopped_because = $4 where name = $1 and version = $2 and project = $3"
_SERVING_NOW = "select version from cursor.projection_version where name = $1 and serving and version <> $2"
# By how many events the new one is behind the old one in the project where that is most.
_LAG = """
select coalesce(max(old.position - coalesce(new.position, 0)), 0) from cursor.projection as old
  left join cursor.projection as new on new.name = $3 and new.version = $4 and new.project = old.project
 where old.name = $1 and old.version = $2
"""
_HOLD = "select from cursor.projection where name = $1 and version = $2 order by project for update"
_SWAP = "update cursor.projection_version set serving = (version = $2) where name = $1"
_REBUILD_OVER = """
update cursor.rebuild set ended_at = clock_timestamp(), failed_because = $3
 where name = $1 and version = $2 and ended_at is null
"""
_TABLE_NAME = re.compile(r"read_model\.[a-z0-9_]+")


class SchemaChanged(Exception):
    """a projection's tables changed and its version did not: raise the version, so that they are built anew"""


class Replaced(Exception):
    """a newer version of this projection serves, and this one's tables are gone"""


class MovedElsewhere(Exception):
    """another projector wrote this page, or another one, first"""


@dataclass(frozen=True, slots=True)
class Move:
    """One projection of one project goes on from a position to another."""

    projection: Projection
    project: str
    before: int
    now: int


async def prepare(connection: Connection, projections: Sequence[Projection]) -> None:
    """Create what is missing and drop what nobody needs any more, in one transaction.

    A version that is not known yet gets its tables beside those that serve; it serves at once where there is no
    other. Older versions that do not serve any more are dropped; what a newer one began is left to it, which may be
    building it now in another process. Raises SchemaChanged. A crash in the middle leaves everything as it was.
    """
    async with connection.transaction():
        await connection.execute(f"set local lock_timeout = '{LOCK_WAIT_SECONDS}s'")
        await connection.execute(ONE_AT_A_TIME)
        await connection.execute(_TABLES)
        for projection in projections:
            await _prepare(connection, projection)


async def _prepare(connection: Connection, projection: Projection) -> None:
    known = {row["version"]: row for row in await connection.fetch(_KNOWN, projection.name)}
    ours = known.get(projection.version)
    if ours is not None and ours["schema_digest"] != projection.schema_digest:
        raise SchemaChanged(f"{projection.name} {projection.version}")
    for version, row in known.items():
        if version < projection.version and not row["serving"]:
            await drop(connection, projection.name + NAME_SUFFIX, version)
            await drop(connection, projection.name, version)
            await end_rebuild(connection, projection.name, version, "a newer version was built instead")
    if ours is None:
        await create(connection, projection, serving=not any(row["serving"] for row in known.values()))


async def create(connection: Connection, projection: Projection, *, serving: bool) -> None:
    """Create the tables of one version, empty."""
    await connection.execute(projection.schema)
    await connection.execute(
        _ADD_VERSION,
        projection.name,
        projection.version,
        projection.schema_digest,
        list(projection.tables),
        serving,
    )


async def drop(connection: Connection, name: str, version: int) -> None:
    """Drop a version's tables and its positions; nothing where it is not there."""
    for row in await connection.fetch(_KNOWN, name):
        if row["version"] == version:
            for table in row["tables"]:
                if _TABLE_NAME.fullmatch(table):
                    await connection.execute(f"drop table if exists {table}")
            await connection.execute(_DROP_VERSION, name, version)


async def end_rebuild(connection: Connection, name: str, version: int, failed_because: str | None) -> None:
    """Note that the rebuild under way, if there is one, is over."""
    await connection.execute(_REBUILD_OVER, name, version, failed_because)


async def begin(connection: Connection, projection: Projection, project: str) -> int:
    """Return the position up to which the project is projected, 0 at first. Raises Replaced."""
    [position] = await begin_all(connection, [(projection, project)])
    if position is None:
        raise Replaced(f"{projection.name} {projection.version}")
    return position


async def begin_all(connection: Connection, asked: Sequence[tuple[Projection, str]]) -> list[int | None]:
    """Return the position of each projection in each project; None where a newer version of it serves."""
    names = [projection.name for projection, _ in asked]
    versions = [projection.version for projection, _ in asked]
    projects = [project for _, project in asked]
    await connection.execute(_BEGIN, names, versions, projects)
    await connection.execute(_GO_ON, names, versions, projects)
    return [row["position"] for row in await connection.fetch(_POSITIONS, names, versions, projects)]


async def move(connection: Connection, moves: Sequence[Move]) -> None:
    """Move positions, as part of the transaction that writes the pages; it holds the rows until that ends.

    Raises MovedElsewhere where one is not any more what it was before.
    """
    # In one order, so that no two processes wait for each other.
    ordered = sorted(moves, key=lambda move: (move.projection.name, move.projection.version, move.project))
    moved = await connection.fetch(
        _MOVE,
        [move.projection.name for move in ordered],
        [move.projection.version for move in ordered],
        [move.project for move in ordered],
        [move.before for move in ordered],
        [move.now for move in ordered],
    )
    if len(moved) < len(moves):
        there = {(row["name"], row["project"]) for row in moved}
        missing = next(move for move in ordered if (move.projection.name, move.project) not in there)
        raise MovedElsewhere(f"{missing.projection.name} {missing.projection.version} of {missing.project}")


async def stop(connection: Connection, projection: Projection, project: str, because: str) -> None:
    """Note why the projection does not go on, for whoever asks the database."""
    await connection.execute(_STOP, projection.name, projection.version, project, because)


async def serves(connection: Connection, projection: Projection, sleep: Sleep) -> bool:
    """Tell whether this version serves; let it serve from now on if it has caught up with the one that does.

    The tables of the old version stay until the next start, for processes that still read them.
    """
    name, version = projection.name, projection.version
    if await connection.fetchval(_SERVES, name, version):
        return True
    try:
        async with connection.transaction():
            await connection.execute(f"set local lock_timeout = '{SWAP_LOCK_MS}ms'")
            await connection.execute(ONE_AT_A_TIME)
            old = await connection.fetchval(_SERVING_NOW, name, version)
            if old is not None and not await caught_up(connection, (name, old), (name, version), sleep):
                return False
            await connection.execute(_SWAP, name, version)
    except asyncpg.LockNotAvailableError:
        # The one that serves is in the middle of a page; there is a next look.
        return False
    return True


async def caught_up(connection: Connection, old: tuple[str, int], new: tuple[str, int], sleep: Sleep) -> bool:
    """Tell whether `new` is nowhere behind `old`, which stands still from here to the end of the transaction.

    Both follow the same events side by side: without holding the old one, the new one would be a page behind at
    almost every look, under load for ever. A page of the old one that is under way is waited for, as long as
    lock_timeout; a page that wants to begin waits for us, less long than its own.
    """
    if await lag(connection, old, new) > NEARLY_EVENTS:
        return False
    await hold(connection, *old)
    for _ in range(LOOKS_MAX):
        if await lag(connection, old, new) <= 0:
            return True
        await sleep(LOOK_SECONDS)
    return False


async def lag(connection: Connection, old: tuple[str, int], new: tuple[str, int]) -> int:
    """Return by how many events `new` is behind `old` (each a name and a version), where that is most."""
    return int(await connection.fetchval(_LAG, *old, *new))


async def hold(connection: Connection, name: str, version: int) -> None:
    """Let no page of this version begin or end before this transaction does."""
    await connection.execute(_HOLD, name, version)
