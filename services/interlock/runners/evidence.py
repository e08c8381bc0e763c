"""Putting a report into the evidence: asked again for a while, as every word about what happened already."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from interlock.runners.asking import Asker

# `interlock.client.Client.put_evidence`: the bytes and their media type; it returns their digest.
PutEvidence = Callable[[bytes, str], str]
JSON: Final = "application/json"


async def keep(
    asker: Asker, put: PutEvidence, content: bytes, media_type: str = JSON, *, until: float | None = None
) -> str:
    """Put it, and return its digest; `until` is when the lease is over. Raises Refused, Away."""
    return await asker.patiently(lambda: asker.call(put, content, media_type), until)
