"""The record: a search through it, and the state of everything at any of its moments, beside the events around it."""

from __future__ import annotations

import asyncio
import re
from typing import Final

from interlock.answers.times import instant
from interlock.events.catalogue import CATALOGUE
from interlock.web.asked import Asked, Document, moment, refused
from interlock.web.frame import framed

EVENTS_SHOWN: Final = 40
FOLLOWING_SHOWN: Final = 5
FIELDS: Final = ("person", "release", "environment", "type", "problem", "adjustment")
_POSITION: Final = re.compile(r"@?\s*([\d,]{1,19})")


async def audit(asked: Asked) -> Document:
    """Return what the filters find up to the moment, and the whole picture at that moment. Raises NotAnswered.

    `q` is a text, a digest's beginning, or a position, whose event then comes first.
    """
    wanted = {name: asked.query.get(name) for name in FIELDS}
    text = (asked.query.get("q") or "").strip()
    position = _POSITION.fullmatch(text)
    period = {name: _instant(asked, name) for name in ("since", "until")}
    (frame, status), found = await asyncio.gather(
        framed(asked),
        asked.get(
            "/events",
            **wanted,
            **period,
            text=None if position or not text else text,
            limit=EVENTS_SHOWN,
            cursor=asked.query.get("cursor"),
        ),
    )
    following, first = await asyncio.gather(_following(asked, frame), _first(asked))
    return {
        "title": "Audit",
        "frame": frame,
        "filters": {name: value for name, value in {**wanted, **period, "q": text or None}.items() if value},
        "asked_position": int(position[1].replace(",", "")) if position else None,
        "events": found["events"],
        "next_cursor": found.get("next_cursor"),
        "following": following,
        "first": first,
        "state": {name: status[name] for name in ("environments", "releases", "problems", "asks")}
        | {"waiting": frame["waiting"]},
        "types": sorted(CATALOGUE),
    }


async def _following(asked: Asked, frame: Document) -> list[Document]:
    """Return the first events after the moment, the latest of them first; in the present there are none."""
    if not frame["past"]:
        return []
    found = await asked.now("/events", after=frame["position"], limit=FOLLOWING_SHOWN)
    return list(reversed(found["events"]))


async def _first(asked: Asked) -> int:
    """Return the first position that can be looked at: before there was a policy, nothing was decided by one."""
    found = await asked.now("/events", type="PolicyActivated", after=0, limit=1)
    return int(found["events"][0]["position"]) if found["events"] else 1


def _instant(asked: Asked, name: str) -> str | None:
    typed = moment(asked.query.get(name))
    if typed is not None and (typed.isdigit() or _no_instant(typed)):
        raise refused(422, "A value is not allowed here", f'{name}: write it as in "2026-11-14 10:30" (GMT)')
    return typed


def _no_instant(text: str) -> bool:
    try:
        return instant(text) is None
    except ValueError:
        return True
