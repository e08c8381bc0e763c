"""A server whose sessions are a cookie with a name in it: who signs in, and how, is tested elsewhere.

`python -m tests.web.served OPTIONS` is `python -m interlock.serve OPTIONS`, apart from that.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from http.cookies import SimpleCookie

from interlock.identity import SignedIn
from interlock.serve import __main__, pages

COOKIE = "interlock-tests"


class NamedSessions:
    """The cookie says `project|principal`."""

    async def session_of(self, cookie: str | None) -> SignedIn | None:
        found = SimpleCookie(cookie or "").get(COOKIE)
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
    pages.sessions_of = lambda ledger: NamedSessions()
    sys.exit(__main__.main())
