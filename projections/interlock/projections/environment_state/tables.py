"""The table of environments' facets, and the changes of it that need more than one facet."""

from __future__ import annotations

from interlock.projections.facets import Facets

TABLE = "read_model.environment_state_1_facet"
FACETS = Facets(TABLE)
SURE = ("occupied", "empty", "mixed")

SCHEMA = (
    FACETS.schema
    + f"""
create index on {TABLE} (project, subject, since_position) where facet = 'occupancy';
"""
)

# The environment where a deploy stands: a migration's report names its deploy, not its environment.
SET_WHERE_DEPLOYED = f"""
with there as (
    select subject from {TABLE} where project = $1 and facet = 'occupancy' and until_position is null
       and label = 'occupied' and detail ->> 'deploy' = $2),
closed as (
    update {TABLE} as before set until_position = $4, until_at = $6 from there
     where before.project = $1 and before.subject = there.subject and before.facet = $3
       and before.until_position is null
    returning 1)
insert into {TABLE} (project, subject, facet, since_position, label, position, said_at, said_by, detail)
select $1, there.subject, $3, $4, $5, $4, $6, $7, $8::text::jsonb from there, (select count(*) from closed) as ordered
"""

# What the lost lease was for, where that is one of $5; without a label that is the label.
LOSE = f"""
with lease as (
    select detail ->> 'kind' as kind from {TABLE}
     where project = $1 and subject = $2 and facet = 'lease' and until_position is null
       and detail ->> 'kind' = any($5::text[])),
closed as (
    update {TABLE} set until_position = $4, until_at = $7
     where project = $1 and subject = $2 and facet = $3 and until_position is null and exists (select from lease)
    returning 1)
insert into {TABLE} (project, subject, facet, since_position, label, position, said_at, said_by, detail)
select $1, $2, $3, $4, coalesce($6::text, lease.kind), $4, $7, $8,
       jsonb_build_object('cause', 'the lease of a ' || lease.kind || ' was lost')
  from lease, (select count(*) from closed) as ordered
"""

# A restore that was lost and is done again ends the uncertainty it made: what ran there never changed.
RECOVER = f"""
with unsure as (
    select since_position from {TABLE} as occupancy
     where project = $1 and subject = $2 and facet = 'occupancy' and until_position is null and label = 'unsure'
       and exists (select from {TABLE} where project = $1 and subject = $2 and facet = 'lost'
                      and until_position is null and label = 'restore')
       and exists (select from {TABLE} where project = $1 and subject = $2 and facet = 'lease'
                      and until_position is null
                      and (detail ->> 'granted_position')::bigint > occupancy.since_position)),
closed as (
    update {TABLE} set until_position = $3, until_at = $4
     where project = $1 and subject = $2 and facet in ('occupancy', 'lost') and until_position is null
       and exists (select from unsure)
    returning 1),
before as (
    select {TABLE}.* from {TABLE}, unsure
     where project = $1 and subject = $2 and facet = 'occupancy' and label in ('occupied', 'empty', 'mixed')
       and {TABLE}.since_position < unsure.since_position
     order by {TABLE}.since_position desc limit 1)
insert into {TABLE} (project, subject, facet, since_position, label, position, said_at, said_by, detail)
select before.project, before.subject, before.facet, $3, before.label, before.position, before.said_at,
       before.said_by, before.detail
  from before, (select count(*) from closed) as ordered
"""

# An adjustment that began ($2) was executed where it began: each execution is a row of its own, and is counted.
ADJUSTED = f"""
with begun as (
    update {TABLE} set until_position = $3, until_at = $4
     where project = $1 and facet = $2 and until_position is null
    returning subject),
before as (
    update {TABLE} as earlier set until_position = $3, until_at = $4 from begun
     where earlier.project = $1 and earlier.subject = begun.subject and earlier.facet = 'adjusted'
       and earlier.until_position is null
    returning 1)
insert into {TABLE} (project, subject, facet, since_position, label, position, said_at, said_by, detail)
select $1, begun.subject, 'adjusted', $3, 'executed', $3, $4, $5, $6::text::jsonb
  from begun, (select count(*) from before) as ordered
"""
NOT_ADJUSTED = f"""
update {TABLE} set until_position = $3, until_at = $4 where project = $1 and facet = $2 and until_position is null
"""
