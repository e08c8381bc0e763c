"""What the record says of running work: a deploy's lease, a run's token. It saves people from copying numbers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from interlock.cli.exits import NOT_FOUND, Halt
from interlock.cli.session import Session

PAGES_MAX = 20


def events(session: Session, **filters: Any) -> Iterator[dict[str, Any]]:
    """Yield recorded events with their data, newest first."""
    page = session.get("/events", data="true", **filters)
    for _ in range(PAGES_MAX):
        yield from page.get("events", ())
        cursor = page.get("next_cursor")
        if not cursor:
            return
        page = session.client.get("/events", cursor=cursor, data="true", **filters)


def newest(session: Session, kind: str, **filters: Any) -> dict[str, Any] | None:
    """Return the data of the newest event of that type for which the filters hold, or None."""
    for event in events(session, type=kind, **filters):
        data = event.get("data")
        if isinstance(data, dict):
            return {**data, "recorded_at": event.get("recorded_at"), "at_position": event.get("position")}
    return None


def started(session: Session, kind: str, field: str, name: str | None, what: str, **filters: Any) -> dict[str, Any]:
    """Return the data of the event that began a piece of work: the named one, or the newest. Raises Halt."""
    for event in events(session, type=kind, **filters):
        data = event.get("data")
        if isinstance(data, dict) and (name is None or data.get(field) == name):
            return {**data, "recorded_at": event.get("recorded_at")}
    which = name or "one"
    where = ", ".join(str(value) for value in filters.values() if value)
    raise Halt(
        f"there is no {what} {which}" + (f" of {where}" if where else ""),
        code=NOT_FOUND,
        then=(("dt status", "shows what runs where"),),
    )


def held_lease(session: Session, environment: str, lease: str | None) -> dict[str, Any]:
    """Return the newest lease granted in an environment, or the named one: lease, fencing_token, subject."""
    return started(session, "LeaseGranted", "lease", lease, "lease", environment=environment)


def numbered(subject: object, letter: str) -> str:
    """Return the number in a lease's subject: "S-3" of "restore S-3 from production"."""
    found = re.search(rf"\b{letter}-\d+\b", str(subject))
    return found.group(0) if found else str(subject)
