"""The tables of releases: their facets, and the lines of their timelines."""

from __future__ import annotations

from interlock.projections.facets import Facets
from interlock.projections.projection import Added

TABLE = "read_model.releases_1_facet"
TIMELINE = "read_model.releases_1_timeline"
FACETS = Facets(TABLE)

SCHEMA = (
    FACETS.schema
    + f"""
create index on {TABLE} (project, since_position) where facet = 'opened';
create index on {TABLE} (project, until_position) where facet = 'state' and label = 'open';
create table {TIMELINE} (
    project     text collate "C" not null,
    release     text collate "C" not null,
    position    bigint           not null,
    recorded_at timestamptz      not null,
    actor       text             not null,
    type        text             not null,
    stream      text             not null,
    version     bigint           not null,
    environment text,
    sentence    text             not null,
    primary key (project, release, position)
);
alter table {TIMELINE} alter column project set statistics 0;
"""
)

ADD_LINE = f"""
insert into {TIMELINE} (project, release, position, recorded_at, actor, type, stream, version, environment, sentence)
select $1, unnest($2::text[]), $3, $4, $5, $6, $7, $8, $9, $10
"""
APPENDS = {
    ADD_LINE: Added(
        TIMELINE,
        (
            "project", "release", "position", "recorded_at", "actor", "type", "stream", "version", "environment",
            "sentence",
        ),
        spread=1,
    )
}  # fmt: skip

# For every release whose facet $11 is one of $12 now: what happens where it is, or to its problem.
ADD_LINE_WHERE = f"""
insert into {TIMELINE} (project, release, position, recorded_at, actor, type, stream, version, environment, sentence)
select $1, subject, $3, $4, $5, $6, $7, $8, $9, $10 from {TABLE}
 where project = $1 and facet = $11 and until_position is null and label = any($12::text[])
   and subject <> all($2::text[])
"""
