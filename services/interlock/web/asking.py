"""How pages ask: the API's application in this process, over no socket, as the person who is signed in.

So rights, `?at=`, errors and idempotency are the API's; web decides nothing and reads no table.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, Protocol
from urllib.parse import quote, urlencode

import orjson
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Scope

from interlock.identity import SESSION, SignedIn

# What a stream's reader has not taken yet; a reader that is slower than that holds the API's side up, which ends it.
STREAM_CHUNKS_MAX: Final = 16


class Sessions(Protocol):
    """Who is signed in in a browser."""

    async def session_of(self, scope: Scope) -> SignedIn | None:
        """Return the session that the request's cookie opens; None where it opens none. Raises NotAnswered."""


class NotAnswered(Exception):
    """the API answers with a problem document"""

    def __init__(self, status: int, problem: Mapping[str, Any], headers: Mapping[str, str]) -> None:
        """`problem` is the document as the API gave it."""
        super().__init__(str(problem.get("detail", status)))
        self.status = status
        self.problem = dict(problem)
        self.headers = dict(headers)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the API said: a JSON document with a status below 400."""

    status: int
    headers: Mapping[str, str]
    document: dict[str, Any]


class Asker:
    """Asks as one person. `session` None is nobody, whom the API turns away; `token` is how somebody becomes known."""

    def __init__(self, api: ASGIApp, session: SignedIn | None, *, token: str | None = None) -> None:
        """Ask `api`."""
        self._api = api
        self.session = session
        self._token = token

    async def get(self, path: str, query: Mapping[str, object] | None = None) -> dict[str, Any]:
        """Return the answer to GET `path`; values of `query` that are None are left out. Raises NotAnswered."""
        return (await self.ask("GET", path, query)).document

    async def post(
        self, path: str, body: Mapping[str, Any] | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Return the answer to POST `path` with `body` as JSON. Raises NotAnswered."""
        return await self.ask("POST", path, None, orjson.dumps(body) if body is not None else b"", headers)

    async def content(self, path: str) -> bytes:
        """Return the bytes that GET `path` gives, whatever they are. Raises NotAnswered."""
        exchange = _Exchange(b"")
        await self._api(self._scope("GET", path, None, b"", None), exchange.receive, exchange.send)
        if exchange.status >= 400:
            raise NotAnswered(exchange.status, orjson.loads(exchange.body), exchange.headers)
        return bytes(exchange.body)

    async def ask(
        self,
        method: str,
        path: str,
        query: Mapping[str, object] | None = None,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Return the whole answer. Raises NotAnswered."""
        exchange = _Exchange(body)
        await self._api(self._scope(method, path, query, body, headers), exchange.receive, exchange.send)
        document = orjson.loads(exchange.body) if exchange.body else {}
        if exchange.status >= 400:
            raise NotAnswered(exchange.status, document, exchange.headers)
        return Answer(exchange.status, exchange.headers, document)

    async def stream(
        self, path: str, query: Mapping[str, object] | None = None, headers: Mapping[str, str] | None = None
    ) -> AsyncGenerator[bytes, None]:
        """Yield what GET `path` streams, until it ends or this is closed. Raises NotAnswered at the beginning."""
        exchange = _Stream()
        scope = self._scope("GET", path, query, b"", headers)
        running = asyncio.ensure_future(exchange.run(self._api, scope))
        try:
            first = await exchange.chunks.get()
            if exchange.status >= 400:
                raise NotAnswered(exchange.status, orjson.loads(first or b"{}"), exchange.headers)
            chunk = first
            while chunk is not None:
                yield chunk
                chunk = await exchange.chunks.get()
        finally:
            exchange.gone.set()
            running.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await running

    def _scope(
        self,
        method: str,
        path: str,
        query: Mapping[str, object] | None,
        body: bytes,
        headers: Mapping[str, str] | None,
    ) -> Scope:
        sent = {"accept": "application/json", **(headers or {})}
        if body:
            sent |= {"content-type": "application/json", "content-length": str(len(body))}
        # The one case in which a header counts: somebody shows a token in order to be signed in by it.
        known = {SESSION: self.session if self.session is not None else _NOBODY}
        if self._token is not None:
            sent["authorization"], known = f"Bearer {self._token}", {}
        return {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": path,
            "raw_path": quote(path, safe="/").encode("ascii"),
            "root_path": "",
            "query_string": urlencode({name: str(v) for name, v in (query or {}).items() if v is not None}).encode(),
            "headers": [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in sent.items()],
            "client": None,
            "server": None,
            **known,
        }


# Also nobody is put into the scope: what stands there is never looked for in a header.
_NOBODY: Final = object()


class _Exchange:
    """One request and its whole answer."""

    def __init__(self, body: bytes) -> None:
        self._request: bytes | None = body
        self._parts: list[bytes] = []
        self._never = asyncio.Event()
        self.status = 500
        self.headers: Mapping[str, str] = {}

    @property
    def body(self) -> bytes:
        return b"".join(self._parts)

    async def receive(self) -> Message:
        if self._request is None:
            await self._never.wait()
        body, self._request = self._request or b"", None
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = Headers(raw=message["headers"])
        elif message["type"] == "http.response.body":
            self._parts.append(message.get("body", b""))


class _Stream:
    """One request whose answer goes on; None in `chunks` is its end."""

    def __init__(self) -> None:
        self.chunks: asyncio.Queue[bytes | None] = asyncio.Queue(STREAM_CHUNKS_MAX)
        self.gone = asyncio.Event()
        self.status = 500
        self.headers: Mapping[str, str] = {}
        self._asked = False

    async def run(self, app: ASGIApp, scope: Scope) -> None:
        try:
            await app(scope, self._receive, self._send)
        finally:
            if not self.gone.is_set():
                await self.chunks.put(None)

    async def _receive(self) -> Message:
        if self._asked:
            await self.gone.wait()
            return {"type": "http.disconnect"}
        self._asked = True
        return {"type": "http.request", "body": b"", "more_body": False}

    async def _send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = Headers(raw=message["headers"])
        elif message["type"] == "http.response.body" and message.get("body"):
            await self.chunks.put(message["body"])
