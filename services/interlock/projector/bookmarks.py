"""Where a Kafka feed goes on after a restart: in the schema `cursor`, beside the positions that it leads to."""

from __future__ import annotations

from collections.abc import Mapping

from interlock.projector.writer import Connect

_TABLES = """
create table if not exists cursor.bookmark (
    topic     text collate "C" not null,
    partition integer          not null,
    "offset"  bigint           not null,
    primary key (topic, partition)
);
create table if not exists cursor.bookmark_project (
    topic     text collate "C" not null,
    partition integer          not null,
    project   text collate "C" not null,
    position  bigint           not null,
    "offset"  bigint           not null,
    primary key (topic, partition, project)
);
"""
_ONE_AT_A_TIME = "select pg_advisory_xact_lock(hashtextextended('interlock projections', 0))"
_OFFSET = 'select "offset" from cursor.bookmark where topic = $1 and partition = $2'
_PROJECTS = 'select project, position, "offset" from cursor.bookmark_project where topic = $1 and partition = $2'
# Only forwards: whoever lost a partition may speak later than its new owner.
_KEEP = """
insert into cursor.bookmark as known (topic, partition, "offset") values ($1, $2, $3)
on conflict (topic, partition) do update set "offset" = greatest(known."offset", excluded."offset")
"""
_KEEP_PROJECTS = """
insert into cursor.bookmark_project as known (topic, partition, project, position, "offset")
select $1, $2, moved.* from unnest($3::text[], $4::bigint[], $5::bigint[]) as moved
on conflict (topic, partition, project) do update set position = excluded.position, "offset" = excluded."offset"
 where known.position < excluded.position
"""


class KeptBookmarks:
    """The `Bookmarks` of a feed, in the read models' database. Losing them costs a longer reading."""

    def __init__(self, connect: Connect) -> None:
        """Write by `connect`."""
        self._connect = connect

    async def prepare(self) -> None:
        """Create the tables that are missing."""
        async with self._connect() as connection, connection.transaction():
            await connection.execute(_ONE_AT_A_TIME)
            await connection.execute(_TABLES)

    async def load(self, topic: str, partition: int) -> tuple[int, Mapping[str, tuple[int, int]]]:
        """Return the offset to begin at, and for each project its position there and the offset of that."""
        async with self._connect() as connection:
            offset = await connection.fetchval(_OFFSET, topic, partition)
            rows = await connection.fetch(_PROJECTS, topic, partition)
        return offset or 0, {row["project"]: (row["position"], row["offset"]) for row in rows}

    async def store(self, topic: str, partition: int, offset: int, projects: Mapping[str, tuple[int, int]]) -> None:
        """Keep the same; a crash before leaves the older ones, from which a little is read again."""
        async with self._connect() as connection, connection.transaction():
            await connection.execute(_KEEP, topic, partition, offset)
            if projects:
                names = list(projects)
                await connection.execute(
                    _KEEP_PROJECTS,
                    topic,
                    partition,
                    names,
                    [projects[name][0] for name in names],
                    [projects[name][1] for name in names],
                )
