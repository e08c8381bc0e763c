"""An identity provider's signed statement (an ID token): believed only where nothing about it is odd.

The library checks the signature. Everything else is checked here, because libraries let through what a provider of
ours would never send: tokens of another type, without an end, for others too, with two values under one key, with a
key of their own, of another size or age. Keys and algorithms are pinned: a token names which of ours, no other.

It is imported where it is used: its cryptography takes a tenth of a server's start, and many have no provider.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

from interlock.events.fact import fact
from interlock.events.strict import BadInput, strict_json

if TYPE_CHECKING:
    from joserfc.jwk import Key

TOKEN_CHARACTERS_MAX: Final = 8_192
LEVELS_MAX: Final = 8
SUBJECT_CHARACTERS_MAX: Final = 255
# Between this machine's clock and the provider's.
SKEW_SECONDS: Final = 60
# A statement is used at once: it is no older than this, whatever it says of its own end.
AGE_SECONDS_MAX: Final = 600
# From its beginning to its end. Providers say minutes or hours; one that says weeks is no statement about now.
LIFETIME_SECONDS_MAX: Final = 24 * 3600
KEYS_MAX: Final = 32
# 2048 bits in base64url: a shorter key is taken for none.
RSA_CHARACTERS_MIN: Final = 342

Algorithm = Literal["RS256", "PS256", "ES256", "Ed25519"]
ALGORITHMS: Final[tuple[Algorithm, ...]] = get_args(Algorithm)

_KIND: Final[Mapping[str, str]] = {"RS256": "RSA", "PS256": "RSA", "ES256": "EC", "Ed25519": "OKP"}
_CURVE: Final = {"ES256": "P-256", "Ed25519": "Ed25519"}
_PARTS: Final = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)")
_HEADER: Final = {"alg", "kid", "typ"}


class NotBelieved(ValueError):
    """the identity provider's statement is not believed"""


@fact
class Expected:
    """What a statement must be: whose, for whom, to which question; `since` is when the person was to prove it anew."""

    issuer: str
    client: str
    nonce: str
    algorithms: tuple[Algorithm, ...]
    since: datetime | None = None


@fact
class KeySet:
    """A provider's public keys for signing, by their names."""

    keys: dict[str, Key]

    @classmethod
    def read(cls, document: object) -> KeySet:
        """Return those of a JWK set that serve for signing; raise NotBelieved where it is no set of public keys."""
        from joserfc.errors import JoseError
        from joserfc.jwk import JWKRegistry

        listed = document.get("keys") if isinstance(document, dict) else None
        if not isinstance(listed, list) or not 0 < len(listed) <= KEYS_MAX:
            raise NotBelieved(f"its key set holds no list of at most {KEYS_MAX} keys")
        found: dict[str, Key] = {}
        for each in listed:
            if not isinstance(each, dict) or each.get("use", "sig") != "sig" or not isinstance(each.get("kid"), str):
                continue
            # A secret that both sides hold, or a private key, has no place in what is published.
            if each.get("kty") not in ("RSA", "EC", "OKP") or "d" in each:
                continue
            if each["kty"] == "RSA" and len(str(each.get("n"))) < RSA_CHARACTERS_MIN:
                continue
            if each["kid"] in found:
                raise NotBelieved("its key set has two keys of one name")
            try:
                found[each["kid"]] = JWKRegistry.import_key(each)
            except (JoseError, ValueError, TypeError, KeyError, binascii.Error):
                continue
        return cls(keys=found)


def believed(token: str, keys: KeySet, expected: Expected, now: datetime) -> dict[str, Any]:
    """Return the claims of `token` at `now` (this machine's clock); raise NotBelieved, which holds nothing of it."""
    if len(token) > TOKEN_CHARACTERS_MAX:
        raise NotBelieved(f"it has more than {TOKEN_CHARACTERS_MAX} characters")
    parts = _PARTS.fullmatch(token)
    if parts is None:
        raise NotBelieved("it is not three parts of base64url")
    if any(base64.urlsafe_b64encode(_raw(part)).rstrip(b"=").decode() != part for part in parts.groups()):
        raise NotBelieved("it is not written as base64url is: the same bytes have one spelling")
    header = _object(parts[1], "header")
    _signed(token, header, keys, expected.algorithms)
    claims = _object(parts[2], "claims")
    _meant_for_us(claims, expected)
    _of_now(claims, expected, now)
    return claims


