"""Sessions and the identity provider, as the settings want them."""

from __future__ import annotations

import os
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from importlib import import_module

import httpx2

from interlock.identity.provider import Configured, Provider
from interlock.identity.sessions import Limits, Sessions
from interlock.ledger import Ledger
from interlock.serve import seams
from interlock.serve.refusals import CannotStart
from interlock.serve.secret import secret
from interlock.serve.settings import Oidc, Settings


def sessions_of(settings: Settings, ledger: Ledger) -> Sessions:
    """Return the sessions of the deployment."""
    said = settings.sign_in
    limits = Limits(
        whole=timedelta(hours=said.hours),
        idle=timedelta(minutes=said.idle_minutes),
        fresh=timedelta(minutes=said.fresh_minutes),
    )
    return Sessions(ledger, seams.secret, limits)


@asynccontextmanager
async def provider_of(settings: Settings) -> AsyncIterator[Provider | None]:
    """Lend the identity provider's client, None where there is no provider. Raises CannotStart.

    It is asked when somebody signs in, not now: a provider that is away keeps no server from starting.
    """
    said = settings.sign_in.oidc
    if said is None:
        yield None
        return
    # Now, and not while the first one signs in: it takes as long as a hundred requests.
    import_module("joserfc.jws")
    configured = _configured(settings, said)
    async with httpx2.AsyncClient(verify=_trusted(settings, said), trust_env=False) as http:
        yield Provider(configured, http, seams.now, seams.monotonic)


def _configured(settings: Settings, said: Oidc) -> Configured:
    kept = None
    if said.secret is not None:
        kept = secret("client secret of [sign_in.oidc]", said.secret, home=settings.home, environ=os.environ)
    return Configured(
        issuer=said.issuer,
        client=said.client,
        secret=kept,
        claim=said.claim,
        scopes=said.scopes,
        algorithms=said.algorithms,
        principals=said.principals,
        name=said.name,
    )


def _trusted(settings: Settings, said: Oidc) -> ssl.SSLContext:
    path = None if said.authority is None else settings.home / said.authority
    try:
        return ssl.create_default_context(cafile=path)
    except (OSError, ssl.SSLError) as wrong:
        raise CannotStart(
            f"authority {path} of [sign_in.oidc]", str(wrong), "name a file of PEM certificates"
        ) from wrong
