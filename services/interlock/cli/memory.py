"""What `dt` remembers between two calls, all of it in a cache: its last position, and names for completion."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from interlock.cli.settings import cache_directory, write_private

# A read after one's own change waits until the read models have it. After this long they have it anyway, or
# they lag, which `dt doctor` says better than a wait at each call.
POSITION_REMEMBERED_SECONDS = 60
NAMES_KEPT_MAX = 500


def _read(name: str) -> dict[str, Any]:
    try:
        found = json.loads((cache_directory() / name).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _write(name: str, document: dict[str, Any]) -> None:
    try:
        write_private(cache_directory() / name, json.dumps(document))
    except OSError:
        return  # A cache that cannot be written costs speed, nothing else.


def remember_position(place: str, position: int, now: datetime) -> None:
    """Note the position of a change made at `place` (server and project)."""
    document = _read("positions.json")
    document[place] = {"position": position, "at": now.timestamp()}
    _write("positions.json", document)


def last_position(place: str, now: datetime) -> int | None:
    """Return the position of the last change made there, while it is fresh."""
    entry = _read("positions.json").get(place)
    if not isinstance(entry, dict) or not isinstance(entry.get("position"), int):
        return None
    age = now.timestamp() - float(entry.get("at", 0))
    return entry["position"] if 0 <= age <= POSITION_REMEMBERED_SECONDS else None


def known_position(place: str) -> int | None:
    """Return the position of the last change made there, however long ago."""
    entry = _read("positions.json").get(place)
    found = entry.get("position") if isinstance(entry, dict) else None
    return found if isinstance(found, int) else None


def forget_position(place: str) -> None:
    """Drop the note: the server turned out to be another one."""
    document = _read("positions.json")
    if document.pop(place, None) is not None:
        _write("positions.json", document)


def remember_names(place: str, kind: str, names: Iterable[str]) -> None:
    """Keep names for completion: `kind` is release, environment, problem, person or ask."""
    document = _read("names.json")
    kinds = document.setdefault(place, {})
    fresh = sorted(set(names))[:NAMES_KEPT_MAX]
    if kinds.get(kind) != fresh:
        kinds[kind] = fresh
        _write("names.json", document)


def names(kind: str) -> list[str]:
    """Return every name of that kind seen anywhere: completion offers, it does not decide."""
    found: set[str] = set()
    for kinds in _read("names.json").values():
        if isinstance(kinds, dict):
            found.update(name for name in kinds.get(kind, ()) if isinstance(name, str))
    return sorted(found)
