"""How pages ask the API in their own process."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from starlette.types import Receive, Scope, Send

from interlock.identity import SESSION, SignedIn
from interlock.web.asked import moment, parameters
from interlock.web.asking import STREAM_CHUNKS_MAX, Asker, NotAnswered
from interlock.web.live import _happened, min_of

ANTON = SignedIn(
    session="s-1",
    project="demo",
    principal="anton",
    credential=None,
    signed_in_at=datetime(2026, 11, 26, tzinfo=UTC),
    expires_at=datetime(2026, 11, 27, tzinfo=UTC),
)


class Echo:
    """Answers with what it was asked."""

    def __init__(self, status: int = 200) -> None:
        self.status = status
        self.scopes: list[Scope] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scopes.append(scope)
        body = (await receive())["body"].decode()
        said = {"method": scope["method"], "path": scope["path"], "query": scope["query_string"].decode(), "body": body}
        await send({"type": "http.response.start", "status": self.status, "headers": [(b"retry-after", b"7")]})
        await send({"type": "http.response.body", "body": json.dumps(said).encode(), "more_body": False})


async def test_who_asks_stands_in_the_scope_and_in_no_header() -> None:
    echo = Echo()
    await Asker(echo, ANTON).get("/v1/demo/status", {"at": None, "limit": 3})
    [scope] = echo.scopes
    assert scope[SESSION] is ANTON
    assert scope["query_string"] == b"limit=3"
    assert b"anton" not in b"".join(value for _, value in scope["headers"])


async def test_nobody_is_put_into_the_scope_too_so_that_no_header_is_asked_instead() -> None:
    echo = Echo()
    await Asker(echo, None).get("/v1/demo/status")
    assert not isinstance(echo.scopes[0][SESSION], SignedIn)
    assert echo.scopes[0][SESSION] is not None


async def test_a_body_goes_along_as_json() -> None:
    answer = await Asker(Echo(), ANTON).post("/v1/demo/commands/X", {"a": 1}, {"Idempotency-Key": "k"})
    assert answer.document["body"] == '{"a":1}'
    assert answer.headers["retry-after"] == "7"


async def test_a_problem_is_raised_with_its_document_and_headers() -> None:
    with pytest.raises(NotAnswered) as wrong:
        await Asker(Echo(409), ANTON).get("/v1/demo/x")
    assert wrong.value.status == 409
    assert wrong.value.problem["path"] == "/v1/demo/x"
    assert wrong.value.headers["retry-after"] == "7"


async def test_a_stream_that_nobody_takes_is_held_up_and_ends_with_its_reader() -> None:
    sent: list[int] = []
    ended = asyncio.Event()

    async def endless(scope: Scope, receive: Receive, send: Send) -> None:
        del scope, receive
        await send({"type": "http.response.start", "status": 200, "headers": []})
        try:
            while True:
                await send({"type": "http.response.body", "body": b"x", "more_body": True})
                sent.append(1)
        finally:
            ended.set()

    chunks = Asker(endless, ANTON).stream("/v1/demo/events/stream")
    assert await anext(chunks) == b"x"
    await asyncio.sleep(0)
    assert len(sent) <= STREAM_CHUNKS_MAX + 2
    await chunks.aclose()
    await asyncio.wait_for(ended.wait(), 10)


async def test_a_stream_that_is_refused_says_so_before_it_begins() -> None:
    with pytest.raises(NotAnswered):
        await anext(Asker(Echo(401), ANTON).stream("/v1/demo/events/stream"))


@pytest.mark.parametrize(
    "typed, asked",
    [
        (None, None),
        ("  ", None),
        ("15,002", "15002"),
        ("@15002", "15002"),
        ("2026-11-14 10:30", "2026-11-14T10:30:00Z"),
        ("2026-11-14T10:30", "2026-11-14T10:30:00Z"),
        ("2026-11-14 10:30:07 GMT", "2026-11-14T10:30:07Z"),
        ("2026-11-14", "2026-11-14T00:00:00Z"),
        ("2026-11-14T10:30:00+01:00", "2026-11-14T10:30:00+01:00"),
        ("2026-13-14", "2026-13-14"),
        ("next week", "next week"),
    ],
)
def test_a_moment_is_taken_as_people_type_it_and_means_gmt(typed: str | None, asked: str | None) -> None:
    assert moment(typed) == asked


@pytest.mark.parametrize("query", [b"at=%ff", b"colour=1", b"at=1&at=2", b"=", b"&".join([b"at=1"] * 60)])
def test_parameters_that_are_wrong_are_refused(query: bytes) -> None:
    with pytest.raises(NotAnswered) as wrong:
        parameters(query, frozenset({"at"}))
    assert wrong.value.status in {400, 422}


def test_what_the_api_streams_becomes_a_word_that_something_is_new() -> None:
    frame = (
        b'id: 7\nevent: ProblemReported\ndata: {"type":"ProblemReported","position":7,"stream":"problem/P-1","data":{}}'
    )
    name, data = told(frame)
    assert name == "happened"
    assert data == {"position": 7, "type": "ProblemReported", "stream": "problem/P-1"}
    # What is filtered out still moves the id on; a sign of life is no news.
    assert told(b"id: 9") == ("happened", {"position": 9})
    assert _happened(b": alive") == b""
    assert _happened(b"retry: 1000") == b""


def told(frame: bytes) -> tuple[str, Any]:
    lines = dict(line.split(": ", 1) for line in _happened(frame).decode().strip().splitlines())
    return lines["event"], json.loads(lines["data"])


def test_a_last_id_that_is_no_position_means_from_now_on() -> None:
    assert min_of("17", 40) == "17"
    for odd in (None, "", "-1", "x", "9" * 30, "１"):
        assert min_of(odd, 40) == "40"
