"""The policy: what holds, what each version changed, what waits for a second person, and what another would do."""

from __future__ import annotations

import asyncio
import json
from typing import Any, Final

from interlock.web.asked import Asked, Document, refused
from interlock.web.asking import NotAnswered
from interlock.web.frame import frame_of

# The figures that can be tried here, with what each is in.
FIGURES: Final = {
    "verifications": "persons who verify an adjustment",
    "verifications_high_risk": "persons who verify one of high risk",
    "log_check_every_minutes": "minutes between log checks",
    "log_check_grace_minutes": "minutes of grace for a log check",
    "lease_minutes": "minutes of a lease",
    "snapshot_age_hours": "hours that a snapshot may be old",
    "request_life_minutes": "minutes until an unstarted deploy request expires",
    "authorization_minutes": "minutes that an authorization is valid",
    "adjustment_life_hours": "hours that an adjustment may wait",
    "second_person_hours": "hours that a second person may take",
    "nightly_grace_minutes": "minutes of grace for the nightly run",
}
AREAS: Final = "core_areas"
VERSION: Final = "version"
QUERY: Final = frozenset({*FIGURES, AREAS, VERSION})


async def policy(asked: Asked) -> Document:
    """Return the policy, its versions, its proposals, and what the query's figures would change. Raises NotAnswered."""
    frame, active, versions, proposals = await asyncio.gather(
        frame_of(asked), asked.get("/policy"), asked.get("/policy/versions"), asked.get("/policy/proposals")
    )
    simulated, fault = await _simulated(asked, active["document"])
    return {
        "title": "Policy",
        "frame": frame,
        "policy": active,
        "lines": json.dumps(active["document"], indent=2, ensure_ascii=False),
        "versions": versions["versions"],
        "proposals": proposals["proposals"],
        "figures": [
            {
                "name": name,
                "what": what,
                "now": active["document"].get(name),
                "tried": asked.query.get(name, active["document"].get(name)),
            }
            for name, what in FIGURES.items()
        ],
        "areas": {
            "now": active["document"][AREAS],
            "tried": asked.query.get(AREAS, ", ".join(active["document"][AREAS])),
        },
        "simulated": simulated,
        "fault": fault,
    }


async def _simulated(asked: Asked, active: Document) -> tuple[Document | None, str | None]:
    """Return what would change, or why that is no policy; neither where nothing was tried."""
    try:
        if asked.query.get(VERSION):
            return await asked.get("/policy/effects", version=asked.query[VERSION]), None
        change = _change(asked, active)
        if not change:
            return None, None
        return await asked.get("/policy/effects", change=json.dumps(change, separators=(",", ":"))), None
    except NotAnswered as wrong:
        if wrong.status not in {404, 422}:
            raise
        return None, str(wrong.problem.get("detail", "this is no policy"))


def _change(asked: Asked, active: Document) -> dict[str, Any]:
    """Return what was typed where it is another value than the one in force."""
    change: dict[str, Any] = {}
    for name in FIGURES:
        typed = asked.query.get(name)
        if typed is None:
            continue
        if not typed.strip().isdigit():
            raise refused(422, "A value is not allowed here", f"{name}: it is a whole number")
        if int(typed) != active.get(name):
            change[name] = int(typed)
    typed = asked.query.get(AREAS)
    areas = [each.strip() for each in (typed or "").split(",") if each.strip()]
    if typed is not None and areas != active[AREAS]:
        change[AREAS] = areas
    return change
