"""A stream ends with its session at once, not at its next sign of life."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from typing import Any

from interlock.identity import SignedIn
from interlock.web.live import CLOCK_SECONDS, Live

NOW = "2026-11-26T14:05:00Z"


class Answers:
    """What the API says while nothing happens."""

    def __init__(self, session: SignedIn) -> None:
        self.session = session

    async def get(self, _path: str, _query: object = None) -> dict[str, Any]:
        return {"position": 7, "now": NOW, "test_clock": False}

    async def stream(self, _path: str, _query: object = None) -> AsyncGenerator[bytes, None]:
        yield b"retry: 1000\n\n"
        await asyncio.Event().wait()


async def test_a_stream_ends_when_its_session_does_and_says_so() -> None:
    at = datetime(2026, 11, 26, tzinfo=UTC)
    session = SignedIn(session="s", project="demo", principal="qa-1", credential="K-1", signed_in_at=at, expires_at=at)

    async def still() -> bool:
        return True

    live = Live(asyncio.Event())
    scope: Any = {"headers": [], "query_string": b""}
    answers: Any = Answers(session)
    response: Any = await live.response(scope, answers, "demo", still)
    told = response.body_iterator
    async with asyncio.timeout(CLOCK_SECONDS - 5):
        first = [await anext(told) for _ in range(2)]
        assert b"event: clock" in first[1]
        waiting = asyncio.ensure_future(anext(told))
        await asyncio.sleep(0)
        assert not waiting.done()
        session.ended.set()
        assert b"event: over" in await waiting
        assert [each async for each in told] == []
