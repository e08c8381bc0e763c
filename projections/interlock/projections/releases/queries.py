"""What can be asked of the releases, at any position."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Literal

from interlock.projections.facets import Said, family, instant, told
from interlock.projections.projection import PAGE_ROWS_MAX, Connection, seen_at
from interlock.projections.releases.tables import FACETS, TABLE, TIMELINE

# An open release's row says so from its opening on, so its position is the release's own place in the list.
OPEN = f"""
select subject from {TABLE}
 where project = $1 and facet = 'state' and label = 'open' and since_position <= $2 and since_position < $3
   and (until_position is null or until_position > $2)
 order by since_position desc limit $4
"""
ALL = f"""
select subject from {TABLE}
 where project = $1 and facet = 'opened' and since_position <= $2 and since_position < $3
 order by since_position desc limit $4
"""
VERSIONS = f"""
select release, max(version) as version from {TIMELINE}
 where project = $1 and release = any($2) and stream = 'release/' || release and position <= $3 group by release
"""
LINES = f"""
select position, recorded_at, actor, type, stream, environment, sentence from {TIMELINE}
 where project = $1 and release = $2 and position <= $3 and position > $4 order by position limit $5
"""
NEWEST_LINES = f"""
select position, recorded_at, actor, type, stream, environment, sentence from {TIMELINE}
 where project = $1 and release = $2 and position <= $3 and ($4 = 0 or position < $4) order by position desc limit $5
"""
SUMMARY = ("opened", "state", "hold", "content", "hotfix", "in")


async def releases(
    connection: Connection,
    project: str,
    *,
    at: int | None = None,
    state: Literal["open", "all"] = "open",
    before: int | None = None,
    limit: int = 50,
) -> list[dict[str, Any]]:
    """Return releases as they were at a position, newest first; `before` is the last row's `opened_position`."""
    rows = await connection.fetch(
        OPEN if state == "open" else ALL, project, seen_at(at), seen_at(before), min(limit, PAGE_ROWS_MAX)
    )
    names = [row["subject"] for row in rows]
    if not names:
        return []
    found = await FACETS.read(connection, project, at=at, subjects=names, families=SUMMARY)
    versions = await _versions(connection, project, names, at)
    return [_summary(name, found[name], versions[name]) for name in names]


async def release(connection: Connection, project: str, name: str, *, at: int | None = None) -> dict[str, Any] | None:
    """Return all about one release as it was at a position; None where it was not opened yet."""
    found = (await FACETS.read(connection, project, at=at, subjects=[name])).get(name, {})
    if "opened" not in found:
        return None
    versions = await _versions(connection, project, [name], at)
    opened = found["opened"].detail
    deploys = sorted(family(found, "deploy").values(), key=_requested)
    return {
        **_summary(name, found, versions[name]),
        "affected_areas": opened.get("affected_areas", []),
        "reason": opened.get("reason"),
        "hold": told(found.get("hold")),
        "content": _content(found),
        "evidence": _all_evidence(found),
        "environments": {where: value.told() for where, value in family(found, "in").items()},
        "deploys": [deploy.told() for deploy in deploys],
        "problems": {which: value.told() for which, value in family(found, "problem").items()},
        "lead_time": _lead_time(found, deploys),
    }


async def timeline(
    connection: Connection,
    project: str,
    name: str,
    *,
    at: int | None = None,
    after: int = 0,
    limit: int = 200,
    newest: bool = False,
) -> list[dict[str, Any]]:
    """Return what happened to one release, oldest first, or newest first; `after` is the last row's `position`."""
    lines = NEWEST_LINES if newest else LINES
    rows = await connection.fetch(lines, project, name, seen_at(at), after, min(limit, PAGE_ROWS_MAX))
    return [
        {
            "position": row["position"],
            "at": instant(row["recorded_at"]),
            "by": row["actor"],
            "type": row["type"],
            "stream": row["stream"],
            "environment": row["environment"],
            "sentence": row["sentence"],
        }
        for row in rows
    ]


async def _versions(connection: Connection, project: str, names: list[str], at: int | None) -> dict[str, int]:
    rows = await connection.fetch(VERSIONS, project, names, seen_at(at))
    return {row["release"]: row["version"] for row in rows}


def _summary(name: str, facets: dict[str, Said], version: int) -> dict[str, Any]:
    opened, state = facets["opened"], facets["state"]
    hold, content, hotfix = facets.get("hold"), facets.get("content"), facets.get("hotfix")
    standing = hold if hold is not None and state.label == "open" else state
    linked = hotfix if hotfix is not None else opened
    return {
        "release": name,
        "kind": opened.detail["kind"],
        "title": opened.detail["title"],
        "author": opened.detail["author"],
        "problem": linked.detail.get("problem"),
        "opened_at": instant(opened.at),
        "opened_position": opened.position,
        "state": standing.label,
        "state_since": instant(standing.at),
        "state_position": standing.position,
        "superseded_by": state.detail.get("superseded_by"),
        "content_digest": None if content is None else content.detail["content_digest"],
        "in": sorted(where for where, value in family(facets, "in").items() if value.label == "occupant"),
        "version": version,
    }


def _content(facets: dict[str, Said]) -> dict[str, Any] | None:
    content, made_of = facets.get("content"), facets.get("made_of")
    if content is None or made_of is None:
        return None
    return {**made_of.detail, **content.detail, **content.origin()}


def _all_evidence(facets: dict[str, Said]) -> dict[str, Any]:
    content = facets.get("content")
    digest = None if content is None else content.detail["content_digest"]

    def evidence(value: Said | None) -> dict[str, Any] | None:
        # Evidence is bound to the content: what was found about other bytes is shown, and holds no more.
        return (
            None
            if value is None
            else value.told(holds_for_content=value.label != "void" and value.detail.get("content_digest") == digest)
        )

    return {
        **{kind: evidence(facets.get(kind)) for kind in ("development", "hotfix", "tests", "review", "migration")},
        "qa": {where: evidence(value) for where, value in family(facets, "qa").items()},
    }


def _requested(deploy: Said) -> tuple[str, int]:
    return (deploy.detail.get("requested_at", ""), deploy.position)


def _lead_time(facets: dict[str, Said], deploys: Iterable[Said]) -> dict[str, Any]:
    """Return how long it took from opening to production, in seconds, and how much of it was for the window."""
    opened, state = facets["opened"], facets["state"]
    completed = state if state.label == "completed" else None
    waited, waiting_since = 0.0, None
    for deploy in deploys:
        asked = deploy.detail
        if not asked.get("at_window"):
            continue
        until = asked.get("ready_at") or asked.get("ended_at")
        if until is None:
            waiting_since = asked.get("requested_at")
        else:
            waited += (datetime.fromisoformat(until) - datetime.fromisoformat(asked["requested_at"])).total_seconds()
    return {
        "opened_at": instant(opened.at),
        "completed_at": instant(completed.at) if completed else None,
        "seconds": int((completed.at - opened.at).total_seconds()) if completed else None,
        "waited_for_window_seconds": int(waited),
        "waiting_since": waiting_since,
    }
