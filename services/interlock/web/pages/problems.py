"""The problems, the newest first."""

from __future__ import annotations

import asyncio
from typing import Final

from interlock.web.asked import Asked, Document
from interlock.web.frame import framed

PAGE_ITEMS: Final = 50


async def problems(asked: Asked) -> Document:
    """Return a page of the list; `state` is open or all."""
    state = asked.query.get("state", "all")
    (frame, _), listed = await asyncio.gather(
        framed(asked),
        asked.get("/problems", state=state, limit=PAGE_ITEMS, cursor=asked.query.get("cursor")),
    )
    return {
        "title": "Problems",
        "frame": frame,
        "state": state,
        "problems": listed["problems"],
        "next_cursor": listed.get("next_cursor"),
    }
