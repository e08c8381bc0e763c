"""What is known of rebuilds: asked for, under way, over. A rebuild is of the same version, into tables beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

import asyncpg

from interlock.events.seams import Sleep
from interlock.ledger.connections import Connection
from interlock.projections import Projection
from interlock.projector import cursors
from interlock.projector.beside import NAME_SUFFIX, beside

ANALYZE_SECONDS: Final = 120.0

_ASKED_BEFORE = """
select from cursor.rebuild where name = $1 and version = $2 and (ended_at is null or $3::uuid = any(keys)) limit 1
"""
_JOIN = """
update cursor.rebuild set keys = array_append(keys, $3::uuid)
 where name = $1 and version = $2 and ended_at is null and $3::uuid <> all(keys)
"""
_IS_SERVING = "select serving from cursor.projection_version where name = $1 and version = $2"
_BEGIN = "insert into cursor.rebuild (name, version, asked_by, keys) values ($1, $2, $3, array[$4::uuid])"
_UNDER_WAY = "select name, version from cursor.rebuild where ended_at is null order by number"
_HOLD = "select true from cursor.rebuild where name = $1 and version = $2 and ended_at is null for update"
_DONE = "select coalesce(sum(position), 0)::bigint from cursor.projection where name = $1 and version = $2"
_RESUME = """
update cursor.rebuild set resumed_at = clock_timestamp(), resumed_from = $3
 where name = $1 and version = $2 and ended_at is null
"""
_TAKE_POSITIONS = """
insert into cursor.projection (name, version, project, position)
select $3, version, project, position from cursor.projection where name = $1 and version = $2
on conflict (name, version, project) do update set position = excluded.position, stopped_because = null
"""
_EVENTS = "update cursor.rebuild set events = $3 where name = $1 and version = $2 and ended_at is null"
_TOLD = """
select distinct on (name) name, asked_by, began_at, ended_at, failed_because,
       coalesce(events, (select sum(position)::bigint from cursor.projection as cursor
                          where cursor.name = rebuild.name || $3 and cursor.version = rebuild.version),
                0) as done,
       resumed_from, extract(epoch from clock_timestamp() - resumed_at)::float8 as seconds
  from cursor.rebuild as rebuild
  join unnest($1::text[], $2::integer[]) as ours (name, version) using (name, version)
 order by name, number desc
"""


class NotServing(Exception):
    """this version does not serve yet: it is being built anyway"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebuild:
    """The last rebuild of one projection; instants and rates by the database's own clock.

    `done` counts events of all projects together. `per_second` is the rate since the process that builds it began.
    """

    name: str
    asked_by: str
    began_at: datetime
    ended_at: datetime | None
    failed_because: str | None
    done: int
    per_second: float | None


async def ask(connection: Connection, projection: Projection, *, by: str, key: UUID) -> bool:
    """Begin a rebuild; tell whether this is a new one. One that is under way, or was asked under `key`, is that one.

    Raises NotServing. A crash leaves a rebuild that is under way, which the next process goes on with, or none.
    """
    async with connection.transaction():
        await connection.execute(cursors.ONE_AT_A_TIME)
        name, version = projection.name, projection.version
        if await connection.fetch(_ASKED_BEFORE, name, version, key):
            await connection.execute(_JOIN, name, version, key)
            return False
        if not await connection.fetchval(_IS_SERVING, name, version):
            raise NotServing(f"{name} {version}")
        shadow = beside(projection)
        await cursors.drop(connection, shadow.name, version)
        await cursors.create(connection, shadow, serving=False)
        await connection.execute(_BEGIN, name, version, by, key)
    return True


async def under_way(connection: Connection) -> list[tuple[str, int]]:
    """Return name and version of each rebuild that is not over, the first asked first."""
    return [(row["name"], row["version"]) for row in await connection.fetch(_UNDER_WAY)]


