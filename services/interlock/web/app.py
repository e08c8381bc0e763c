"""The pages' application: the table of pages, who is signed in, JSON twins, problems as pages, and strict headers."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote

import orjson
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from interlock.identity import SignedIn
from interlock.web.actions import Acting
from interlock.web.asked import Asked, Document, moment, named, parameters, refused
from interlock.web.asking import Asker, NotAnswered, Sessions
from interlock.web.live import Live
from interlock.web.pages import (
    adjustment,
    adjustments,
    audit,
    board,
    environment,
    environments,
    event,
    metrics,
    policy,
    problem,
    problems,
    release,
    releases,
    system,
)
from interlock.web.rendering import Rendering
from interlock.web.sessions import Browsers, SigningIn
from interlock.web.sessions.own import OwnSessions
from interlock.web.sessions.shown import Shown
from interlock.web.static import Static
from interlock.web.told import TOLD, told_of

TWIN: Final = ".json"
HTML: Final = "text/html; charset=utf-8"
JSON: Final = "application/json"
# Where the page's pattern is put into the scope: whoever counts requests counts by it, never by names in addresses.
ROUTE: Final = "interlock.route"
PROBLEM: Final = "application/problem+json"
DIRECTIVES: Final = (
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data:",
    "connect-src 'self'",
    "worker-src 'self'",
    "form-action 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
)
HEADERS: Final = (
    (b"content-security-policy", "; ".join(DIRECTIVES).encode("ascii")),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
)

_LOG: Final = logging.getLogger("interlock.web")

Ask = Callable[[Asked], Awaitable[Document]]


@dataclass(frozen=True, slots=True)
class Page:
    """One page: its template is `name`.html, its address `pattern` below /p/{project}/.

    `query` is what it takes beside `at`. The first pattern that fits is the page.
    """

    name: str
    pattern: str
    ask: Ask
    query: frozenset[str] = frozenset()
    _expression: re.Pattern[str] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Compile the pattern: a name in braces stands for one part of the path."""
        expression = re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(self.pattern))
        object.__setattr__(self, "_expression", re.compile(expression))

    def match(self, path: str) -> dict[str, str] | None:
        """Return what the names in the pattern stand for; None where the path is another page's."""
        found = self._expression.fullmatch(path)
        return None if found is None else found.groupdict()


PAGES: Final = (
    Page("board", "", board.board),
    Page("releases", "releases", releases.releases, frozenset({"state", "cursor"})),
    Page("release", "releases/{name}", release.release, frozenset({"timeline", "cursor"})),
    Page("environments", "environments", environments.environments),
    Page("environment", "environments/{name}", environment.environment, frozenset({"cursor"})),
    Page("problems", "problems", problems.problems, frozenset({"state", "cursor"})),
    Page("problem", "problems/{name}", problem.problem),
    Page("adjustments", "adjustments", adjustments.adjustments, frozenset({"state", "cursor"})),
    Page("adjustment", "adjustments/{name}", adjustment.adjustment),
    Page("report", "adjustments/{name}/report", adjustment.report),
    Page("audit", "audit", audit.audit, frozenset({*audit.FIELDS, "q", "since", "until", "cursor"})),
    Page("event", "events/{position}", event.event),
    Page("metrics", "metrics", metrics.metrics, frozenset({"since", "until"})),
    Page("policy", "policy", policy.policy, policy.QUERY),
    Page("system", "system", system.system),
)
_PROJECT: Final = re.compile(r"/p/([A-Za-z0-9][A-Za-z0-9._+-]{0,63})/(.*)", re.DOTALL)


