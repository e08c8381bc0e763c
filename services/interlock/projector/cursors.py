"""How far each projection is in each project, and which version of it serves: the schema `cursor`.

All of it can be thrown away: the read models are then built again from the first event.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from interlock.ledger.connections import Connection
from interlock.projections import Projection

LOCK_WAIT_SECONDS: Final = 60

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
"""
_ONE_AT_A_TIME = "select pg_advisory_xact_lock(hashtextextended('interlock projections', 0))"
_KNOWN = "select version, schema_digest, tables, serving from cursor.projection_version where name = $1"
_ADD_VERSION = """
insert into cursor.projection_version (name, version, schema_digest, tables, serving) values ($1, $2, $3, $4, $5)
"""
_DROP_VERSION = "delete from cursor.projection_version where name = $1 and version = $2"
_SERVES = "select serving from cursor.projection_version where name = $1 and version = $2"
_BEGIN = """
insert into cursor.projection (name, version, project, position)
select name, version, $3, 0 from cursor.projection_version where name = $1 and version = $2
on conflict do nothing
"""
_POSITION = """
update cursor.projection set stopped_because = null where name = $1 and version = $2 and project = $3
returning position
"""
_MOVE = """
update cursor.projection set position = $5
 where name = $1 and version = $2 and project = $3 and position = $4 returning position
"""
_STOP = "update cursor.projection set stopped_because = $4 where name = $1 and version = $2 and project = $3"
# The version that serves is ahead somewhere: then the new one is not as good as the old one yet.
_BEHIND = """
select exists (
    select from cursor.projection_version as serving
      join cursor.projection as old on old.name = serving.name and old.version = serving.version
      left join cursor.projection as new on new.name = $1 and new.version = $2 and new.project = old.project
     where serving.name = $1 and serving.serving and serving.version <> $2
       and coalesce(new.position, 0) < old.position)
"""
_SWAP = "update cursor.projection_version set serving = (version = $2) where name = $1"
_TABLE_NAME = re.compile(r"read_model\.[a-z0-9_]+")


class SchemaChanged(Exception):
    """a projection's tables changed and its version did not: raise the version, so that they are built anew"""


class Replaced(Exception):
    """a newer version of this projection serves, and this one's tables are gone"""


class MovedElsewhere(Exception):
    """another projector wrote this page, or another one, first"""


async def prepare(connection: Connection, projections: Sequence[Projection]) -> None:
    """Create what is missing and drop what nobody needs any more, in one transaction.

    A version that is not known yet gets its tables beside those that serve; it serves at once where there is no
    other. Versions that neither serve nor are asked for are dropped. Raises SchemaChanged.
    A crash in the middle leaves everything as it was.
    """
    async with connection.transaction():
        await connection.execute(f"set local lock_timeout = '{LOCK_WAIT_SECONDS}s'")
        await connection.execute(_ONE_AT_A_TIME)
        await connection.execute(_TABLES)
        for projection in projections:
            await _prepare(connection, projection)


async def _prepare(connection: Connection, projection: Projection) -> None:
    known = {row["version"]: row for row in await connection.fetch(_KNOWN, projection.name)}
    ours = known.get(projection.version)
    if ours is not None and ours["schema_digest"] != projection.schema_digest:
        raise SchemaChanged(f"{projection.name} {projection.version}")
    for version, row in known.items():
        if version != projection.version and not row["serving"]:
            for table in row["tables"]:
                if _TABLE_NAME.fullmatch(table):
                    await connection.execute(f"drop table if exists {table}")
            await connection.execute(_DROP_VERSION, projection.name, version)
    if ours is None:
        await connection.execute(projection.schema)
        await connection.execute(
            _ADD_VERSION,
            projection.name,
            projection.version,
            projection.schema_digest,
            list(projection.tables),
            not any(row["serving"] for row in known.values()),
        )


async def begin(connection: Connection, projection: Projection, project: str) -> int:
    """Return the position up to which the project is projected, 0 at first. Raises Replaced."""
    await connection.execute(_BEGIN, projection.name, projection.version, project)
    position: int | None = await connection.fetchval(_POSITION, projection.name, projection.version, project)
    if position is None:
        raise Replaced(f"{projection.name} {projection.version}")
    return position


async def move(connection: Connection, projection: Projection, project: str, before: int, now: int) -> None:
    """Move the position, as part of the transaction that writes the page; it holds the row until that ends.

    Raises MovedElsewhere where the position is not `before` any more.
    """
    moved = await connection.fetchval(_MOVE, projection.name, projection.version, project, before, now)
    if moved is None:
        raise MovedElsewhere(f"{projection.name} {projection.version} of {project}")


async def stop(connection: Connection, projection: Projection, project: str, because: str) -> None:
    """Note why the projection does not go on, for whoever asks the database."""
    await connection.execute(_STOP, projection.name, projection.version, project, because)


async def serves(connection: Connection, projection: Projection) -> bool:
    """Tell whether this version serves; let it serve from now on if it has caught up with the one that does.

    The tables of the old version stay until the next start, for processes that still read them.
    """
    if await connection.fetchval(_SERVES, projection.name, projection.version):
        return True
    async with connection.transaction():
        await connection.execute(_ONE_AT_A_TIME)
        if await connection.fetchval(_BEHIND, projection.name, projection.version):
            return False
        await connection.execute(_SWAP, projection.name, projection.version)
    return True
