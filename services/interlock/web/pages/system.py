"""How the system itself is doing: its parts, its read models, its queues, its database, who is signed in."""

from __future__ import annotations

import asyncio

from interlock.web.asked import Asked, Document
from interlock.web.frame import frame_of


async def system(asked: Asked) -> Document:
    """Return how it is doing now, also on a page of the past: it is no part of the record. Raises NotAnswered."""
    frame, found = await asyncio.gather(frame_of(asked), asked.now("/system"))
    return {"title": "System", "frame": frame, "system": found}
