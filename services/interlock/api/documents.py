"""An answer's JSON as an HTTP response, which says at which position it holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from interlock.answers.documents import accepted_document, event_document, json_bytes, rfc3339

__all__ = ["accepted_document", "answer", "event_document", "json_bytes", "rfc3339"]


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
