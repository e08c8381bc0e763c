"""Around every request, in pure ASGI: errors, the test clock, and headers that hold for all.

(Starlette's BaseHTTPMiddleware mishandles cancellation, so there is none here.)
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable
from datetime import datetime
from typing import Final
from urllib.parse import parse_qsl

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from interlock.api.asked import AS_OF, NOW
from interlock.api.documents import rfc3339
from interlock.api.parts import Parts
from interlock.api.problems import Problem, invalid, malformed, problem_of, response_of
from interlock.api.query import instant
from interlock.events.foreign import own
from interlock.identity import NotAuthenticated, authenticate
from interlock.ledger import TestClockGoesBack

QUERY_PARAMETERS_MAX: Final = 50

_PROJECT_PATH: Final = re.compile(r"/v1/([A-Za-z0-9][A-Za-z0-9._+-]{0,63})/.")
_SETS_TIME: Final = b"interlock-now"
_DEFAULTS: Final = ((b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff"))
_LOG: Final = logging.getLogger("interlock.api")


class Edge:
    """The outermost layer of the application."""

    def __init__(self, app: ASGIApp, parts: Parts) -> None:
        """Stand around `app`."""
        self._app = app
        self._parts = parts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; a problem before the application is answered here."""
        if scope["type"] != "http":
            return
        started = False

        async def send_on(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                message["headers"] = _marked(message["headers"], scope.get(NOW), scope.get(AS_OF))
            await send(message)

        try:
            await self._before(scope)
            await self._app(scope, receive, send_on)
        except Exception as error:
            problem = problem_of(error)
            if problem.kind.name == "unexpected":
                _LOG.exception("%s %s", scope["method"], scope["path"])
            if started:
                return
            await response_of(problem)(scope, receive, send_on)

    async def _before(self, scope: Scope) -> None:
        if scope["query_string"]:
            _refuse_repeated_parameters(scope["query_string"])
        if not any(name == _SETS_TIME for name, _ in scope["headers"]):
            return
        path, headers = _PROJECT_PATH.match(scope["path"]), Headers(scope=scope)
        asked = headers.get("interlock-now")
        if path is None or asked is None:
            return
        if self._parts.advance is None:
            raise Problem(
                "no-test-clock",
                "this server's clock is the real one, and is set by nobody",
                errors=[("Interlock-Now", "only a server started with --test-clock accepts it")],
            )
        try:
            at = instant(asked)
        except ValueError as wrong:
            raise malformed("Interlock-Now", str(wrong)) from wrong
        if not await self._may_set_time(path[1], headers.get("authorization")):
            return
        try:
            await self._parts.advance(at)
        except TestClockGoesBack as back:
            raise Problem("clock-went-back", str(back), errors=[("Interlock-Now", str(back))]) from back

    async def _may_set_time(self, project: str, authorization: str | None) -> bool:
        """Tell whether the caller is known: a clock that never goes back is no stranger's to set.

        Who is not is turned away by the route. The very first instant is anybody's: nobody can be known before it.
        """
        if not own(await self._parts.ledger.heads()):
            return True
        try:
            situation = await self._parts.desk.situation(project)
            authenticate(situation, authorization, await self._parts.desk.now(project))
        except NotAuthenticated:
            return False
        return True


def _refuse_repeated_parameters(query: bytes) -> None:
    """The framework takes the last of two values, others the first: so two are none."""
    seen: set[str] = set()
    try:
        pairs = parse_qsl(
            query.decode("ascii"), keep_blank_values=True, max_num_fields=QUERY_PARAMETERS_MAX, errors="strict"
        )
    except ValueError as wrong:
        raise malformed("query", f"it cannot be read: {wrong}") from wrong
    for name, _ in pairs:
        if name in seen:
            raise invalid(name, "it is given twice")
        seen.add(name)


def _marked(
    headers: Iterable[tuple[bytes, bytes]], now: datetime | None, as_of: datetime | None
) -> list[tuple[bytes, bytes]]:
    """Return `headers` with the instants, and with what holds for every answer that says nothing else."""
    made = list(headers)
    if now is not None:
        made.append((b"interlock-now", rfc3339(now).encode("ascii")))
    if as_of is not None:
        made.append((b"interlock-as-of", rfc3339(as_of).encode("ascii")))
    said = {name for name, _ in made}
    made += [default for default in _DEFAULTS if default[0] not in said]
    return made
