"""Who is signed in at a page: a session instead of a token, looked at again on every request."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from interlock.domain.situation import Credential, Situation
from interlock.events.envelope import Actor
from interlock.events.fact import fact
from interlock.identity.authenticate import Caller, NotAuthenticated

# The key in the ASGI scope. A scope is made by the server, so no request from outside can carry it.
SESSION: Final = "interlock.session"
# A session of a person whom an identity provider knows has no credential in the record, and so no scopes of one.
SCOPES: Final = ("read", "write")


@fact
class SignedIn:
    """Whom a session speaks for. `session` is its public name, no secret.

    `credential` is the record's credential whose token was shown at the sign-in; None where an identity provider
    vouched. `signed_in_at` is when the person last proved who they are.
    """

    session: str
    project: str
    principal: str
    credential: str | None
    signed_in_at: datetime
    expires_at: datetime


def authenticate_session(situation: Situation, signed_in: SignedIn, now: datetime) -> Caller:
    """Return who calls at `now` (the ledger's clock), as the record knows them now; raise NotAuthenticated.

    A session outlives nothing: a person who acts no more, or a credential that was revoked or expired, ends it.
    """
    principal = situation.team.principals.get(signed_in.principal)
    if principal is None or not principal.active or now >= signed_in.expires_at:
        raise NotAuthenticated("this session is over: sign in again")
    credential = _credential(situation, signed_in)
    if credential is None or credential.principal != principal.id or now >= credential.expires_at:
        raise NotAuthenticated("this session is over: the token that opened it is expired or revoked; sign in again")
    actor = Actor(id=principal.id, kind=principal.kind, credential=signed_in.credential)
    return Caller(actor=actor, credential=credential)


def _credential(situation: Situation, signed_in: SignedIn) -> Credential | None:
    if signed_in.credential is not None:
        held = situation.team.credentials.get(signed_in.credential)
        return held if held is not None and held.purpose == "token" else None
    return Credential(
        credential=signed_in.session,
        principal=signed_in.principal,
        secret_digest="",
        purpose="token",
        scopes=SCOPES,
        expires_at=signed_in.expires_at,
    )
