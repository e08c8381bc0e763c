"""One environment: what runs there, what ran there, its data, its lease, its logs, and what is wrong."""

from __future__ import annotations

import asyncio
from typing import Final

from interlock.web.asked import Asked, Document, named
from interlock.web.frame import framed
from interlock.web.lanes import lane

OCCUPANTS_SHOWN: Final = 60
EVENTS_SHOWN: Final = 30
LOG_CHECKS_SHOWN: Final = 12
LOG_CHECKS: Final = ("LogsChecked", "LogCheckMissed")


async def environment(asked: Asked) -> Document:
    """Return all about the environment. Raises NotAnswered."""
    name = asked.path["name"]
    (frame, status), found, occupants, problems, events, log_checks = await asyncio.gather(
        framed(asked),
        asked.get(f"/environments/{named(name)}"),
        asked.get(f"/environments/{named(name)}/occupants", limit=OCCUPANTS_SHOWN, cursor=asked.query.get("cursor")),
        asked.get("/problems", environment=name),
        asked.get("/events", environment=name, limit=EVENTS_SHOWN),
        _log_checks(asked, name),
    )
    return {
        "title": f"Environment {name}",
        "frame": frame,
        "environment": found,
        "problems": problems["problems"],
        "occupants": occupants["occupants"],
        "next_cursor": occupants.get("next_cursor"),
        "lane": lane(occupants["occupants"], frame["now"]),
        "log_checks": log_checks,
        "obligations": [each for each in status["obligations"]["first"] if each["subject"] == name],
        "events": events["events"],
    }


async def _log_checks(asked: Asked, name: str) -> list[Document]:
    """Return when logs were read, or not read in time, the newest first."""
    checked, missed = await asyncio.gather(
        *(asked.get("/events", environment=name, type=kind, limit=LOG_CHECKS_SHOWN) for kind in LOG_CHECKS)
    )
    found = sorted([*checked["events"], *missed["events"]], key=lambda each: -int(each["position"]))
    return found[:LOG_CHECKS_SHOWN]
