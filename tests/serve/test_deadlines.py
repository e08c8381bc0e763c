"""What arrives or is taken slowly, or not at all, is not held: headers, bodies, answers, silent connections."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

import pytest_asyncio
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from interlock.api import bodies
from interlock.api.problems import Problem, response_of
from interlock.serve.listening import bound_socket, http_server
from interlock.serve.protocol import DeadlineProtocol
from interlock.serve.together import Together

SHORT_SECONDS = 0.3
# So long a slow reader waits before it takes something again: of what the system holds back, that is some hundred kB.
SLOW_SECONDS = SHORT_SECONDS / 20
# More turns of a loop than anything takes here.
TURNS = 20


# More than all buffers between the server and its reader hold.
LONG_BYTES = 32 * 1024 * 1024


class Hasty(DeadlineProtocol):
    header_seconds = SHORT_SECONDS
    send_seconds = SHORT_SECONDS
    rest_seconds = SHORT_SECONDS
    # When a reader was waited for, and when he had taken enough.
    waited: ClassVar[list[float]] = []

    def pause_writing(self) -> None:
        self.waited.append(self.loop.time())
        super().pause_writing()

    def resume_writing(self) -> None:
        self.waited.append(self.loop.time())
        super().resume_writing()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(Counting(transport))


class Counting(Together):
    """The connection itself, which counts what is handed to it."""

    writes = 0

    def __init__(self, transport: asyncio.Transport) -> None:
        super().__init__(transport, asyncio.get_running_loop())

    def write(self, data: Any) -> None:
        Counting.writes += 1
        self._transport.write(data)


async def pieces(request: Request) -> Response:
    """As many bytes as are asked for, in pieces, and between them as many milliseconds; `ended` tells how it went."""
    size, pause = int(request.query_params["bytes"]), int(request.query_params["pause"]) / 1000
    ended: asyncio.Queue[str] = request.app.state.ended

    async def made() -> AsyncIterator[bytes]:
        try:
            for _ in range(0, size, 65_536):
                yield b"x" * min(size, 65_536)
                await asyncio.sleep(pause)
        except BaseException:
            ended.put_nowait("cut")
            raise
        ended.put_nowait("whole")

    return StreamingResponse(made())


async def hello(_request: Request) -> Response:
    return PlainTextResponse("hello")


async def body(request: Request) -> Response:
    seconds = float(request.query_params.get("seconds", SHORT_SECONDS))
    try:
        content = await bodies.body_bytes(request, limit=1000, seconds=seconds)
    except Problem as problem:
        return response_of(problem)
    return PlainTextResponse(str(len(content)))


@pytest_asyncio.fixture
async def ended() -> asyncio.Queue[str]:
    """How each answer in pieces ended."""
    return asyncio.Queue()


@pytest_asyncio.fixture
async def port(ended: asyncio.Queue[str]) -> AsyncIterator[int]:
    routes = [Route("/", hello), Route("/body", body, methods=["POST"]), Route("/pieces", pieces)]
    app = Starlette(routes=routes)
    app.state.ended = ended
    server = http_server(app)
    server.config.http = Hasty
    bound = bound_socket("127.0.0.1", 0)
    serving = asyncio.create_task(server.serve(sockets=[bound]))
    yield bound.getsockname()[1]
    server.should_exit = True
    await serving


async def said(port: int, *pieces: bytes) -> bytes:
    """Send pieces, keep the connection open, and return everything until the server closes it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for piece in pieces:
        writer.write(piece)
        await writer.drain()
    answer = await asyncio.wait_for(reader.read(), 30)
    writer.close()
    return answer


def problem_in(answer: bytes) -> tuple[int, str]:
    head, _, document = answer.partition(b"\r\n\r\n")
    assert b"application/problem+json" in head
    return int(head.split()[1]), json.loads(document)["type"]


async def test_a_silent_connection_is_closed(port: int) -> None:
    assert problem_in(await said(port)) == (408, "/problems/too-slow")


async def test_headers_that_do_not_end_are_not_waited_for(port: int) -> None:
    assert problem_in(await said(port, b"GET / HTTP/1.1\r\nHost: x\r\n")) == (408, "/problems/too-slow")


async def test_headers_that_do_not_end_after_a_first_request_are_not_waited_for_either(port: int) -> None:
    answer = await said(port, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"GET / HTTP/1.1\r\nHo")
    assert answer.count(b"hello") == 1
    assert b"HTTP/1.1 408" in answer


async def test_headers_without_end_are_too_many(port: int) -> None:
    assert problem_in(await said(port, b"GET / HTTP/1.1\r\nX: " + b"x" * 100_000))[0] == 400


async def test_what_is_no_http_gets_a_problem_document(port: int) -> None:
    assert problem_in(await said(port, b"\x16\x03\x01\x02\x00\r\n\r\n")) == (400, "/problems/malformed")


