"""What reads have in common: pages put together, and the instant that "now" means under `--at`."""

from __future__ import annotations

from typing import Any

from interlock.answers.times import instant
from interlock.cli.render.times import Scene
from interlock.cli.session import Session

# A list longer than this is for `--json` and a cursor of one's own.
PAGES_MAX = 40


def all_pages(session: Session, path: str, key: str, *, at: str | None = None, **query: Any) -> dict[str, Any]:
    """Read a list to its end, at one position: later pages are asked as of the first one's."""
    whole = session.get(path, at=at, **query)
    page = whole
    for _ in range(PAGES_MAX):
        cursor = page.get("next_cursor")
        if not cursor:
            break
        page = session.client.get(path, cursor=cursor, **query)
        whole[key] = [*whole.get(key, ()), *page.get(key, ())]
    if not page.get("next_cursor"):
        whole.pop("next_cursor", None)
    whole.setdefault(key, [])
    return whole


def scene_of(session: Session, answer: dict[str, Any], at: str | None) -> Scene:
    """Return the scene of an answer: its own `now`, or the instant at which the server says that it holds."""
    from interlock.cli.instants import at_query, parse_instant

    told = instant(answer.get("now"))
    if told is None and at is not None:
        told = parse_instant(at, "--at") if not at_query(at).isdigit() else session.client.as_of
    return session.scene(told)
