"""The JSON that goes out: instants in UTC with Z, absent members left out, facts as the codec writes them."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

import orjson

from interlock.desk import Answer
from interlock.events.codec import plain
from interlock.events.envelope import Recorded

_OPTIONS: Final = orjson.OPT_UTC_Z | orjson.OPT_PASSTHROUGH_DATACLASS


def json_bytes(document: Any) -> bytes:
    """Return `document` as JSON bytes."""
    return orjson.dumps(document, option=_OPTIONS, default=_plain)


def accepted_document(given: Answer) -> dict[str, Any]:
    """Return what an accepted command is answered with; `position` goes with it."""
    return {
        "status": given.status,
        "subject": given.subject,
        "events": [event_document(recorded) for recorded in given.recorded],
        "repeated": given.repeated,
    }


def event_document(recorded: Recorded[Any]) -> dict[str, Any]:
    """Return one event as commands' answers and the stream show it."""
    # Both times, where a past fact was reported: when it happened, and when it was recorded.
    happened = {} if recorded.occurred_at == recorded.recorded_at else {"occurred_at": recorded.occurred_at}
    return {
        "type": recorded.type,
        "position": recorded.position,
        "stream": recorded.stream,
        "version": recorded.version,
        "recorded_at": recorded.recorded_at,
        **happened,
        "by": recorded.actor.id,
        "data": plain(recorded.event),
    }


def rfc3339(instant: datetime) -> str:
    """Return an aware instant in UTC, as in 2026-11-28T09:00:00Z."""
    return instant.isoformat().replace("+00:00", "Z")


def _plain(value: Any) -> Any:
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    return plain(value)