async def resume(connection: Connection, projection: Projection) -> None:
    """Note that a process begins, or goes on, to build: rates count from here."""
    done = await connection.fetchval(_DONE, projection.name + NAME_SUFFIX, projection.version)
    await connection.execute(_RESUME, projection.name, projection.version, done)


async def told(connection: Connection, projections: Sequence[Projection]) -> list[Rebuild]:
    """Return the last rebuild of each projection that ever had one."""
    names, versions = [each.name for each in projections], [each.version for each in projections]
    return [
        Rebuild(
            name=row["name"],
            asked_by=row["asked_by"],
            began_at=row["began_at"],
            ended_at=row["ended_at"],
            failed_because=row["failed_because"],
            done=row["done"],
            per_second=_rate(row["done"] - row["resumed_from"], row["seconds"]) if row["ended_at"] is None else None,
        )
        for row in await connection.fetch(_TOLD, names, versions, NAME_SUFFIX)
    ]


def _rate(events: int, seconds: float) -> float | None:
    return events / seconds if events > 0 and seconds > 0 else None


async def nearly(connection: Connection, projection: Projection) -> bool:
    """Tell whether the rebuild knows nearly as much as what serves, so that it is worth to hold that one for it."""
    old, new = (projection.name, projection.version), (projection.name + NAME_SUFFIX, projection.version)
    return await cursors.lag(connection, old, new) <= cursors.NEARLY_EVENTS


async def analyze(connection: Connection, projection: Projection) -> None:
    """Let the planner know the new tables before anybody reads them."""
    for table in beside(projection).tables:
        await connection.execute(f"analyze {table}", timeout=ANALYZE_SECONDS)


async def swap(connection: Connection, projection: Projection, sleep: Sleep) -> bool:
    """Let the rebuilt tables serve under the old ones' names; tell whether that is done, by us or by another process.

    One short transaction: readers wait for it, at most SWAP_LOCK_MS, and find the old rows or the new ones, which
    know at least as much. A crash in it leaves the old ones serving and the rebuild under way. Positions before
    tables: pages take them in that order too.
    """
    shadow, version = beside(projection), projection.version
    try:
        async with connection.transaction():
            await connection.execute(f"set local lock_timeout = '{cursors.SWAP_LOCK_MS}ms'")
            await connection.execute(cursors.ONE_AT_A_TIME)
            if not await connection.fetchval(_HOLD, projection.name, version):
                return True
            if not await cursors.caught_up(connection, (projection.name, version), (shadow.name, version), sleep):
                return False
            await cursors.hold(connection, shadow.name, version)
            await connection.execute(
                f"lock table {', '.join([*projection.tables, *shadow.tables])} in access exclusive mode"
            )
            for old, new in zip(projection.tables, shadow.tables, strict=True):
                await connection.execute(f"drop table {old}")
                await connection.execute(f"alter table {new} rename to {old.partition('.')[2]}")
            await _take_over(connection, projection, shadow)
    except (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError):
        # Somebody reads for longer than we let others wait.
        return False
    return True


async def _take_over(connection: Connection, projection: Projection, shadow: Projection) -> None:
    version = projection.version
    done = await connection.fetchval(_DONE, shadow.name, version)
    await connection.execute(_TAKE_POSITIONS, shadow.name, version, projection.name)
    # Its tables have the old ones' names now: only what is noted of them goes.
    await connection.execute(
        "delete from cursor.projection_version where name = $1 and version = $2", shadow.name, version
    )
    await connection.execute(_EVENTS, projection.name, version, done)
    await cursors.end_rebuild(connection, projection.name, version, None)


async def fail(connection: Connection, projection: Projection, because: str) -> None:
    """Give a rebuild up: what serves goes on serving."""
    async with connection.transaction():
        await connection.execute(cursors.ONE_AT_A_TIME)
        await cursors.drop(connection, projection.name + NAME_SUFFIX, projection.version)
        await cursors.end_rebuild(connection, projection.name, projection.version, because)
