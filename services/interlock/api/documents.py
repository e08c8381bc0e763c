"""The JSON that goes out: instants in UTC with Z, absent members left out, facts as the codec writes them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import orjson
from starlette.responses import Response

from interlock.events.codec import plain
from interlock.events.envelope import Recorded

_OPTIONS: Final = orjson.OPT_UTC_Z | orjson.OPT_PASSTHROUGH_DATACLASS


def json_bytes(document: Any) -> bytes:
    """Return `document` as JSON bytes."""
    return orjson.dumps(document, option=_OPTIONS, default=_plain)


def answer(
    document: Mapping[str, Any], *, position: int, headers: Mapping[str, str] | None = None, status: int = 200
) -> Response:
    """Return an answer that holds at `position`, and says so in the body and in the header."""
    return Response(
        json_bytes({"position": position, **document}),
        status_code=status,
        media_type="application/json",
        headers={"Interlock-Position": str(position), **(headers or {})},
    )


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
