"""One event: its bytes as they are stored, what led to it, what followed from it, and its forms on the wire."""

from __future__ import annotations

import asyncio
import hashlib
import json
from typing import Any

from interlock.events.cloudevents import STRUCTURED_CONTENT_TYPE, kafka_headers, structured
from interlock.events.codec import decode
from interlock.web.asked import Asked, Document, named, refused
from interlock.web.frame import framed


async def event(asked: Asked) -> Document:
    """Return all about the event. Raises NotAnswered."""
    position = asked.path["position"]
    if not (position.isascii() and position.isdigit()):
        raise refused(404, "There is no such thing", "an event is named by its position, as in /events/15002")
    (frame, _), found = await asyncio.gather(framed(asked), asked.get(f"/events/{named(position)}"))
    recorded = found["event"]
    stored = recorded["stored"].encode("utf-8")
    return {
        "title": f"Event {int(position):,}",
        "section": "audit",
        "frame": frame,
        "event": recorded,
        "lines": json.dumps(json.loads(stored), indent=2, ensure_ascii=False),
        "bytes": len(stored),
        "digest": "sha256:" + hashlib.sha256(stored).hexdigest(),
        "forms": _forms(stored),
        "question": f"/v1/{named(asked.project)}/events/{int(position)}",
    }


def _forms(stored: bytes) -> dict[str, Any]:
    """Return it as a CloudEvent, in one piece and as headers beside the stored bytes."""
    whole = json.loads(structured(decode(stored)))
    return {
        "structured_type": STRUCTURED_CONTENT_TYPE,
        # The data is the stored bytes, which are shown above.
        "structured": json.dumps({**whole, "data": "the stored bytes"}, indent=2, ensure_ascii=False),
        "kafka": {name: value.decode("utf-8") for name, value in kafka_headers(stored).items()},
    }