async def test_a_body_that_does_not_end_is_not_waited_for(port: int) -> None:
    head = b"POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n"
    assert problem_in(await said(port, head, b"12")) == (408, "/problems/too-slow")


async def test_a_body_that_is_announced_too_large_is_not_read(port: int) -> None:
    head = b"POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\n"
    assert problem_in(await said(port, head)) == (413, "/problems/too-large")


async def test_a_body_that_grows_too_large_is_not_read_on(port: int) -> None:
    head = b"POST /body HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert problem_in(await said(port, head, *[b"64\r\n" + b"x" * 100 + b"\r\n"] * 20)) == (413, "/problems/too-large")


@contextmanager
def by_hand() -> Iterator[Callable[[float], Awaitable[None]]]:
    """Let time pass for this loop only where it is told to: however slow the machine is, nobody is late by that."""
    loop = asyncio.get_running_loop()
    real, now = loop.time, loop.time()

    async def passes(seconds: float) -> None:
        nonlocal now
        now += seconds
        # What is due by now is done, and what comes of it.
        for _ in range(TURNS):
            await asyncio.sleep(0)

    loop.time = lambda: now  # type: ignore[method-assign]
    try:
        yield passes
    finally:
        # Time never goes back.
        ahead = max(0.0, now - real())
        loop.time = lambda: real() + ahead  # type: ignore[method-assign]


UNREAD = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n"


async def test_the_rest_of_a_request_that_was_answered_early_is_not_waited_for(port: int) -> None:
    assert (await said(port, UNREAD, b"12")).startswith(b"HTTP/1.1 405")


async def test_whoever_sends_the_rest_has_the_answer_and_is_served_again(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    with by_hand() as passes:
        for _ in range(3):
            writer.write(UNREAD)
            await reader.readuntil(b"Method Not Allowed\r\n")
            # The answer is there, and only then the body comes: a connection closed by now would lose what is read
            # next.
            writer.write(b"12345")
            await reader.readuntil(b"Method Not Allowed")
            writer.write(b"67890GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            await reader.readuntil(b"hello")
        # The time that was given to a rest which came is over, and ends nothing.
        await passes(SHORT_SECONDS * 2)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        await reader.readuntil(b"hello")
    writer.close()


async def test_a_body_may_take_its_own_time_behind_a_request_that_came_along_with_its_head(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    first = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
    with by_hand() as passes:
        writer.write(first + b"POST /body?seconds=30 HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n12345")
        await reader.readuntil(b"hello")
        await passes(SHORT_SECONDS * 2)
        writer.write(b"67890")
        answer = await reader.readuntil(b"\r\n\r\n10")
    assert answer.startswith(b"HTTP/1.1 200")
    writer.close()


async def test_whoever_is_in_time_is_served_again_and_again(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    with by_hand() as passes:
        for _ in range(5):
            writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            answer = await reader.readuntil(b"hello")
            assert answer.startswith(b"HTTP/1.1 200")
            await passes(SHORT_SECONDS * 1.2)
    writer.close()


async def test_a_reader_that_takes_nothing_loses_the_connection_and_the_answer_ends(
    port: int, ended: asyncio.Queue[str]
) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
    writer.write(b"GET /pieces?bytes=%d&pause=0 HTTP/1.1\r\nHost: x\r\n\r\n" % LONG_BYTES)
    assert await asyncio.wait_for(ended.get(), 30) == "cut"
    writer.close()


async def test_a_slow_reader_that_goes_on_taking_gets_everything(port: int, ended: asyncio.Queue[str]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
    Hasty.waited.clear()
    with by_hand() as passes:
        writer.write(b"GET /pieces?bytes=%d&pause=0 HTTP/1.1\r\nHost: x\r\n\r\n" % (LONG_BYTES // 2))
        await passes(SHORT_SECONDS / 4)
        taken = 0
        while taken < LONG_BYTES // 2:
            piece = await reader.read(1024 * 1024)
            assert piece, f"cut after {taken} bytes"
            taken += len(piece)
            await passes(SLOW_SECONDS)
        assert await ended.get() == "whole"
    # Slower in all than a reader may be at once.
    assert Hasty.waited[-1] - Hasty.waited[0] > SHORT_SECONDS
    writer.close()


async def test_an_answers_head_and_body_leave_as_one(port: int) -> None:
    Counting.writes = 0
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for _ in range(5):
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        await asyncio.wait_for(reader.readuntil(b"hello"), 30)
    assert Counting.writes == 5
    writer.close()


async def test_what_is_kept_to_leave_together_never_waits_for_the_rest_of_an_answer(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    # The end of the answer is an hour away.
    writer.write(b"GET /pieces?bytes=1000&pause=3600000 HTTP/1.1\r\nHost: x\r\n\r\n")
    assert (await asyncio.wait_for(reader.readexactly(15), 30)).startswith(b"HTTP/1.1 200")
    assert b"xxxx" in await asyncio.wait_for(reader.read(100_000), 30)
    writer.close()
