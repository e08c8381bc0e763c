"""One's own sessions: in which browsers one is signed in, since when, and an end to any of them."""

from __future__ import annotations

import hmac
from typing import Final

from starlette.responses import Response
from starlette.types import Receive, Scope

from interlock.ledger import LedgerError
from interlock.web.asked import Asked, Document, named, parameters, refused
from interlock.web.asking import Asker
from interlock.web.forms import form_of
from interlock.web.frame import frame_of
from interlock.web.sessions.browsers import Browsers
from interlock.web.sessions.shown import Shown, gone_to
from interlock.web.sessions.signing_in import old_form
from interlock.web.sessions.site import SESSION, from_a_page_of_ours
from interlock.web.told import TOLD, told_of

PATH: Final = "sessions"


class OwnSessions:
    """The page /p/{project}/sessions."""

    def __init__(self, browsers: Browsers) -> None:
        """Show and end `browsers`' sessions."""
        self._browsers = browsers

    @staticmethod
    def serves(path: str) -> bool:
        """Tell whether `path`, below the project, is this page."""
        return path == PATH

    async def answer(self, scope: Scope, receive: Receive, asker: Asker, project: str, path: str) -> Response | Shown:
        """Answer one request. Raises NotAnswered."""
        del path
        query = parameters(scope["query_string"], TOLD)
        asked = Asked(asker, project, {}, query)
        frame = await frame_of(asked)
        session = asker.session
        assert session is not None
        if scope["method"] == "POST":
            here = self._browsers.site.here(scope)
            from_a_page_of_ours(scope, here)
            form = await form_of(scope, receive)
            if not hmac.compare_digest(form.one("csrf").encode(), session.csrf.encode()):
                raise old_form()
            ended = form.one("session")
            await self._browsers.sessions.end(project, ended, session.principal, because="ended by its person")
            if ended == session.session:
                return gone_to("/sign-in", here.forget(SESSION))
            return gone_to(f"/p/{named(project)}/{PATH}")
        if scope["method"] not in {"GET", "HEAD"}:
            raise refused(405, "This cannot be done here", f"{scope['method']} is not possible here")
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

    async def _listed(self, project: str, principal: str, this: str) -> list[Document]:
        try:
            found = await self._browsers.sessions.of(project, principal)
        except LedgerError as away:
            raise refused(503, "Interlock cannot decide now, so the answer is no", "try again in a moment") from away
        return [
            {
                "session": each.session,
                "this": each.session == this,
                "user_agent": each.user_agent,
                "credential": each.credential,
                "begun_at": each.begun_at,
                "seen_at": each.seen_at,
                "ends_at": each.expires_at,
            }
            for each in found
        ]
