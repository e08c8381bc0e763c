"""Sessions as people see them: one's own, each with an end to it, and for auditors what a provider signed for one."""

from __future__ import annotations

import base64
import re
from typing import Final

import orjson
from starlette.responses import Response
from starlette.types import Receive, Scope

from interlock.events.envelope import VOUCHED
from interlock.identity import userinfo
from interlock.ledger import LedgerError
from interlock.web.asked import Asked, Document, named, parameters, refused
from interlock.web.asking import Asker
from interlock.web.frame import frame_of
from interlock.web.sessions.browsers import Browsers
from interlock.web.sessions.refusals import of_this_session
from interlock.web.sessions.shown import Shown, gone_to
from interlock.web.sessions.site import SESSION, form_from_here
from interlock.web.told import TOLD, told_of

PATH: Final = "sessions"
# Who may see what an identity provider signed about somebody else.
AUDITING: Final = frozenset({"auditor", "administrator"})
_ONE: Final = re.compile(rf"{PATH}/({VOUCHED}[0-9a-f]{{32}})")
_BROWSERS: Final = re.compile(r"(Firefox|Edg|OPR|HeadlessChrome|Chrome|Version)/(\d+)")
_NAMES: Final = {"Edg": "Edge", "OPR": "Opera", "HeadlessChrome": "Chrome", "Version": "Safari"}
_SYSTEMS: Final = re.compile(r"Windows|Android|iPhone|iPad|Mac OS X|Linux(?!.*Android)")


class OwnSessions:
    """The pages /p/{project}/sessions and /p/{project}/sessions/{name}."""

    def __init__(self, browsers: Browsers) -> None:
        """Show and end `browsers`' sessions."""
        self._browsers = browsers

    @staticmethod
    def serves(path: str) -> bool:
        """Tell whether `path`, below the project, is one of these pages."""
        return path == PATH or _ONE.fullmatch(path) is not None

    async def answer(self, scope: Scope, receive: Receive, asker: Asker, project: str, path: str) -> Response | Shown:
        """Answer one request. Raises NotAnswered."""
        query = parameters(scope["query_string"], TOLD)
        asked = Asked(asker, project, {}, query)
        frame = await frame_of(asked)
        session = asker.session
        assert session is not None
        one = _ONE.fullmatch(path)
        if scope["method"] == "POST" and one is None:
            here = self._browsers.site.here(scope)
            form = await form_from_here(scope, receive, here)
            of_this_session(form, session)
            ended = form.one("session")
            await self._browsers.sessions.end(project, ended, session.principal, because="ended by its person")
            if ended == session.session:
                return gone_to("/sign-in", here.forget(SESSION))
            return gone_to(f"/p/{named(project)}/{PATH}")
        if scope["method"] not in {"GET", "HEAD"}:
            raise refused(405, "This cannot be done here", f"{scope['method']} is not possible here")
        if one is not None:
            return Shown("one_session", await self._one(project, one[1], frame), asked=asked)
        return Shown(
            "sessions",
            {
                "title": "Your sessions",
                "frame": frame,
                "sessions": await self._listed(project, session.principal, session.session),
            },
            asked=asked,
            told=await told_of(asker, project, query),
        )

    async def _one(self, project: str, name: str, frame: Document) -> Document:
        """Return what opened a session. Raises NotAnswered where it is kept no more, or is not for the reader."""
        found = await self._browsers.sessions.proof(project, name)
        me = frame["me"]
        if found is None or not (found["principal"] == me["principal"] or AUDITING & set(me["roles"])):
            raise refused(
                404,
                "There is no such thing",
                "no such session is kept, or it is not yours; an auditor or an administrator sees each",
            )
        statement, told = userinfo.parts(str(found["proof"]))
        return {
            "title": "Session",
            "frame": frame,
            "shown": {"session": name, **found},
            "claims": _claims(statement),
            "beside": orjson.loads(told) if told else {},
        }

    async def _listed(self, project: str, principal: str, this: str) -> list[Document]:
        try:
            found = await self._browsers.sessions.of(project, principal)
        except LedgerError as away:
            raise refused(503, "Interlock cannot decide now, so the answer is no", "try again in a moment") from away
        return [
            {
                "session": each.session,
                "this": each.session == this,
                "browser": browser_of(each.user_agent),
                "user_agent": each.user_agent,
                "credential": each.credential,
                "begun_at": each.begun_at,
                "seen_at": each.seen_at,
                "ends_at": each.expires_at,
            }
            for each in found
        ]


def browser_of(user_agent: str) -> str:
    """Return what a browser calls itself, in few words."""
    browsers = dict(_BROWSERS.findall(user_agent))
    system = _SYSTEMS.search(user_agent)
    # Each claims to be the ones before it, too.
    name = next(
        (each for each in ("Edg", "OPR", "Firefox", "HeadlessChrome", "Chrome", "Version") if each in browsers), ""
    )
    told = f"{_NAMES.get(name, name)} {browsers[name]}" if name else "a browser"
    return f"{told} on {system[0].replace('Mac OS X', 'macOS')}" if system is not None else told


def _claims(statement: str) -> Document:
    """Return what the statement says, for reading; empty where it cannot be read."""
    part = statement.split(".")[1] if statement.count(".") == 2 else ""
    try:
        claims = orjson.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except ValueError:
        return {}
    return claims if isinstance(claims, dict) else {}
