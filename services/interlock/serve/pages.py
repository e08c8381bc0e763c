"""Pages and API as one application: the pages ask the API in this process, as whoever is signed in."""

from __future__ import annotations

import asyncio

from starlette.types import ASGIApp, Receive, Scope, Send

from interlock.identity import SignedIn
from interlock.ledger import Ledger
from interlock.web import Sessions, Web


class NobodySignedIn:
    """No way to sign in: every page leads to the sign-in, and only the API answers."""

    async def session_of(self, cookie: str | None) -> SignedIn | None:
        """Return that it is nobody's."""
        del cookie
        return None


def sessions_of(ledger: Ledger) -> Sessions:
    """Return who is signed in, over the database of `ledger`."""
    del ledger
    return NobodySignedIn()


class Front:
    """What listens: pages at the pages' addresses, the API everywhere else."""

    def __init__(self, api: ASGIApp, web: Web) -> None:
        """Stand before both."""
        self._api = api
        self._web = web

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand one request on."""
        page = scope["type"] == "http" and self._web.serves(scope["path"])
        await (self._web if page else self._api)(scope, receive, send)


def front(api: ASGIApp, ledger: Ledger, stopping: asyncio.Event) -> Front:
    """Return pages and API over the same `ledger`; `stopping` ends open streams."""
    return Front(api, Web(api, sessions_of(ledger), stopping))