def header_of(token: str) -> dict[str, Any]:
    """Return the header of a token that was believed: which algorithm and key signed it."""
    return _object(token.partition(".")[0], "header")


def _raw(part: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except binascii.Error:
        raise NotBelieved("it is not written as base64url is") from None


def _object(part: str, what: str) -> dict[str, Any]:
    try:
        value = strict_json(_raw(part), bytes_max=TOKEN_CHARACTERS_MAX, depth_max=LEVELS_MAX)
    except BadInput:
        raise NotBelieved(f"its {what} cannot be read, or can be read in two ways") from None
    if not isinstance(value, dict):
        raise NotBelieved(f"its {what} is no object")
    return value


def _signed(token: str, header: Mapping[str, Any], keys: KeySet, algorithms: Sequence[str]) -> None:
    from joserfc import jws
    from joserfc.errors import JoseError

    odd = set(header) - _HEADER
    if odd:
        # Among them `jwk`, `jku`, `x5u`, `x5c` (a key that the token brings along), `crit`, `b64` and `zip`.
        raise NotBelieved("its header says more than which algorithm and key")
    if header.get("typ", "JWT") not in ("JWT", "jwt"):
        raise NotBelieved("it is a token of another type")
    algorithm, name = header.get("alg"), header.get("kid")
    if algorithm not in algorithms or algorithm not in _KIND:
        raise NotBelieved("it is signed in a way that is not expected here")
    key = keys.keys.get(name) if isinstance(name, str) else None
    if key is None:
        raise NotBelieved("it is signed with no key of the provider")
    _fits(key, str(algorithm))
    try:
        jws.deserialize_compact(token, key, algorithms=[str(algorithm)])
    except (JoseError, ValueError) as wrong:
        raise NotBelieved("its signature does not fit") from wrong


def _fits(key: Key, algorithm: str) -> None:
    """A key serves for its own algorithm: with another, the same numbers may mean something else."""
    declared = key.get("alg")
    curve = key.get("crv")
    if key.key_type != _KIND[algorithm] or declared not in {None, algorithm}:
        raise NotBelieved("its key is one of another algorithm")
    if algorithm in _CURVE and curve != _CURVE[algorithm]:
        raise NotBelieved("its key is one of another algorithm")


def _meant_for_us(claims: Mapping[str, Any], expected: Expected) -> None:
    if claims.get("iss") != expected.issuer:
        raise NotBelieved("another provider issued it")
    if claims.get("aud") not in (expected.client, [expected.client]):
        raise NotBelieved("it is not for Interlock, or not for Interlock alone")
    if claims.get("azp", expected.client) != expected.client:
        raise NotBelieved("it was given to somebody else")
    nonce = claims.get("nonce")
    if not isinstance(nonce, str) or not hmac.compare_digest(nonce.encode(), expected.nonce.encode()):
        raise NotBelieved("it answers another question than the one that was asked here")
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 0 < len(subject) <= SUBJECT_CHARACTERS_MAX:
        raise NotBelieved("it names nobody")


def _of_now(claims: Mapping[str, Any], expected: Expected, now: datetime) -> None:
    begun, ends = _seconds(claims, "iat"), _seconds(claims, "exp")
    present = int(now.timestamp())
    if begun > present + SKEW_SECONDS:
        raise NotBelieved("it was issued in the future: this machine's clock and the provider's differ")
    if begun < present - AGE_SECONDS_MAX - SKEW_SECONDS:
        raise NotBelieved("it is old")
    if ends <= present - SKEW_SECONDS:
        raise NotBelieved("it has expired")
    if not begun < ends <= begun + LIFETIME_SECONDS_MAX:
        raise NotBelieved("it is good for longer than a statement about now can be")
    if "nbf" in claims and _seconds(claims, "nbf") > present + SKEW_SECONDS:
        raise NotBelieved("it is not good yet")
    if expected.since is not None and _seconds(claims, "auth_time") < int(expected.since.timestamp()) - SKEW_SECONDS:
        raise NotBelieved("the person did not prove anew who they are")


def _seconds(claims: Mapping[str, Any], name: str) -> int:
    value = claims.get(name)
    # `True` is an integer to Python, and no instant.
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise NotBelieved(f"its {name} is no instant")
    return value
