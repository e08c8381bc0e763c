"""A server is told to stop with streams open and commands under way, and streams whose readers take nothing."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from time import monotonic
from urllib.parse import urlsplit
from uuid import uuid4

import httpx2
import pytest

from tests.fixtures.server import Served, serving, token_of

pytestmark = pytest.mark.timeout(300)

STREAMS = 100
COMMANDS = 50
# Streams end at once, requests get 5 s of grace, the database's connections are given back.
STOP_SECONDS = 30.0
SLOW_READERS = 20
# Together 1.6 MB, twenty times what a connection may hold back before its stream waits.
REMARKS, AT_ONCE = 400, 25
TEXT = "x" * 4_000
# What a reader that takes nothing may cost this process: pages that are shared, and what waits to be sent.
MEMORY_BYTES_EACH = 500_000
ANSWERED_SECONDS = 15.0


def headers(server: Served) -> dict[str, str]:
    assert server.now is not None
    return {"Authorization": f"Bearer {token_of('anton')}", "Interlock-Now": server.now.isoformat()}


@asynccontextmanager
async def stream(server: Served, *, receive_bytes: int | None = None) -> AsyncIterator[asyncio.StreamReader]:
    """An open event stream, from the first event on, whose answer's head was read."""
    address = urlsplit(server.url)
    assert address.hostname is not None
    made = socket.socket()
    if receive_bytes is not None:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
    made.setblocking(False)
    await asyncio.get_running_loop().sock_connect(made, (address.hostname, address.port))
    reader, writer = await asyncio.open_connection(sock=made, limit=4_096)
    lines = [f"{name}: {value}" for name, value in {**headers(server), "Last-Event-ID": "0"}.items()]
    request = "\r\n".join([f"GET /v1/{server.project}/events/stream HTTP/1.1", "Host: here", *lines, "", ""])
    writer.write(request.encode())
    await writer.drain()
    head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200")
    try:
        yield reader
    finally:
        writer.transport.abort()


async def to_its_end(reader: asyncio.StreamReader) -> bytes:
    """Read a stream until the server ends it; return its last bytes."""
    last = b""
    while piece := await reader.read(65_536):
        last = (last + piece)[-5:]
    return last


async def command(client: httpx2.AsyncClient, server: Served, key: str, text: str) -> int | None:
    """Give a remark; return its position, None where no answer came or the server said that it is stopping."""
    try:
        answer = await client.post(
            f"{server.url}/v1/{server.project}/commands/Annotate",
            json={"target": 1, "kind": "remark", "text": text},
            headers={**headers(server), "Idempotency-Key": key},
        )
    except httpx2.TransportError:
        return None
    if answer.status_code == 200:
        return int(answer.json()["position"])
    assert answer.status_code == 503, answer.text
    return None


async def test_with_a_hundred_streams_and_fifty_commands_under_way_it_ends_soon_and_every_command_is_there_once(
    server: Served,
) -> None:
    keys = [(str(uuid4()), f"under way {number}") for number in range(COMMANDS)]
    async with AsyncExitStack() as stack:
        readers = [await stack.enter_async_context(stream(server)) for _ in range(STREAMS)]
        ending = [asyncio.create_task(to_its_end(reader)) for reader in readers]
        async with httpx2.AsyncClient(timeout=STOP_SECONDS, limits=httpx2.Limits(max_connections=COMMANDS)) as client:
            giving = [asyncio.create_task(command(client, server, *each)) for each in keys]
            # Some are answered, most are on their way.
            await asyncio.wait(giving, return_when=asyncio.FIRST_COMPLETED)
            server.process.send_signal(signal.SIGTERM)
            began = monotonic()
            assert await asyncio.to_thread(server.process.wait, STOP_SECONDS) == 0
            print(f"ended after {monotonic() - began:.1f} s")
            positions = await asyncio.gather(*giving)
        # Each stream was ended, and not cut: its last chunk says so.
        assert set(await asyncio.gather(*ending)) == {b"0\r\n\r\n"}
    # Nobody's request was cut off with a traceback.
    assert "Cancel" not in server.config.with_name("server.log").read_text(encoding="utf-8")
    assert any(position is not None for position in positions)
    print(f"{sum(position is None for position in positions)} of {COMMANDS} were not answered")
    with serving(server.config, "--test-clock") as again:
        again.now = server.now
        found = [
            again["anton"].command("Annotate", {"target": 1, "kind": "remark", "text": text}, idempotency_key=key)
            for key, text in keys
        ]
        for position, answer in zip(positions, found, strict=True):
            assert position in {None, answer["position"]}
        stored = again["anton"].get("/events/stored", after=0, limit=500)["events"]
    texts = [json.loads(body)["data"].get("text") for body in stored]
    assert sorted(text for text in texts if text and text.startswith("under way")) == sorted(text for _, text in keys)


def memory_of(pid: int) -> int:
    """Bytes that the process has in memory."""
    return int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]) * 4_096


@pytest.mark.faults
async def test_readers_who_take_nothing_cost_others_nothing_and_the_server_a_bounded_piece_of_memory(
    server: Served,
) -> None:
    async with AsyncExitStack() as stack, httpx2.AsyncClient(timeout=ANSWERED_SECONDS) as client:
        for _ in range(SLOW_READERS):
            await stack.enter_async_context(stream(server, receive_bytes=4_096))
        quick = await stack.enter_async_context(stream(server))
        for _ in range(10):
            assert await command(client, server, str(uuid4()), f"{uuid4()}") is not None
        before = memory_of(server.process.pid)
        seen = asyncio.create_task(quick.readuntil(b"the last one"))
        quick._limit = 2**24  # type: ignore[attr-defined]
        for first in range(0, REMARKS, AT_ONCE):
            texts = [f"{number} {TEXT}"[:4_000] for number in range(first, first + AT_ONCE)]
            given = await asyncio.gather(*(command(client, server, str(uuid4()), text) for text in texts))
            assert None not in given
        assert await command(client, server, str(uuid4()), "the last one") is not None
        await asyncio.wait_for(seen, ANSWERED_SECONDS)
        grown = memory_of(server.process.pid) - before
        print(f"{grown / SLOW_READERS / 1_000:.0f} kB for each of {SLOW_READERS} slow readers")
        assert grown < SLOW_READERS * MEMORY_BYTES_EACH
        # And it ends although they take nothing.
        server.process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(server.process.wait, STOP_SECONDS) == 0
