"""A real HTTP server on a real socket that answers by a script, and remembers what it was asked."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Reply = Callable[["Handler"], None]


@dataclass
class Asked:
    """One request as it arrived."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Scripted:
    """The server: `replies` are used in turn, the last one for ever."""

    url: str
    replies: list[Reply]
    asked: list[Asked] = field(default_factory=list)


class Handler(BaseHTTPRequestHandler):
    """Hand each request to the script."""

    script: Scripted

    def serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        script = self.script
        script.asked.append(Asked(self.command, self.path, dict(self.headers.items()), body))
        reply = script.replies.pop(0) if len(script.replies) > 1 else script.replies[0]
        reply(self)

    do_GET = serve  # noqa: N815 - the library's own names
    do_POST = serve  # noqa: N815

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's own name
        """Say nothing."""

    def give(self, status: int, document: Any, kind: str = "application/json", **headers: str) -> None:
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)


def gives(status: int, document: Any, kind: str = "application/json", **headers: str) -> Reply:
    return lambda handler: handler.give(status, document, kind, **headers)


def problem(name: str, status: int, **more: Any) -> Reply:
    document = {"type": f"/problems/{name}", "title": name, "status": status, **more}
    return gives(status, document, "application/problem+json")


def hangs_up(handler: Handler) -> None:
    """The answer is lost: the request was taken, and the connection ends."""
    handler.close_connection = True
    handler.connection.shutdown(2)


@contextmanager
def scripted(*replies: Reply) -> Iterator[Scripted]:
    """A server with that script, until the end of the context."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    script = Scripted(f"http://127.0.0.1:{server.server_address[1]}", list(replies))
    server.RequestHandlerClass = type("Bound", (Handler,), {"script": script})
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield script
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
