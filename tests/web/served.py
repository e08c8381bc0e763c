"""A server whose sessions are a cookie with a name in it: who signs in, and how, is tested elsewhere.

`python -m tests.web.served OPTIONS` is `python -m interlock.serve OPTIONS`, apart from that.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from http.cookies import SimpleCookie

from starlette.types import Scope

from interlock.identity import SignedIn
from interlock.serve import __main__, pages
from interlock.web.sessions.site import header

COOKIE = "interlock-tests"


class NamedSessions:
    """The cookie says `project|principal`."""

    async def session_of(self, scope: Scope) -> SignedIn | None:
        found = SimpleCookie(header(scope, b"cookie")).get(COOKIE)
        if found is None:
            return None
        project, _, principal = found.value.partition("|")
        return SignedIn(
            session=f"of-{principal}",
            project=project,
            principal=principal,
            credential=None,
            signed_in_at=datetime(2026, 1, 1, tzinfo=UTC),
            expires_at=datetime(2100, 1, 1, tzinfo=UTC),
        )


if __name__ == "__main__":
    pages.sessions_of = lambda browsers: NamedSessions()
    sys.exit(__main__.main())
