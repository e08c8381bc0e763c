"""The releases, the newest first: which, how far each came, and how each ended."""

from __future__ import annotations

import asyncio
from typing import Final

from interlock.web.asked import Asked, Document
from interlock.web.frame import frame
from interlock.web.gates import helped

PAGE_ITEMS: Final = 50


async def releases(asked: Asked) -> Document:
    """Return a page of the list; `state` is open or all."""
    state = asked.query.get("state", "all")
    listed, gates, status, me = await asyncio.gather(
        asked.get("/releases", state=state, limit=PAGE_ITEMS, cursor=asked.query.get("cursor")),
        asked.get("/gates"),
        asked.get("/status"),
        asked.now("/whoami"),
    )
    way = {
        each["release"]: each | {"missing": helped(each["release"], each.get("missing", ()), status)}
        for each in gates["gates"]
    }
    return {
        "title": "Releases",
        "frame": frame(asked, status, me),
        "state": state,
        "releases": [{**each, "way": way.get(each["release"])} for each in listed["releases"]],
        "next_cursor": listed.get("next_cursor"),
    }
