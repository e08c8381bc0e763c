"""What the figures are worked out from, as it was at a position: read from the trail, by what it can be found by."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from interlock.events.catalogue import release as rel
from interlock.events.codec import decode
from interlock.events.envelope import Recorded
from interlock.projections.audit_trail import ENTRY
from interlock.projections.delivery.deployments import deployments
from interlock.projections.delivery.figures import figures
from interlock.projections.delivery.lead_time import OpenWindows, delivered
from interlock.projections.projection import Connection, seen_at
from interlock.projections.releases.tables import TIMELINE
from interlock.projections.tags import BLOCK_EVENTS, TAG

# What happened in production and says how a deploy went, or what became of it.
THERE = (
    "DeployStarted", "DeploySucceeded", "DeployFailed", "EnvironmentUnsure", "EnvironmentConfirmed",
    "ProblemReported", "ProblemReopened",
)  # fmt: skip
# What says what a release is made of, how it went on, and when somebody was at work on it.
OWN = (
    "ReleaseOpened", "ReleaseContentSet", "HotfixConfirmed", "DevelopmentConfirmed", "ManualQARejected",
    "CodeReviewRejected", "TestsFailed", "StageMigrationFailed", "TestsPassed", "ManualQAApproved",
    "CodeReviewApproved", "StageMigrated", "LeaseGranted", "LeaseReleased", "LeaseExpired", "LeaseBroken",
    "DeploySucceeded", "DeployFailed",
)  # fmt: skip
HAPPENED_THERE = f"""
select entry.body from {TAG} as kind
  join {TAG} as place on place.project = $1 and place.tag = $2 and place.block = kind.block
 cross join unnest(kind.steps) as found(step)
  join {ENTRY} as entry on entry.project = $1 and entry.position = kind.block * {BLOCK_EVENTS} + found.step
 where kind.project = $1 and kind.tag = any($3::text[]) and found.step = any(place.steps) and entry.position <= $4
 order by entry.position
"""
HAPPENED_TO = f"""
select line.release, entry.body from {TIMELINE} as line
  join {ENTRY} as entry on entry.project = $1 and entry.position = line.position
 where line.project = $1 and line.release = any($2::text[]) and line.type = any($3::text[]) and line.position <= $4
 order by line.position
"""


async def delivery(
    connection: Connection,
    project: str,
    *,
    production: str,
    since: datetime,
    until: datetime,
    open_windows: OpenWindows,
    at: int | None = None,
) -> dict[str, Any]:
    """Return DORA's five for what reached `production` in the period, as known at a position."""
    there = await connection.fetch(
        HAPPENED_THERE, project, f"environment/{production}", [f"type/{kind}" for kind in THERE], seen_at(at)
    )
    events = [decode(row["body"]) for row in there]
    released = sorted({recorded.event.release for recorded in events if isinstance(recorded.event, rel.DeployStarted)})
    own = await _own(connection, project, released, at)
    found = deployments(events, production, hotfixes(own))
    return figures(found, delivered(found, own, open_windows), since, until)


async def _own(
    connection: Connection, project: str, released: Sequence[str], at: int | None
) -> dict[str, list[Recorded[Any]]]:
    rows = await connection.fetch(HAPPENED_TO, project, released, list(OWN), seen_at(at)) if released else ()
    found: dict[str, list[Recorded[Any]]] = {}
    for row in rows:
        found.setdefault(row["release"], []).append(decode(row["body"]))
    return found


def hotfixes(own: dict[str, list[Recorded[Any]]]) -> dict[str, str | None]:
    """Return the releases that are hotfixes, each with the problem that it is linked to."""
    found: dict[str, str | None] = {}
    for release, events in own.items():
        for event in (each.event for each in events if each.stream == f"release/{release}"):
            opened = isinstance(event, rel.ReleaseOpened) and event.kind == "hotfix"
            # It may have been confirmed for another problem than the one that it was opened for.
            if opened or (isinstance(event, rel.HotfixConfirmed) and release in found):
                found[release] = event.problem
    return found
