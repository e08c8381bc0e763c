"""The tables of adjustments: what holds of each, and the steps of its chain, those of refusals and of others included.

A step's word holds as long as the facet that it set stands. Where that ends, the step is void from there on, and the
step at the position where it ended says by what.
"""

from __future__ import annotations

from interlock.projections.facets import Facets

TABLE = "read_model.adjustment_chain_1_facet"
STEP = "read_model.adjustment_chain_1_step"
FACETS = Facets(TABLE)

SCHEMA = (
    FACETS.schema
    + f"""
create index on {TABLE} (project, since_position) where facet = 'request';
create table {STEP} (
    project     text collate "C" not null,
    adjustment  text collate "C" not null,
    position    bigint           not null,
    recorded_at timestamptz      not null,
    actor       text             not null,
    actor_kind  text             not null,
    credential  text,
    type        text             not null,
    stream      text             not null,
    version     bigint           not null,
    sentence    text             not null,
    -- The event's own fields but for the decision, and the decision that it was made by, where it has one.
    data        jsonb            not null,
    decision    jsonb,
    primary key (project, adjustment, position)
);
create index on {STEP} (project, position);
alter table {STEP} alter column project set statistics 0;
"""
)

_COLUMNS = """project, adjustment, position, recorded_at, actor, actor_kind, credential, type, stream, version,
                   sentence, data, decision"""
# $1 to $12 are the step's, as `meaning.step` gives them; each statement goes on from $13.
_STEP_OF = "$2, $3, $4, $5, $6, $7, $8, $9, $10, $11::text::jsonb, $12::text::jsonb"

ADD_STEP = f"""
insert into {STEP} ({_COLUMNS})
select $1, unnest($13::text[]), {_STEP_OF}
"""

# A remark about one of the chain's events is a step of the chain; $13 is the event's position.
ADD_REMARK = f"""
insert into {STEP} ({_COLUMNS})
select distinct on (about.adjustment) $1, about.adjustment, {_STEP_OF} from {STEP} as about
 where about.project = $1 and about.position = $13 on conflict do nothing
"""

# The facets whose first word is one of $3 and whose label is one of $4 (any, where absent) end.
CLOSE = f"""
update {TABLE} set until_position = $5, until_at = $6
 where project = $1 and subject = $2 and split_part(facet, '/', 1) = any($3::text[]) and until_position is null
   and ($4::text[] is null or label = any($4))
"""

# A lease is over: it names neither what it was for nor who had it. $13 is the lease, $14 where it was held.
END_LEASE = f"""
with ended as (
    update {TABLE} set until_position = $2, until_at = $3
     where project = $1 and facet = 'lease' and until_position is null and detail ->> 'lease' = $13
       and detail ->> 'environment' = $14
    returning subject)
insert into {STEP} ({_COLUMNS})
select $1, ended.subject, {_STEP_OF} from ended on conflict do nothing
"""

# Something that happened elsewhere ends facets of adjustments that are still to be executed: of the environment $13,
# where that is given. What ends is the facet $14 with the label $15; $16 is the operator for whom it goes on.
END_ELSEWHERE = f"""
with ended as (
    update {TABLE} as facet set until_position = $2, until_at = $3
      from {TABLE} as state join {TABLE} as plan
        on plan.project = $1 and plan.subject = state.subject and plan.facet = 'plan' and plan.until_position is null
     where state.project = $1 and state.facet = 'state' and state.label = 'open' and state.until_position is null
       and ($13::text is null or plan.detail -> 'plan' -> 'targets' ->> 'environment' = $13)
       and facet.project = $1 and facet.subject = state.subject and facet.until_position is null
       and facet.facet = $14 and facet.label = $15
       and ($16::text is null or facet.detail ->> 'operator' is distinct from $16)
    returning facet.subject)
insert into {STEP} ({_COLUMNS})
select $1, ended.subject, {_STEP_OF} from ended on conflict do nothing
"""
