"""Around a server's application: how long requests take, and the address at which Prometheus asks."""

from __future__ import annotations

import hmac
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from prometheus_client import CollectorRegistry, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from interlock.api.problems import Problem, response_of
from interlock.events.seams import MonotonicClock
from interlock.serve.figures import TEXT
from interlock.web import ROUTE

PATH: Final = "/metrics"
METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
BUCKETS: Final = (0.005, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
STREAM: Final = b"text/event-stream"

_LOG: Final = logging.getLogger("interlock.requests")


def durations() -> Histogram:
    """Return the histogram of requests, in a registry of its own: two servers in one process count apart."""
    return Histogram(
        "interlock_http_request_duration_seconds",
        "From a request's first byte to its answer's last; of a stream, to its first.",
        labelnames=("method", "route", "status"),
        buckets=BUCKETS,
        registry=CollectorRegistry(),
    )


class Observed:
    """An ASGI application of one address more, which is timed."""

    def __init__(
        self,
        app: ASGIApp,
        text: Callable[[], Awaitable[bytes]],
        took: Histogram,
        monotonic: MonotonicClock,
    ) -> None:
        """Stand around `app`, and tell `text` beside it."""
        self._app = app
        self._text = text
        self._took = took
        self._monotonic = monotonic
        # What has been counted once is found again at once. Methods, templates and statuses have an end.
        self._kinds: dict[tuple[str, str, int], Histogram] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http" and scope["path"] == PATH:
            await self._tell(scope, receive, send)
            return
        began, status, done = self._monotonic(), 0, False

        def count() -> None:
            nonlocal done
            if not done and status:
                done = True
                self._count(scope, status, self._monotonic() - began)

        async def send_on(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                if _is_stream(message):
                    count()
            await send(message)

        try:
            await self._app(scope, receive, send_on)
        finally:
            count()

    def _count(self, scope: Scope, status: int, seconds: float) -> None:
        method = scope["method"] if scope["method"] in METHODS else "other"
        # A route's template, never the path: names of releases are nobody's business here, and have no end.
        route = scope.get(ROUTE) or getattr(scope.get("route"), "path", None) or "other"
        kind = (method, route, status)
        if kind not in self._kinds:
            self._kinds[kind] = self._took.labels(method, route, str(status))
        self._kinds[kind].observe(seconds)
        _LOG.info("%s %s %d %.1f ms", method, route, status, seconds * 1000)

    async def _tell(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] not in {"GET", "HEAD"}:
            problem = Problem("method-not-allowed", "the figures are only read", headers={"Allow": "GET, HEAD"})
            await response_of(problem)(scope, receive, send)
            return
        body = await self._text()
        headers = [(b"content-type", TEXT), (b"cache-control", b"no-store"), (b"content-length", b"%d" % len(body))]
        headers.append((b"x-content-type-options", b"nosniff"))
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})


def _is_stream(message: Message) -> bool:
    return any(name == b"content-type" and value.startswith(STREAM) for name, value in message["headers"])


def _authorization(scope: Scope) -> bytes:
    return next((bytes(value) for name, value in scope["headers"] if name == b"authorization"), b"")


def only_shown_to(token: str, app: ASGIApp) -> ASGIApp:
    """Return `app`, whose figures are told to whoever shows `token`, and to nobody else."""
    expected = f"Bearer {token}".encode()

    async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
        asks = scope["type"] == "http" and scope["path"] == PATH and scope["method"] in {"GET", "HEAD"}
        if asks and not hmac.compare_digest(_authorization(scope), expected):
            said = "this server's figures take the token that [server] metrics_token leads to"
            problem = Problem("not-authenticated", said, headers={"WWW-Authenticate": "Bearer"})
            await response_of(problem)(scope, receive, send)
            return
        await app(scope, receive, send)

    return guarded
