"""Bearer tokens against the credentials that the project's record holds: digests only, never a secret."""

from __future__ import annotations

import hashlib
import hmac
import re
from datetime import datetime
from typing import Final, Literal

from interlock.domain.situation import Credential, Situation
from interlock.events.envelope import Actor
from interlock.events.fact import fact

TOKEN_PREFIX: Final = "il_"  # noqa: S105 - what every token begins with, no secret
TOKEN_CHARACTERS_MIN: Final = 20
TOKEN_CHARACTERS_MAX: Final = 200
ENROLMENT_COMMAND: Final = "IssueCredential"

_TOKEN: Final = re.compile(rf"{TOKEN_PREFIX}[A-Za-z0-9_-]{{{TOKEN_CHARACTERS_MIN - 3},{TOKEN_CHARACTERS_MAX - 3}}}")
# What is compared where no credential has the digest, so that both ways take the same steps.
_NOBODY: Final = f"sha256:{'0' * 64}"

Scope = Literal["read", "write"]


class NotAuthenticated(PermissionError):
    """the caller is not known: no bearer token, or none that opens anything now"""

    def __init__(self, why: str) -> None:
        """`why` names no secret, and tells an unknown token from no token, nothing finer."""
        super().__init__(why)


class ScopeMissing(PermissionError):
    """the caller is known, but its credential does not serve for this"""


@fact
class Caller:
    """Who calls, and with what: the actor that events will name, and the credential's limits."""

    actor: Actor
    credential: Credential

    def require(self, scope: Scope) -> None:
        """Return where the credential has `scope`; raise ScopeMissing otherwise."""
        if self.credential.purpose == "enrolment":
            raise ScopeMissing(
                "an enrolment code serves for one thing: to issue one's own first credential (IssueCredential)"
            )
        if scope not in self.credential.scopes:
            raise ScopeMissing(f"credential {self.credential.credential} has not the scope {scope!r}")

    def require_command(self, command: str, principal: str | None) -> None:
        """Return where this credential may give `command`; `principal` is whom an IssueCredential is for.

        Only the scope is looked at here: roles are the rules' affair, wherever a command comes from.
        """
        if self.credential.purpose == "enrolment" and command == ENROLMENT_COMMAND and principal == self.actor.id:
            return
        self.require("write")


def secret_digest(token: str) -> str:
    """Return what the record keeps of a token: "sha256:" and the hex SHA-256 of its UTF-8 bytes."""
    return f"sha256:{hashlib.sha256(token.encode('utf-8')).hexdigest()}"


def bearer_token(authorization: str | None) -> str:
    """Return the token of an Authorization header (RFC 6750); raise NotAuthenticated where there is none."""
    if authorization is None:
        raise NotAuthenticated("no credential was given; send Authorization: Bearer TOKEN")
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer" or not _TOKEN.fullmatch(token.strip()):
        raise NotAuthenticated("the Authorization header holds no bearer token of Interlock")
    return token.strip()


def authenticate(situation: Situation, authorization: str | None, now: datetime) -> Caller:
    """Return who calls at `now` (the ledger's clock); raise NotAuthenticated.

    An expired, revoked or unknown token and one of somebody who acts no more are told apart by nobody outside.
    """
    digest = secret_digest(bearer_token(authorization))
    credential = situation.team.credential_for(digest)
    # The dictionary's own comparison is of digests too; this one takes the same time wherever they differ.
    same = hmac.compare_digest(digest, credential.secret_digest if credential is not None else _NOBODY)
    principal = situation.team.principals.get(credential.principal) if credential is not None else None
    # What is kept for signing is the digest of a public key: whoever shows that has proved nothing.
    serves = credential is not None and credential.purpose != "signing" and now < credential.expires_at
    if credential is None or not same or not serves or principal is None or not principal.active:
        raise NotAuthenticated("this token opens nothing: it is unknown, expired or revoked")
    actor = Actor(id=principal.id, kind=principal.kind, credential=credential.credential)
    return Caller(actor=actor, credential=credential)
