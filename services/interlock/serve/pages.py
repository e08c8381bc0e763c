"""Pages and API as one application: the pages ask the API in this process, as whoever is signed in."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.types import ASGIApp, Receive, Scope, Send

from interlock.ledger import Ledger
from interlock.serve import seams, sign_in
from interlock.serve.running import running
from interlock.serve.settings import Settings
from interlock.web import Sessions, Web
from interlock.web.sessions import Browsers, SigningIn, Site


def sessions_of(browsers: Browsers) -> Sessions:
    """Return who is signed in."""
    return browsers


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


@asynccontextmanager
async def front(
    settings: Settings, api: ASGIApp, ledger: Ledger, stopping: asyncio.Event, ended: dict[str, str]
) -> AsyncIterator[Front]:
    """Lend pages and API over the same `ledger`; `stopping` ends open streams. Raises CannotStart.

    Where nobody looks any more whether sessions are open, `ended` says so: streams of those that were ended elsewhere
    would stay open, though none of them tells anything any more.
    """
    kept = sign_in.sessions_of(settings, ledger)
    browsers = Browsers(kept, Site(settings.server.url, plain_http=settings.sign_in.plain_http))
    async with sign_in.provider_of(settings) as provider, running("sessions", lambda: kept.watch(seams.sleep), ended):
        signing_in = SigningIn(api, browsers, provider, now=seams.now, monotonic=seams.monotonic)
        yield Front(api, Web(api, sessions_of(browsers), stopping, signing_in, browsers))
