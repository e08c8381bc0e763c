"""What can be asked of the environments, at any position."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from interlock.projections.environment_state.tables import FACETS, SURE, TABLE
from interlock.projections.facets import Said, instant, said, told
from interlock.projections.projection import PAGE_ROWS_MAX, Connection, seen_at

PARTS = (
    "identity",
    "data",
    "corrupt",
    "feed",
    "schema",
    "lease",
    "run",
    "last_run",
    "nightly",
    "freeze",
    "logs",
    "observed",
    "owner",
    "owner_deputy",
    "operator",
    "operator_deputy",
)

LAST_SURE = f"""
select distinct on (subject) subject, label, position, said_at, said_by, detail from {TABLE}
 where project = $1 and subject = any($2) and facet = 'occupancy' and since_position <= $3 and label = any($4)
 order by subject, since_position desc
"""

# Each execution is a row; those that came after what runs there now did.
TIMES = f"""
select subject, array_agg(since_position) as positions from {TABLE}
 where project = $1 and subject = any($2) and facet = 'adjusted' and since_position <= $3 group by subject
"""

OCCUPANTS = f"""
select subject, facet, label, position, said_at, said_by, detail, since_position,
       case when until_position <= $3 then until_position end as until_position,
       case when until_position <= $3 then until_at end as until
  from {TABLE}
 where project = $1 and subject = $2 and facet = 'occupancy' and since_position <= $3
 order by since_position desc
"""


async def environments(connection: Connection, project: str, *, at: int | None = None) -> list[dict[str, Any]]:
    """Return every environment in which something happened, as it was at a position, by name."""
    return await _states(connection, project, None, at)


async def environment(
    connection: Connection, project: str, name: str, *, at: int | None = None
) -> dict[str, Any] | None:
    """Return one environment as it was at a position; None where nothing had happened there."""
    found = await _states(connection, project, [name], at)
    return found[0] if found else None


async def occupants(
    connection: Connection,
    project: str,
    name: str,
    *,
    at: int | None = None,
    before: int | None = None,
    limit: int = 50,
) -> list[dict[str, Any]]:
    """Return what ran there, newest first, each with `until` and `until_position` (None: it still does).

    `before` is the `since_position` of the last row of the page before.
    """
    rows = await connection.fetch(
        OCCUPANTS_PAGE, project, name, seen_at(at), seen_at(before), min(limit, PAGE_ROWS_MAX)
    )
    return [
        said(row).told(
            since_position=row["since_position"],
            until_position=row["until_position"],
            until=instant(row["until"]),
        )
        for row in rows
    ]


OCCUPANTS_PAGE = f"""
with told as ({OCCUPANTS})
select * from told where since_position < $4 order by since_position desc limit $5
"""


async def _states(
    connection: Connection, project: str, names: list[str] | None, at: int | None
) -> list[dict[str, Any]]:
    found = await FACETS.read(connection, project, at=at, subjects=names)
    unsure = [name for name, facets in found.items() if "occupancy" in facets and facets["occupancy"].label not in SURE]
    rows = await connection.fetch(LAST_SURE, project, unsure, seen_at(at), list(SURE)) if unsure else []
    last_sure = {row["subject"]: said(row) for row in rows}
    adjusted = [name for name, facets in found.items() if "adjusted" in facets]
    rows = await connection.fetch(TIMES, project, adjusted, seen_at(at)) if adjusted else []
    executions = {row["subject"]: row["positions"] for row in rows}
    return [
        _state(name, facets, last_sure.get(name), executions.get(name, ())) for name, facets in sorted(found.items())
    ]


def _state(name: str, facets: dict[str, Said], last_sure: Said | None, executions: Sequence[int]) -> dict[str, Any]:
    occupant = last_sure or facets.get("occupancy")
    came = 0 if occupant is None else occupant.position
    return {
        "environment": name,
        "occupancy": told(facets.get("occupancy")) or {"state": "empty"},
        "last_sure": told(last_sure),
        **{part: told(facets.get(part)) for part in PARTS},
        # How often since what runs there came, and the last time at all.
        "adjusted": {
            "times": sum(position > came for position in executions),
            "last": told(facets.get("adjusted")),
        },
    }
