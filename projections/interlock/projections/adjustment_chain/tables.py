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

# Which facets of adjustments that are still to be executed something elsewhere is about: the facet $13 with one of the
# labels $14, where data of the environment $15 is adjusted, and where it was said in the environment $16 (any, absent).
_CONCERNED = f"""
    select facet.subject, facet.since_position from {TABLE} as facet
      join {TABLE} as state on state.project = $1 and state.subject = facet.subject and state.facet = 'state'
       and state.label = 'open' and state.until_position is null
      join {TABLE} as plan on plan.project = $1 and plan.subject = facet.subject and plan.facet = 'plan'
       and plan.until_position is null
     where facet.project = $1 and facet.facet = $13 and facet.until_position is null and facet.label = any($14::text[])
       and ($15::text is null or plan.detail -> 'plan' -> 'targets' ->> 'environment' = $15)
       and ($16::text is null or facet.detail ->> 'environment' = $16)"""
_ENDED = f"""
with concerned as ({_CONCERNED}),
ended as (
    update {TABLE} as facet set until_position = $2, until_at = $3 from concerned
     where facet.project = $1 and facet.facet = $13 and facet.subject = concerned.subject
       and facet.until_position is null
    returning facet.subject, facet.since_position, facet.detail)"""
_TOLD = f"""
insert into {STEP} ({_COLUMNS})
select $1, ended.subject, {_STEP_OF} from ended on conflict do nothing
"""
_FACET = "project, subject, facet, since_position, label, position, said_at, said_by, detail"

# They end.
END_ELSEWHERE = f"{_ENDED}{_TOLD}"

# They do not count, until something gives them back: the facet says so meanwhile, by the label `lost`.
LOSE_ELSEWHERE = f"""{_ENDED},
lost as (
    insert into {TABLE} ({_FACET})
    select $1, subject, $13, $2, 'lost', $2, $3, $4, detail from ended)
{_TOLD}"""

# What was there before they were lost counts again.
REGAIN_ELSEWHERE = f"""{_ENDED},
regained as (
    insert into {TABLE} ({_FACET})
    select $1, ended.subject, $13, $2, before.label, before.position, before.said_at, before.said_by, before.detail
      from ended join {TABLE} as before on before.project = $1 and before.subject = ended.subject
       and before.facet = $13 and before.until_position = ended.since_position)
{_TOLD}"""
