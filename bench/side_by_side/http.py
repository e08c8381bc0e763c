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


def asked_over_http(url: str, clients: int, seconds: float, token: str, together: int = 0) -> Timing:
    """Let so many clients post for so long; `token` is empty for a server that asks for none.

    `together` is how many commands a request has, 0 where it is one command.
    """
    process = python("bench.side_by_side.http", url, str(clients), str(seconds), token, str(together))
    said = json.loads(process.communicate(timeout=seconds * 10 + 60)[0])
    return Timing(said["taken"], said["seconds"])


async def clients(url: str, number: int, seconds: float, token: str, together: int) -> Timing:
    """What that process does."""
    timing = Timing()
    began = perf_counter()
    await asyncio.gather(*(client(url, token, began + seconds, timing, together) for _ in range(number)))
    timing.seconds = perf_counter() - began
    return timing


def body_of(together: int) -> bytes:
    """Return a remark, or so many of them, each under an id of its own."""
    remark = {"target": 1, "kind": "remark", "text": "x" * 500}
    if not together:
        return json.dumps(remark).encode()
    given = [{"command": "Annotate", "id": str(uuid4()), "fields": remark} for _ in range(together)]
    return json.dumps({"commands": given}).encode()


async def client(url: str, token: str, until: float, timing: Timing, together: int) -> None:
    """Post remarks, one after the other or so many together, each under a key of its own."""
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    single = body_of(0)
    while (at := perf_counter()) < until:
        body = body_of(together) if together else single
        head = (
            f"POST {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\nAuthorization: Bearer {token}\r\nIdempotency-Key: {uuid4()}\r\n\r\n"
        )
        writer.write(head.encode() + body)
        answer = await reader.readuntil(b"\r\n\r\n")
        status, length = answer.split(b" ", 2)[1], 0
        for line in answer.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                length = int(line.partition(b":")[2])
        said = await reader.readexactly(length)
        if status not in {b"200", b"201"}:
            raise RuntimeError(f"{answer.decode()}{said.decode()}")
        if together and said.count(b'"answer":') != together:
            raise RuntimeError(said.decode())
        timing.taken += [perf_counter() - at] * (together or 1)
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
    measured = asyncio.run(clients(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), sys.argv[4], int(sys.argv[5])))
    sys.stdout.write(json.dumps({"taken": measured.taken, "seconds": measured.seconds}))
