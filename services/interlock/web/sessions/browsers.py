"""Who is signed in in the browser that asks."""

from __future__ import annotations

import re
from typing import Final

from starlette.types import Scope

from interlock.identity import SignedIn
from interlock.identity.sessions import Sessions
from interlock.ledger import LedgerError
from interlock.web.asked import refused
from interlock.web.asking import NotAnswered
from interlock.web.sessions.site import SESSION, Site, cookie, header

# A cookie's value is its secret, and the project that the session is of: a person is one of a project.
_VALUE: Final = re.compile(r"([0-9a-f]{64})\.([A-Za-z0-9][A-Za-z0-9._+-]{0,63})")


class Browsers:
    """Finds the session of a request's cookie, in the database each time: what was ended opens nothing."""

    def __init__(self, sessions: Sessions, site: Site) -> None:
        """Look among `sessions`."""
        self.sessions = sessions
        self.site = site

    async def session_of(self, scope: Scope) -> SignedIn | None:
        """Return the session that the request's cookie opens, None where it opens none. Raises NotAnswered."""
        held = self.held(scope)
        if held is None:
            return None
        secret, project = held
        # What a page fetches by itself, or a stream that is open, is nobody who does anything.
        active = header(scope, b"sec-fetch-mode") in {"", "navigate"}
        try:
            return await self.sessions.find(project, secret, active=active)
        except LedgerError as away:
            raise refused(
                503, "Interlock cannot decide now, so the answer is no", "sessions cannot be read now; try again"
            ) from away

    def held(self, scope: Scope) -> tuple[str, str] | None:
        """Return the secret and the project that the cookie holds, None where no cookie can be here."""
        try:
            here = self.site.here(scope)
        except NotAnswered:
            return None
        found = _VALUE.fullmatch(cookie(scope, here.name(SESSION)) or "")
        return None if found is None else (found[1], found[2])
