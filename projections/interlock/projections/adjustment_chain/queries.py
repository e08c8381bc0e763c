"""What can be asked of the adjustments, at any position."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

import orjson

from interlock.projections.adjustment_chain.tables import FACETS, STEP, TABLE
from interlock.projections.facets import Said, family, instant, told
from interlock.projections.projection import PAGE_ROWS_MAX, Connection, seen_at

State = Literal["open", "all", "executed", "disputed", "checked", "reverted", "cancelled", "expired"]

# Open is what somebody must still look at: until its result is checked, or it is over.
STILL_OPEN = ("open", "executed", "disputed")
# What a step is called in the chain; a type that is not here is one that happened elsewhere.
WORDS = {
    "DataAdjustRequested": "requested",
    "DataAdjustAmended": "amended",
    "DataAdjustRehearsed": "rehearsed",
    "DataAdjustRehearsalFailed": "rehearsal failed",
    "DataAdjustVerified": "verified",
    "DataAdjustRejected": "rejected",
    "DataAdjustAuthorized": "authorized",
    "DataAdjustExpired": "expired",
    "DataAdjustBackupTaken": "backed up",
    "DataAdjustStarted": "started",
    "DataAdjustExecuted": "executed",
    "DataAdjustFailed": "failed",
    "DataAdjustResultVerified": "result verified",
    "DataAdjustResultDisputed": "result disputed",
    "DataAdjustReverted": "reverted",
    "DataAdjustCancelled": "cancelled",
    "ActionRefused": "refused",
    "LeaseGranted": "lease",
    "LeaseReleased": "lease over",
    "LeaseExpired": "lease lost",
    "LeaseBroken": "lease lost",
    "OperatorDesignated": "operator",
    "RoleRevoked": "role lost",
    "RoleGranted": "role back",
    "DataMarkedCorrupt": "data corrupt",
    "PrincipalDeactivated": "left",
    "Annotated": "remark",
}
# The facets that a step sets, and that may end: then the step is void. The others say where it stands now.
HOLDING = ("plan", "rehearsal", "verdict", "authorization", "backup", "attempt", "result")

CHOSEN = f"""
select request.subject from {TABLE} as request join {TABLE} as state
    on state.project = $1 and state.subject = request.subject and state.facet = 'state' and state.since_position <= $2
   and (state.until_position is null or state.until_position > $2)
 where request.project = $1 and request.facet = 'request' and request.since_position <= $2
   and request.since_position < $3 and (request.until_position is null or request.until_position > $2)
   and ($5::text[] is null or state.label = any($5))
 order by request.since_position desc limit $4
"""
VERSIONS = f"""
select adjustment, max(version) as version from {STEP}
 where project = $1 and adjustment = any($2) and stream = 'adjustment/' || adjustment and position <= $3
 group by adjustment
"""
STEPS = f"""
select position, recorded_at, actor, actor_kind, credential, type, stream, version, sentence, data, decision
  from {STEP} where project = $1 and adjustment = $2 and position <= $3 order by position
"""
# What steps said and does not hold then, with the position where it ended; what was lost and is back holds.
ENDED = f"""
select position, max(until_position) as until_position from {TABLE}
 where project = $1 and subject = $2 and split_part(facet, '/', 1) = any($4::text[]) and since_position <= $3
   and label <> 'lost'
 group by facet, position having bool_and(until_position is not null and until_position <= $3)
"""


async def adjustments(
    connection: Connection,
    project: str,
    *,
    at: int | None = None,
    state: State = "open",
    before: int | None = None,
    limit: int = 50,
) -> list[dict[str, Any]]:
    """Return adjustments as they were at a position, newest first; `before` is the last row's `requested_position`."""
    labels = None if state == "all" else list(STILL_OPEN) if state == "open" else [state]
    rows = await connection.fetch(CHOSEN, project, seen_at(at), seen_at(before), min(limit, PAGE_ROWS_MAX), labels)
    names = [row["subject"] for row in rows]
    if not names:
        return []
    found = await FACETS.read(connection, project, at=at, subjects=names)
    versions = await _versions(connection, project, names, at)
    return [_summary(name, found[name], versions.get(name, 0)) for name in names]


