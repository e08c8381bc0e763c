"""Statements for many rows at once: what a page of events says, in one call of the database instead of hundreds.

Each has the effect of its one-row statement, run for the rows in their order; tests compare the two on every history.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from interlock.projections.projection import Row, Together

# The facets that were open before ($1 to $6) end; $7 to $18 are what is said in their place, and what was said in
# between. `closed` is run before anything is added: of each facet, one row only may be open. Each row is looked up by
# its key, alone: a plan that was made when there were few would go through all of them, for each that ends.
_SET_MANY = """
with ended as materialized (
    select asked.number, asked.position, asked.at,
           (select before.ctid from {table} as before
             where before.project = asked.project and before.facet = asked.facet and before.subject = asked.subject
               and before.until_position is null) as place
      from unnest($1::integer[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::timestamptz[])
           as asked(number, project, subject, facet, position, at)),
closed as (
    update {table} as before set until_position = ended.position, until_at = ended.at from ended
     where before.ctid = ended.place
    returning ended.number, before.detail)
insert into {table} (project, subject, facet, since_position, until_position, until_at, label, position, said_at,
                     said_by, detail)
select given.project, given.subject, given.facet, given.position, given.until_position, given.until_at, given.label,
       given.position, given.said_at, given.said_by,
       case when given.kept = '' then '{{}}'
            else coalesce((select jsonb_object_agg(kept.key, kept.value)
                             from closed, jsonb_each(closed.detail) as kept
                            where closed.number = given.number
                              and kept.key = any(string_to_array(given.kept, ','))), '{{}}')
       end || given.detail::jsonb
  from unnest($7::integer[], $8::text[], $9::text[], $10::text[], $11::bigint[], $12::bigint[], $13::timestamptz[],
              $14::text[], $15::timestamptz[], $16::text[], $17::text[], $18::text[])
       as given(number, project, subject, facet, position, until_position, until_at, label, said_at, said_by, detail,
                kept),
       (select count(*) from closed) as ordered
"""


def set_many(table: str) -> Together:
    """Return the statement that sets many facets of `table`, in the order in which they were said."""
    return Together(_SET_MANY.format(table=table), _facets)


def _facets(rows: Sequence[Row]) -> Sequence[Any]:
    """Return the columns of _SET_MANY: what is said of one facet more than once closes here what was said before it.

    So only the first of each facet looks at the table; what a later one keeps is what the earlier one says, and of
    what the table has, what both keep.
    """
    ended: list[Row] = []
    given: list[list[Any]] = []
    last: dict[tuple[str, str, str], tuple[int, list[Any] | None]] = {}
    for project, subject, facet, position, label, at, by, new, keep in rows:
        key = (project, subject, facet)
        number, before = last.get(key, (len(ended), None))
        detail, kept = new, ()  # type: str, Sequence[str]
        if key not in last:
            ended.append((number, *key, position, at))
            kept = keep
        elif before is not None:
            before[5], before[6] = position, at
            if keep:
                kept = [name for name in keep if name in before[11]]
                known = {name: value for name, value in orjson.loads(before[10]).items() if name in keep}
                detail = orjson.dumps(known | orjson.loads(new)).decode()
        said = None
        if label is not None:
            said = [number, *key, position, None, None, label, at, by, detail, kept]
            given.append(said)
        last[key] = (number, said)
    for said in given:
        # No key of a detail has a comma in it.
        said[11] = ",".join(said[11])
    return [*_transposed(ended, 6), *_transposed(given, 12)]


def _transposed(rows: Sequence[Sequence[Any]], columns: int) -> list[Any]:
    return list(zip(*rows, strict=True)) if rows else [()] * columns
