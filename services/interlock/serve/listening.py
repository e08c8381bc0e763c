"""The HTTP server: a socket of ours, deadlines, and an end that is soon although streams are open."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import uvicorn

from interlock.serve.protocol import HEADER_BYTES_MAX, KEEP_ALIVE_SECONDS, DeadlineProtocol
from interlock.serve.refusals import UNEXPECTED, CannotStart

# Streams end at the stop signal; what is still running after this many seconds is cancelled. The desk goes on with
# what it has, see Wiring.close.
GRACE_SECONDS: Final = 5
CONNECTIONS_WAITING_MAX: Final = 512

_LOG: Final = logging.getLogger("interlock.serve")


class HttpServer(uvicorn.Server):
    """uvicorn, whose signals are ours: it installs no handlers and re-raises nothing after its end."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to `stop_at_signals`."""
        yield


def bound_socket(host: str, port: int) -> socket.socket:
    """Return a socket at `host`:`port` (0: any free one), taken before anything else is started. Raises CannotStart."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        made = socket.socket(family, kind, protocol)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(address)
        # Two sockets may be bound to one address where neither listens yet.
        made.listen(CONNECTIONS_WAITING_MAX)
    except OSError as taken:
        raise CannotStart(
            f"address {host}:{port}",
            str(taken),
            "end what listens there, or choose another --port",
            exit_code=UNEXPECTED,
        ) from taken
    made.setblocking(False)
    return made


def url_of(bound: socket.socket) -> str:
    """Return where the socket is reached from this machine."""
    host, port = bound.getsockname()[:2]
    shown = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared, not bound
    return f"http://[{shown}]:{port}" if ":" in shown else f"http://{shown}:{port}"


def http_server(app: Any) -> HttpServer:
    """Return a server of `app` that is not started yet."""
    return HttpServer(
        uvicorn.Config(
            app,
            http=DeadlineProtocol,
            ws="none",
            lifespan="off",
            loop="asyncio",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=GRACE_SECONDS,
            h11_max_incomplete_event_size=HEADER_BYTES_MAX,
            backlog=CONNECTIONS_WAITING_MAX,
        )
    )


def stop_at_signals(server: HttpServer, stopping: asyncio.Event) -> None:
    """Let SIGTERM and SIGINT end streams first and then the server; the second one does not wait for requests."""
    loop = asyncio.get_running_loop()

    def stop() -> None:
        if stopping.is_set():
            server.force_exit = True
        _LOG.info("stopping")
        stopping.set()
        server.should_exit = True

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
