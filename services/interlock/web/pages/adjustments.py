"""The adjustments of data: which, how far each came, and who must act."""

from __future__ import annotations

import asyncio

from interlock.web.asked import Asked, Document
from interlock.web.frame import framed


async def adjustments(asked: Asked) -> Document:
    """Return the adjustments, the newest first, of a `state` of the API's, such as open or all. Raises NotAnswered."""
    which = asked.query.get("state", "open")
    (frame, status), found = await asyncio.gather(
        framed(asked), asked.get("/adjustments", state=which, cursor=asked.query.get("cursor"))
    )
    names = {each["adjustment"] for each in found["adjustments"]}
    return {
        "title": "Adjustments",
        "frame": frame,
        "which": which,
        "adjustments": found["adjustments"],
        "next_cursor": found.get("next_cursor"),
        "obligations": [each for each in status["obligations"]["first"] if each["subject"] in names],
    }
