"""Putting a report into the evidence: asked again for a while, as every word about what happened already."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from interlock.client import OddAnswer, ProblemAnswer, ServerAway
from interlock.runners.asking import REPORT_PAUSE_SECONDS, REPORT_SECONDS, Asker, Away
from interlock.runners.failures import Refused

# `interlock.client.Client.put_evidence`: the bytes and their media type; it returns their digest.
PutEvidence = Callable[[bytes, str], str]
JSON: Final = "application/json"


async def keep(
    asker: Asker, put: PutEvidence, content: bytes, media_type: str = JSON, *, until: float | None = None
) -> str:
    """Put it, and return its digest; `until` is when the lease is over. Raises Refused, Away."""
    until = min(asker.clock() + REPORT_SECONDS, until if until is not None else float("inf"))
    while True:
        try:
            return await asyncio.to_thread(put, content, media_type)
        except (ServerAway, OddAnswer) as away:
            cause: Exception = away
        except ProblemAnswer as problem:
            if problem.status < 500:
                raise Refused(problem) from problem
            cause = problem
        if asker.clock() >= until:
            raise Away(str(cause)) from cause
        await asker.sleep(REPORT_PAUSE_SECONDS)
