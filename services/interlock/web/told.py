"""What the reader's own last action came to: named in the address by its position, and read from the record."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from interlock.web.asked import named
from interlock.web.asking import Asker, NotAnswered

# `recorded` is the position of the first event, `unchanged` where nothing was to be done.
TOLD: Final = frozenset({"recorded", "unchanged"})


async def told_of(asker: Asker, project: str, query: Mapping[str, str]) -> dict[str, Any] | None:
    """Return what to tell, None where the address names nothing that the reader did.

    It waits until the read models know it, so that the page shows it as well.
    """
    if "unchanged" in query:
        return {"unchanged": True}
    position = query.get("recorded", "")
    if not (position.isascii() and position.isdigit() and len(position) <= 16) or asker.session is None:
        return None
    try:
        answer = await asker.get(f"/v1/{named(project)}/events/{int(position)}", {"after": int(position)})
    except NotAnswered:
        # It is recorded, and cannot be shown now; the page says how old it is.
        return None
    event: dict[str, Any] = answer["event"]
    return event if event["by"] == asker.session.principal else None
