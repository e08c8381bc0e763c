"""Many rows at once: what a page of events says, in a call or two of the database instead of hundreds.

Each has the effect of its one-row statement, run for the rows in their order; tests compare the two on every history.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from interlock.projections.projection import Added, Changes, Row, Together

# The facets that were open before end; what is said in their place is copied afterwards, because of each facet one row
# only may be open. Each row is looked up by its key, alone: a plan that was made when there were few would go through
# all of them, for each that ends. What they held is returned where some of it is kept ($7).
_END_MANY = """
with ended as materialized (
    select asked.number, asked.position, asked.at, asked.kept,
           (select before.ctid from {table} as before
             where before.project = asked.project and before.facet = asked.facet and before.subject = asked.subject
               and before.until_position is null) as place
      from unnest($1::integer[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::timestamptz[], $7::boolean[])
           as asked(number, project, subject, facet, position, at, kept))
update {table} as before set until_position = ended.position, until_at = ended.at from ended
 where before.ctid = ended.place
returning ended.number, case when ended.kept then before.detail end as detail
"""
_COLUMNS = (
    "project", "subject", "facet", "since_position", "until_position", "until_at", "label", "position", "said_at",
    "said_by", "detail",
)  # fmt: skip
UNTIL_POSITION, UNTIL_AT, DETAIL = 4, 5, 10


def set_many(table: str) -> Together:
    """Return what sets many facets of `table`, in the order in which they were said."""
    return Together(_END_MANY.format(table=table), Added(table, _COLUMNS), _facets)


def _facets(rows: Sequence[Row]) -> Changes:
    """Return which facets end, and what is said: of one that is set more than once, all but the last have an end here.

    So only the first of each facet looks at the table; what a later one keeps is what the earlier one says, and of
    what the table has, what both keep.
    """
    ended: list[Row] = []
    said: list[list[Any]] = []
    # The number of what ends, what was said last, and which keys of what the table has it keeps.
    last: dict[tuple[str, str, str], tuple[int, list[Any] | None, Sequence[str]]] = {}
    keeping: list[tuple[int, list[Any], Sequence[str]]] = []
    for project, subject, facet, position, label, at, by, new, keep in rows:
        key = (project, subject, facet)
        detail, kept = new, keep
        before = last.get(key)
        if before is None:
            number = len(ended)
            ended.append((number, *key, position, at, bool(keep)))
        else:
            number, earlier, known = before
            kept = ()
            if earlier is not None:
                earlier[UNTIL_POSITION], earlier[UNTIL_AT] = position, at
                if keep:
                    kept = [name for name in keep if name in known]
                    detail = _with(new, {n: value for n, value in orjson.loads(earlier[DETAIL]).items() if n in keep})
        if label is None:
            last[key] = (number, None, ())
            continue
        row = [*key, position, None, None, label, position, at, by, detail]
        said.append(row)
        last[key] = (number, row, kept)
        if kept:
            keeping.append((number, row, kept))

    def added(found: Sequence[Any]) -> Sequence[Row]:
        if keeping:
            was = {each["number"]: orjson.loads(each["detail"]) for each in found if each["detail"] is not None}
            for number, row, kept in keeping:
                there = was.get(number, {})
                row[DETAIL] = _with(row[DETAIL], {name: there[name] for name in kept if name in there})
        return [tuple(row) for row in said]

    return Changes(list(zip(*ended, strict=True)), added)


def _with(detail: str, more: dict[str, Any]) -> str:
    """Return a detail with `more` where it says nothing else."""
    return orjson.dumps(more | orjson.loads(detail)).decode() if more else detail
