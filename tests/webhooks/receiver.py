"""A real HTTP server that takes webhooks as it is told to: it answers, fails, hangs, ends the connection."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from time import monotonic, sleep
from typing import Any

import orjson
from standardwebhooks import Webhook

WAIT_SECONDS = 30.0
SECRET = "whsec_" + "c2VjcmV0IG9mIGEgdGVzdCwgcHJvdGVjdHMgbm90aGluZw=="


@dataclass
class Receiver:
    """What came, and what is answered: the next of `answers`, and 200 when there is none left.

    An answer is a status, a status with headers, "hang" or "cut".
    """

    port: int = 0
    answers: list[Any] = field(default_factory=list)
    came: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook/token-of-a-chat"

    def take(self, headers: dict[str, str], body: bytes) -> Any:
        try:
            # The independent judge: Standard Webhooks' own library.
            Webhook(SECRET).verify(body, headers)
        except Exception as why:
            self.wrong.append(f"{type(why).__name__}: {why}")
        self.came.append((headers, body))
        return self.answers.pop(0) if self.answers else 200

    @property
    def ids(self) -> list[str]:
        return [headers["webhook-id"] for headers, _ in self.came]

    @property
    def texts(self) -> list[str]:
        return [str(orjson.loads(body)["text"]) for _, body in self.came]

    def wait(self, count: int) -> None:
        """Wait until so many came."""
        until = monotonic() + WAIT_SECONDS
        while len(self.came) < count:
            assert monotonic() < until, f"{len(self.came)} of {count} came: {self.texts}"
            sleep(0.02)


@contextmanager
def receiving(*answers: Any) -> Iterator[Receiver]:
    """Lend a receiver on a free port."""
    receiver = Receiver(answers=list(answers))

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            answer = receiver.take({name.lower(): value for name, value in self.headers.items()}, body)
            if answer == "hang":
                receiver.over.wait(WAIT_SECONDS)
                answer = "cut"
            if answer == "cut":
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            status, headers = answer if isinstance(answer, tuple) else (answer, {})
            self.send_response(status)
            for name, value in {"content-length": "0", **headers}.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    receiver.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield receiver
    finally:
        receiver.over.set()
        server.shutdown()
        thread.join()
        server.server_close()
    assert receiver.wrong == []
