"""Server-sent events, read line by line (the WHATWG's `text/event-stream`, as far as the server uses it)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any


def events_of(lines: Iterable[str]) -> Iterator[dict[str, Any]]:
    """Yield each event's data, a JSON object, with `position` from its id where the data has none.

    Comments (the server's sign of life) are skipped; an event that the stream's end cuts short is
    dropped, as the standard says: whoever goes on after the last position gets it again.
    """
    data: list[str] = []
    last_id = ""
    for line in lines:
        if line == "":
            if data:
                event = json.loads("\n".join(data))
                if isinstance(event, dict):
                    if last_id.isdigit():
                        event.setdefault("position", int(last_id))
                    yield event
            data = []
            continue
        if line.startswith(":"):
            continue
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "data":
            data.append(value)
        elif field == "id":
            last_id = value