async def adjustment(
    connection: Connection, project: str, name: str, *, at: int | None = None
) -> dict[str, Any] | None:
    """Return one adjustment with its plan and its chain as they were at a position; None where it was not there yet."""
    found = (await FACETS.read(connection, project, at=at, subjects=[name])).get(name, {})
    if not {"request", "plan", "state"} <= found.keys():
        return None
    versions = await _versions(connection, project, [name], at)
    rows = await connection.fetch(STEPS, project, name, seen_at(at))
    ended = await connection.fetch(ENDED, project, name, seen_at(at), list(HOLDING))
    # What was refused before it was asked for was another request, which got no name of its own.
    begins = found["request"].position
    steps = {row["position"]: _step(row) for row in rows if row["position"] >= begins}
    for row in ended:
        said, by = steps.get(row["position"]), steps.get(row["until_position"])
        if said is not None and by is not None:
            said["void"] = {key: by[key] for key in ("position", "at", "by", "type", "sentence")}
    plan = found["plan"].detail["plan"]
    return {
        **_summary(name, found, versions.get(name, 0)),
        "plan": plan,
        "planned_position": found["plan"].position,
        "rehearsal": told(found.get("rehearsal")),
        "verdicts": [verdict.told() for verdict in _verdicts(found)],
        "authorization": told(found.get("authorization")),
        "backup": told(found.get("backup")),
        "attempt": told(found.get("attempt")),
        "execution": told(found.get("execution")),
        "result": told(found.get("result")),
        "chain": list(steps.values()),
    }


async def _versions(connection: Connection, project: str, names: list[str], at: int | None) -> dict[str, int]:
    rows = await connection.fetch(VERSIONS, project, names, seen_at(at))
    return {row["adjustment"]: row["version"] for row in rows}


def _summary(name: str, facets: dict[str, Said], version: int) -> dict[str, Any]:
    request, plan, state = (facets[part] for part in ("request", "plan", "state"))
    planned, verdicts = plan.detail["plan"], _verdicts(facets)
    authorization, execution, lease = (facets.get(part) for part in ("authorization", "execution", "lease"))
    return {
        "adjustment": name,
        "environment": planned["targets"]["environment"],
        "tables": planned["targets"]["tables"],
        "purpose": planned["purpose"],
        "risk": planned["risk"],
        "bound_digest": plan.detail["bound_digest"],
        "state": state.label,
        "state_since": instant(state.at),
        "state_position": state.position,
        "stage": _stage(facets),
        "requested_by": request.by,
        "requested_at": request.detail["requested_at"],
        "requested_position": request.detail["requested_position"],
        "expires_at": request.detail["expires_at"],
        "reverts": request.detail.get("reverts"),
        "reverted_by": state.detail.get("reverted_by"),
        "problem": state.detail.get("problem"),
        "verified_by": [verdict.by for verdict in verdicts if verdict.label == "verified"],
        "rejected_by": [verdict.by for verdict in verdicts if verdict.label == "rejected"],
        "operator": None if authorization is None else authorization.detail["operator"],
        "valid_until": None if authorization is None else authorization.detail["valid_until"],
        "executed_by": None if execution is None else execution.detail["executed_by"],
        "lease": told(lease),
        "version": version,
    }


def _verdicts(facets: dict[str, Said]) -> list[Said]:
    return sorted(family(facets, "verdict").values(), key=lambda verdict: verdict.position)


def _stage(facets: dict[str, Said]) -> str:
    """Return how far it came, in one word, as what holds now says it."""
    if facets["state"].label != "open":
        return facets["state"].label
    attempt, lease, verdicts = facets.get("attempt"), facets.get("lease"), _verdicts(facets)
    rehearsal = facets.get("rehearsal")
    if attempt is not None:
        return attempt.label
    if lease is not None and lease.label == "adjustment":
        return "executing"
    for word, so in (
        ("authorized", "authorization" in facets),
        ("rejected", any(verdict.label == "rejected" for verdict in verdicts)),
        ("verified", any(verdict.label == "verified" for verdict in verdicts)),
        ("rehearsing", lease is not None),
        ("rehearsed", rehearsal is not None and rehearsal.label == "rehearsed"),
    ):
        if so:
            return word
    return "requested"


def _step(row: Any) -> dict[str, Any]:
    data = orjson.loads(row["data"])
    return {
        "position": row["position"],
        "step": WORDS.get(row["type"], row["type"]),
        "at": instant(row["recorded_at"]),
        "by": row["actor"],
        "by_kind": row["actor_kind"],
        "credential": row["credential"],
        "type": row["type"],
        "stream": row["stream"],
        "version": row["version"],
        "sentence": row["sentence"],
        "digest": _first(data, ("bound_digest", "backup_digest")),
        "data": data,
        "decision": None if row["decision"] is None else orjson.loads(row["decision"]),
        "void": None,
    }


def _first(data: dict[str, Any], names: Iterable[str]) -> str | None:
    return next((data[name] for name in names if name in data), None)
