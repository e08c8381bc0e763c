"""One release: its way, every gate with every check, what it is made of, and what happened to it."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from interlock.web.asked import Asked, Document, named, refused
from interlock.web.frame import framed
from interlock.web.gates import helped

# A compact timeline is the last COMPACT_LINES of the last TIMELINE_ITEMS; a full one has that many a page.
TIMELINE_ITEMS: Final = 100
COMPACT_LINES: Final = 30
TIMELINES: Final = ("compact", "full")
# What a compact timeline leaves out: what machines say of their own keeping.
ROUTINE: Final = frozenset(
    {
        "DataErased",
        "DeployRequested",
        "DeployStarted",
        "LeaseGranted",
        "LeaseReleased",
        "LeaseRenewed",
        "TestRunFinished",
        "TestRunStarted",
    }
)


async def release(asked: Asked) -> Document:
    """Return all about the release. `timeline` is compact or full. Raises NotAnswered."""
    which = asked.query.get("timeline", TIMELINES[0])
    if which not in TIMELINES:
        raise refused(422, "A value is not allowed here", f"timeline: it is one of {', '.join(TIMELINES)}")
    name = named(asked.path["name"])
    (frame, status), found, gates, timeline = await asyncio.gather(
        framed(asked), asked.get(f"/releases/{name}"), asked.get(f"/releases/{name}/gates"), _timeline(asked, which)
    )
    for gate in gates["gates"]:
        gate["decision"]["checks"] = helped(found["release"], gate["decision"]["checks"], status)
    return {
        "title": f"Release {found['release']}",
        "frame": frame,
        "release": found,
        "way": _way(found, gates["gates"]),
        "gates": gates["gates"],
        "next": _next(found, gates["gates"]),
        "timeline": timeline,
        "fixed_by_production": _base(frame),
    }


async def _timeline(asked: Asked, which: str) -> Document:
    """Return a page of the full timeline, or the end of it without what machines say of their own keeping.

    Both are in the order in which things happened; `earlier` tells that a compact one does not reach to the beginning.
    """
    order = {"full": "oldest", "compact": "newest"}[which]
    cursor = asked.query.get("cursor") if which == "full" else None
    question = f"/releases/{named(asked.path['name'])}/timeline"
    told = await asked.get(question, limit=TIMELINE_ITEMS, order=order, cursor=cursor)
    lines = told["timeline"]
    if which == "full":
        return {"which": which, "lines": lines, "left_out": 0, "earlier": False, "next_cursor": told.get("next_cursor")}
    kept = [line for line in lines if line["type"] not in ROUTINE]
    return {
        "which": which,
        "lines": kept[:COMPACT_LINES][::-1],
        "left_out": len(lines) - len(kept),
        "earlier": len(kept) > COMPACT_LINES or "next_cursor" in told,
        "next_cursor": None,
    }


def _way(found: Document, gates: list[Document]) -> list[dict[str, Any]]:
    """Return for each environment, in the order of the flow, whether this content was there, is there, or may go."""
    content = found["content_digest"]
    way = []
    for gate in gates:
        place = found["environments"].get(gate["environment"])
        fits = place is not None and place.get("content_digest") == content
        state = "never"
        if place is not None and place["state"] == "occupant" and fits:
            state = "here"
        elif place is not None:
            state = "was" if fits else "old"
        step: dict[str, Any] = {"environment": gate["environment"], "state": state, "allowed": _allowed(gate)}
        if place is not None:
            step |= {"since": place["since"], "position": place["position"]}
        way.append(step)
    return way


def _allowed(gate: Document) -> bool:
    return bool(gate["decision"]["result"] == "allowed")


def _next(found: Document, gates: list[Document]) -> str | None:
    """Return the environment after the last one that this content reached; None where it is at the end, or over."""
    if found["state"] not in {"open", "held"}:
        return None
    reached = [
        place
        for place, gate in enumerate(gates)
        if (found["environments"].get(gate["environment"]) or {}).get("content_digest") == found["content_digest"]
        and found["content_digest"] is not None
    ]
    following = (reached[-1] + 1) if reached else 0
    return str(gates[following]["environment"]) if following < len(gates) else None


def _base(frame: Document) -> str | None:
    """Return what production runs: what the release is compared with."""
    production: str | None = frame["environments"][-1]["release"]
    return production
