"""What an identity provider says of a person beside its signed statement, where that lacks what persons are known by.

It comes over TLS, for the access token that came with the statement, and nobody signed it. So it counts only for the
person whom the statement names, and only what is needed of it is kept.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping
from typing import Any, Final

from interlock.events.canonical import written
from interlock.identity.id_tokens import NotBelieved, header_of

TOKEN_CHARACTERS_MAX: Final = 8_192
VALUE_CHARACTERS_MAX: Final = 255
# How a bearer token is written (RFC 6750): whatever else would be, it is no part of a header.
_TOKEN: Final = re.compile(r"[A-Za-z0-9._~+/-]+=*")
_HASH: Final[Mapping[str, str]] = {"RS256": "sha256", "PS256": "sha256", "ES256": "sha256", "Ed25519": "sha512"}


def needed(claim: str) -> frozenset[str]:
    """Return the names of what tells who somebody is: an e-mail address tells it only where it was verified."""
    return frozenset({claim, "email_verified"} if claim == "email" else {claim})


def access_token(answer: Mapping[str, Any], statement: str, claims: Mapping[str, Any]) -> str | None:
    """Return the access token that came with a believed statement; None where none came. Raises NotBelieved.

    Where the statement says which one belongs to it (`at_hash`), another one is not used.
    """
    token = answer.get("access_token")
    if token is None or str(answer.get("token_type")).lower() != "bearer":
        return None
    if not isinstance(token, str) or len(token) > TOKEN_CHARACTERS_MAX or _TOKEN.fullmatch(token) is None:
        raise NotBelieved("what came with it is not written as an access token is")
    if "at_hash" in claims:
        whole = hashlib.new(_HASH[str(header_of(statement)["alg"])], token.encode()).digest()
        half = base64.urlsafe_b64encode(whole[: len(whole) // 2]).rstrip(b"=")
        if not hmac.compare_digest(str(claims["at_hash"]).encode(), half):
            raise NotBelieved("another access token came with it than the one that it names")
    return token


def about_the_same(document: Mapping[str, Any], subject: str, claim: str) -> dict[str, Any]:
    """Return what `document` says that is needed for `claim`, and about whom. Raises NotBelieved."""
    if document.get("sub") != subject:
        raise NotBelieved("what the provider says beside it is about somebody else")
    return {name: document[name] for name in sorted({"sub", *needed(claim)} & document.keys())}


def kept(statement: str, told: Mapping[str, Any] | None) -> str:
    """Return what is kept of both: the statement, and on a line of its own what was told beside it, where it was."""
    return statement if told is None else f"{statement}\n{written(dict(told)).decode()}"


def parts(proof: str) -> tuple[str, str]:
    """Return what `kept` made one of: the statement, and what was told beside it, "" where nothing was."""
    statement, _, told = proof.partition("\n")
    return statement, told
