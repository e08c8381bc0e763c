"""Over HTTP: so many clients, each with a connection that it keeps, give commands to a server in another process.

The clients are a third process, which speaks just enough HTTP/1.1 to keep a server busy.
"""

from __future__ import annotations

import asyncio
import json
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter
from urllib.parse import urlsplit
from uuid import uuid4

from bench.side_by_side.place import python
from bench.timing import Timing

START_SECONDS = 60.0


def asked_over_http(url: str, clients: int, seconds: float, token: str) -> Timing:
    """Let so many clients post for so long; `token` is empty for a server that asks for none."""
    said = json.loads(
        python("bench.side_by_side.http", url, str(clients), str(seconds), token).communicate(
            timeout=seconds * 10 + 60
        )[0]
    )
    return Timing(said["taken"], said["seconds"])


async def clients(url: str, number: int, seconds: float, token: str) -> Timing:
    """What that process does."""
    timing = Timing()
    began = perf_counter()
    await asyncio.gather(*(client(url, token, began + seconds, timing) for _ in range(number)))
    timing.seconds = perf_counter() - began
    return timing


async def client(url: str, token: str, until: float, timing: Timing) -> None:
    """Post remarks, one after the other, each under a key of its own."""
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    body = json.dumps({"target": 1, "kind": "remark", "text": "x" * 500}).encode()
    head = (
        f"POST {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\nAuthorization: Bearer {token}\r\nIdempotency-Key: "
    ).encode()
    while (at := perf_counter()) < until:
        writer.write(head + str(uuid4()).encode() + b"\r\n\r\n" + body)
        answer = await reader.readuntil(b"\r\n\r\n")
        status, length = answer.split(b" ", 2)[1], 0
        for line in answer.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                length = int(line.partition(b":")[2])
        said = await reader.readexactly(length)
        if status not in {b"200", b"201"}:
            raise RuntimeError(f"{answer.decode()}{said.decode()}")
        timing.taken.append(perf_counter() - at)
    writer.close()


@contextmanager
def empty_server(dsn: str) -> Iterator[str]:
    """Lend bench/side_by_side/empty.py as a process."""
    with socket.socket() as asked:
        asked.bind(("127.0.0.1", 0))
        port = asked.getsockname()[1]
    process = python("bench.side_by_side.empty", dsn, str(port))
    try:
        deadline = perf_counter() + START_SECONDS
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                assert perf_counter() < deadline, "the empty server does not start"
                time.sleep(0.05)
        yield f"http://127.0.0.1:{port}/"
    finally:
        process.terminate()
        process.wait(30)


if __name__ == "__main__":
    measured = asyncio.run(clients(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), sys.argv[4]))
    sys.stdout.write(json.dumps({"taken": measured.taken, "seconds": measured.seconds}))