class Web:
    """The ASGI application of the pages; `api` is asked in this process, `stopping` ends open streams."""

    def __init__(
        self, api: ASGIApp, sessions: Sessions, stopping: asyncio.Event, signing_in: SigningIn, browsers: Browsers
    ) -> None:
        """Make pages of what `api` answers to whoever `sessions` knows; people become known by `signing_in`."""
        self._api = api
        self._sessions = sessions
        self._signing_in = signing_in
        self._acting = Acting(browsers)
        self._own = OwnSessions(browsers)
        self._live = Live(stopping)
        self._static = Static()
        self._rendering = Rendering(self._static.address)

    @staticmethod
    def serves(path: str) -> bool:
        """Tell whether the path is a page's; everything else is the API's."""
        return path == "/" or path.startswith(("/p/", "/static/", "/sign-in", "/sign-out"))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; nothing that happens in it leaves without the strict headers."""
        if scope["type"] != "http":
            return
        started = False

        async def send_on(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                message["headers"] = _with_headers(message["headers"])
            await send(message)

        try:
            response = await self._response(scope, receive)
            await response(scope, receive, send_on)
        except Exception:
            _LOG.exception("%s %s", scope["method"], scope["path"])
            if not started:
                problem = refused(500, "Something went wrong here", "The server's log has it. Nothing is said here.")
                await self._problem(scope, problem, None)(scope, receive, send_on)

    async def _response(self, scope: Scope, receive: Receive) -> Response:
        path = scope["path"]
        if path.startswith("/static/"):
            return self._static.response(scope)
        session = None
        try:
            session = await self._sessions.session_of(scope)
            if self._signing_in.serves(path):
                return self._shown(scope, await self._signing_in.answer(scope, receive, session), session)
            found = _PROJECT.fullmatch(path)
            for forms in (self._acting, self._own):
                if found is not None and forms.serves(found[2].removesuffix(TWIN)):
                    asker = Asker(self._api, session)
                    answer = await forms.answer(scope, receive, asker, found[1], found[2].removesuffix(TWIN))
                    return self._shown(scope, answer, session)
            if scope["method"] not in {"GET", "HEAD"}:
                raise refused(405, "This cannot be done here", f"{scope['method']} is not possible here; GET is")
            if path == "/":
                return await self._front(session)
            return await self._of_project(scope, session)
        except NotAnswered as problem:
            if problem.status == 401 and not path.endswith((TWIN, "/live")):
                return to_sign_in(scope)
            return self._problem(scope, problem, session)

    def _shown(self, scope: Scope, answer: Response | Shown, session: SignedIn | None) -> Response:
        """Return what a form's page answers: itself, or as its JSON twin."""
        if not isinstance(answer, Shown):
            return answer
        if scope["path"].endswith(TWIN):
            return Response(orjson.dumps(answer.document), answer.status, headers=_fresh(), media_type=JSON)
        page = self._rendering.page(
            answer.name,
            answer.document,
            session=session,
            address=_address(scope),
            asked=answer.asked,
            told=answer.told,
        )
        return Response(page, answer.status, headers={**answer.headers, **_fresh()}, media_type=HTML)

    async def _front(self, session: SignedIn | None) -> Response:
        """One project is shown at once; several are a list, each with its own people."""
        found = await Asker(self._api, None).get("/v1")
        projects = found["projects"]
        if len(projects) == 1:
            return RedirectResponse(f"/p/{named(projects[0])}/", 303)
        document = {"title": "Projects", "projects": projects, "test_clock": found["test_clock"]}
        return Response(self._rendering.page("projects", document, session=session), media_type=HTML)

    async def _of_project(self, scope: Scope, session: SignedIn | None) -> Response:
        found = _PROJECT.fullmatch(scope["path"])
        if found is None:
            raise refused(404, "There is no such thing", "there is no page at this address")
        project, path = found[1], found[2]
        asker = Asker(self._api, session)
        if path == "live":
            return await self._live.response(scope, asker, project, lambda: self._still(scope, session))
        twin = path.endswith(TWIN)
        path = path.removesuffix(TWIN)
        for page in PAGES:
            names = page.match(path)
            if names is not None:
                break
        else:
            raise refused(404, "There is no such thing", "there is no page at this address")
        scope[ROUTE] = f"/p/{{project}}/{page.pattern}"
        query = parameters(scope["query_string"], page.query | {"at"} | TOLD)
        told = await told_of(asker, project, query)
        shown = {name: value for name, value in query.items() if name not in TOLD}
        asked = Asked(asker, project, names, shown, moment(query.get("at")))
        document = await page.ask(asked)
        if twin:
            return Response(orjson.dumps(document), media_type=JSON, headers=_fresh())
        return Response(
            self._rendering.page(page.name, document, session=session, address=_address(scope), asked=asked, told=told),
            media_type=HTML,
            headers=_fresh(),
        )

    async def _still(self, scope: Scope, session: SignedIn | None) -> bool:
        """Tell whether the session with which a stream was opened is open: it may be ended from elsewhere."""
        now = await self._sessions.session_of(scope)
        return now is not None and session is not None and now.session == session.session

    def _problem(self, scope: Scope, problem: NotAnswered, session: SignedIn | None) -> Response:
        """A problem is a page for people; where a JSON twin or the stream was asked for, the document itself."""
        headers = {name: value for name, value in problem.headers.items() if name.lower() == "retry-after"} | _fresh()
        if scope["path"].endswith((TWIN, "/live")):
            body = orjson.dumps(problem.problem)
            return Response(body, problem.status, headers=headers, media_type=PROBLEM)
        found = _PROJECT.fullmatch(scope["path"])
        document: dict[str, Any] = {
            "title": problem.problem.get("title", "Problem"),
            "problem": problem.problem,
            "project": found[1] if found is not None else None,
        }
        page = self._rendering.page("trouble", document, session=session, address=_address(scope))
        return Response(page, problem.status, headers=headers, media_type=HTML)


def to_sign_in(scope: Scope) -> Response:
    """Return the way to signing in, and from there back to this address."""
    return RedirectResponse(f"/sign-in?next={quote(_address(scope), safe='/')}", 303, headers=_fresh())


def _fresh() -> dict[str, str]:
    # A page is of one person and one moment: whoever goes back sees what is so now.
    return {"Cache-Control": "no-store"}


def _address(scope: Scope) -> str:
    query = scope["query_string"].decode("ascii", "replace")
    return quote(scope["path"], safe="/") + (f"?{query}" if query else "")


def _with_headers(headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    return [*headers, *HEADERS]
