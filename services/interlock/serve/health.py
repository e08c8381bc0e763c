"""What a part without an API answers over HTTP: that it is alive, whether it is ready, and its figures."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import orjson
from starlette.types import Receive, Scope, Send

from interlock.api.parts import Figures
from interlock.ledger import LedgerError
from interlock.serve.figures import TEXT, of_part, text_of

JSON: Final = b"application/json"
PROBLEM: Final = b"application/problem+json"

States = Callable[[], Awaitable[Mapping[str, str]]]


async def no_figures() -> Mapping[str, float]:
    """Say that there are none."""
    return {}


class Health:
    """An ASGI application of three addresses: /health, /ready (503 where something is not ok) and /metrics."""

    def __init__(
        self, part: str, version: str, states: States, stopping: asyncio.Event, figures: Figures = no_figures
    ) -> None:
        """Answer for `part`."""
        self._part = part
        self._version = version
        self._states = states
        self._stopping = stopping
        self._figures = figures

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        del receive
        if scope["type"] != "http":
            return
        status, kind, body = await self._answer(scope["method"], scope["path"])
        headers = [(b"content-type", kind), (b"cache-control", b"no-store"), (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})

    async def _answer(self, method: str, path: str) -> tuple[int, bytes, bytes]:
        if method not in {"GET", "HEAD"}:
            return _problem(405, "method-not-allowed", "this process is only asked how it is")
        match path:
            case "/health":
                return 200, JSON, orjson.dumps({"status": "alive", "part": self._part, "version": self._version})
            case "/ready":
                return await self._ready()
            case "/metrics":
                return await self._told()
        return _problem(404, "not-found", "this process answers /health, /ready and /metrics")

    async def _told(self) -> tuple[int, bytes, bytes]:
        try:
            figures = await self._figures()
        except LedgerError as away:
            return _problem(503, "unavailable", str(away))
        return 200, TEXT, text_of(*of_part(self._part, figures))

    async def _ready(self) -> tuple[int, bytes, bytes]:
        states = dict(await self._states())
        if self._stopping.is_set():
            states["server"] = "is stopping"
        wrong = {name: state for name, state in states.items() if state != "ok"}
        if not wrong:
            return 200, JSON, orjson.dumps({"status": "ready", "part": self._part, "parts": states})
        said = "; ".join(f"{name}: {state}" for name, state in wrong.items())
        return _problem(503, "not-ready", said, parts=states)


def _problem(status: int, name: str, detail: str, **more: Any) -> tuple[int, bytes, bytes]:
    document = {"type": f"/problems/{name}", "title": name, "status": status, "detail": detail, **more}
    return status, PROBLEM, orjson.dumps(document)
