"""An ID token is believed where nothing about it is odd, and each oddity alone is enough to refuse it."""

from __future__ import annotations

import base64
import hmac
import json
import warnings
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from joserfc import jws
from joserfc.errors import SecurityWarning
from joserfc.jwk import ECKey, OKPKey, RSAKey

from interlock.identity.id_tokens import ALGORITHMS, TOKEN_CHARACTERS_MAX, Expected, KeySet, NotBelieved, believed

NOW = datetime(2026, 11, 26, 14, 5, tzinfo=UTC)
SECONDS = int(NOW.timestamp())
ISSUER = "https://login.example.org"
RSA = RSAKey.generate_key(2048, {"kid": "rsa", "use": "sig"})
OTHER_RSA = RSAKey.generate_key(2048, {"kid": "rsa", "use": "sig"})
with warnings.catch_warnings(category=SecurityWarning, action="ignore"):
    SHORT_RSA = RSAKey.generate_key(1024, {"kid": "short", "use": "sig"})
EC = ECKey.generate_key("P-256", {"kid": "ec", "use": "sig"})
EC_384 = ECKey.generate_key("P-384", {"kid": "ec-384", "use": "sig"})
OKP = OKPKey.generate_key("Ed25519", {"kid": "okp", "use": "sig"})
FOR_RS = RSAKey.generate_key(2048, {"kid": "for-rs", "use": "sig", "alg": "RS256"})
TO_ENCRYPT = RSAKey.generate_key(2048, {"kid": "enc", "use": "enc"})
PUBLISHED = {
    "keys": [key.as_dict(private=False) for key in (RSA, SHORT_RSA, EC, EC_384, OKP, FOR_RS, TO_ENCRYPT)]
    + [{"kty": "oct", "kid": "shared", "k": "c2VjcmV0", "use": "sig"}]
}
KEYS = KeySet.read(PUBLISHED)
EXPECTED = Expected(issuer=ISSUER, client="interlock", nonce="n-1", algorithms=("RS256", "PS256", "ES256", "Ed25519"))
CLAIMS: dict[str, Any] = {
    "iss": ISSUER,
    "aud": "interlock",
    "sub": "u-1",
    "nonce": "n-1",
    "iat": SECONDS,
    "exp": SECONDS + 300,
    "auth_time": SECONDS,
}


def encoded(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def signed(payload: bytes, header: dict[str, Any], key: Any = RSA) -> str:
    """The library's own signature over whatever is given, also where no provider would sign it."""
    registry = jws.JWSRegistry(algorithms=[str(header.get("alg"))], strict_check_header=False)
    return jws.serialize_compact(header, payload, key, registry=registry)


def token(*, key: Any = RSA, header: dict[str, Any] | None = None, without: str = "", **claims: Any) -> str:
    payload = {name: value for name, value in {**CLAIMS, **claims}.items() if name != without}
    return signed(json.dumps(payload).encode(), {"alg": "RS256", "kid": "rsa", **(header or {})}, key)


def raw(header: str, payload: str, *, key: Any = RSA) -> str:
    """A token whose parts' texts are given, with a signature that fits."""
    said = f"{encoded(header.encode())}.{encoded(payload.encode())}"
    return f"{said}.{encoded(key.raw_value.sign(said.encode(), *RS256))}"


def _rs256() -> tuple[Any, Any]:
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.hashes import SHA256

    return PKCS1v15(), SHA256()


RS256 = _rs256()
HEADER_TEXT = '{"alg":"RS256","kid":"rsa"}'
CLAIMS_TEXT = json.dumps(CLAIMS)


def unsigned() -> str:
    return f"{encoded(json.dumps({'alg': 'none', 'kid': 'rsa'}).encode())}.{encoded(CLAIMS_TEXT.encode())}."


def by_the_public_key_as_secret() -> str:
    said = f"{encoded(json.dumps({'alg': 'HS256', 'kid': 'rsa'}).encode())}.{encoded(CLAIMS_TEXT.encode())}"
    return f"{said}.{encoded(hmac.digest(RSA.as_pem(private=False), said.encode(), 'sha256'))}"


def with_another_last_letter() -> str:
    """The same signature's bytes, spelt otherwise: the last letter holds bits that mean nothing."""
    made = token()
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return made[:-1] + letters[letters.index(made[-1]) ^ 1]


def swapped() -> str:
    header, _, signature = token().split(".")
    return f"{header}.{encoded(json.dumps({**CLAIMS, 'sub': 'u-2'}).encode())}.{signature}"


# Each differs in one thing from a token that is believed.
HOSTILE: dict[str, Callable[[], str]] = {
    "empty": lambda: "",
    "two parts": lambda: token().rpartition(".")[0],
    "encrypted, in five parts": lambda: token() + ".a.b",
    "not signed": unsigned,
    "not signed, in other letters": lambda: raw('{"alg":"nOnE","kid":"rsa"}', CLAIMS_TEXT),
    "signed by the public key as if it were a secret": by_the_public_key_as_secret,
    "signed by a key of the same name": lambda: token(key=OTHER_RSA),
    "signed by a key that is not published": lambda: token(header={"kid": "new"}),
    "no key named": lambda: raw('{"alg":"RS256"}', CLAIMS_TEXT),
    "a key that is for encrypting": lambda: raw('{"alg":"RS256","kid":"enc"}', CLAIMS_TEXT, key=TO_ENCRYPT),
    "a key with few bits": lambda: token(key=SHORT_RSA, header={"kid": "short"}),
    "a key of another algorithm's kind": lambda: token(header={"kid": "ec"}),
    "an algorithm other than the key's own": lambda: token(
        key=RSAKey.import_key(FOR_RS.as_pem(private=True)), header={"kid": "for-rs", "alg": "PS256"}
    ),
    "an algorithm that is not expected": lambda: token(header={"alg": "RS512"}),
    "a curve that is not the algorithm's": lambda: raw('{"alg":"ES256","kid":"ec-384"}', CLAIMS_TEXT),
    "a key of its own": lambda: raw(
        json.dumps({"alg": "RS256", "kid": "rsa", "jwk": OTHER_RSA.as_dict(private=False)}), CLAIMS_TEXT, key=OTHER_RSA
    ),
    "a place where its key is": lambda: raw(
        '{"alg":"RS256","kid":"rsa","jku":"https://evil.example/keys"}', CLAIMS_TEXT
    ),
    "a certificate of its own": lambda: raw('{"alg":"RS256","kid":"rsa","x5c":["MIIB"]}', CLAIMS_TEXT),
    "something critical that nobody knows": lambda: raw('{"alg":"RS256","kid":"rsa","crit":["b64"]}', CLAIMS_TEXT),
    "a payload that is not encoded": lambda: raw('{"alg":"RS256","kid":"rsa","b64":false}', CLAIMS_TEXT),
    "compressed": lambda: raw('{"alg":"RS256","kid":"rsa","zip":"DEF"}', CLAIMS_TEXT),
    "an access token": lambda: token(header={"typ": "at+jwt"}),
    "a logout token": lambda: token(header={"typ": "logout+jwt"}),
    "a type that is no text": lambda: raw('{"alg":"RS256","kid":"rsa","typ":["JWT"]}', CLAIMS_TEXT),
    "an algorithm that is no text": lambda: raw('{"alg":["RS256"],"kid":"rsa"}', CLAIMS_TEXT),
    "two algorithms": lambda: raw('{"alg":"none","alg":"RS256","kid":"rsa"}', CLAIMS_TEXT),
    "a header that is a list": lambda: raw('["RS256"]', CLAIMS_TEXT),
    "claims that are a list": lambda: raw(HEADER_TEXT, "[1]"),
    "claims that are no JSON": lambda: raw(HEADER_TEXT, "sub=u-1"),
    "two subjects": lambda: raw(HEADER_TEXT, CLAIMS_TEXT[:-1] + ', "sub": "u-2"}'),
    "two audiences under one key": lambda: raw(HEADER_TEXT, '{"aud": "other", ' + CLAIMS_TEXT[1:]),
    "nested deep": lambda: token(more=json.loads("[" * 20 + "]" * 20)),
    "with NaN": lambda: raw(HEADER_TEXT, CLAIMS_TEXT[:-1] + ', "x": NaN}'),
    "with NUL": lambda: token(sub="u-1\x00"),
    "too long": lambda: token(more="x" * TOKEN_CHARACTERS_MAX),
    "other claims under the same signature": swapped,
    "a signature spelt otherwise": with_another_last_letter,
    "with padding": lambda: token() + "=",
    "with a line's end": lambda: token() + "\n",
    "another issuer": lambda: token(iss="https://evil.example"),
    "an issuer with a slash more": lambda: token(iss=ISSUER + "/"),
    "no issuer": lambda: token(without="iss"),
    "for another client": lambda: token(aud="other"),
    "for others too": lambda: token(aud=["interlock", "other"]),
    "for nobody": lambda: token(aud=[]),
    "for no audience": lambda: token(without="aud"),
    "given to another client": lambda: token(azp="other"),
    "another nonce": lambda: token(nonce="n-2"),
    "no nonce": lambda: token(without="nonce"),
    "a nonce that is no text": lambda: token(nonce=["n-1"]),
    "no subject": lambda: token(without="sub"),
    "an empty subject": lambda: token(sub=""),
    "a subject that is a number": lambda: token(sub=1),
    "a subject too long": lambda: token(sub="u" * 256),
    "expired": lambda: token(iat=SECONDS - 400, exp=SECONDS - 100),
    "no end": lambda: token(without="exp"),
    "an end that is a text": lambda: token(exp=str(SECONDS + 300)),
    "an end that is true": lambda: token(exp=True),
    "an end with a fraction": lambda: token(exp=SECONDS + 300.5),
    "an end beyond every number": lambda: token(exp=10**30),
    "good for a month": lambda: token(exp=SECONDS + 30 * 86_400),
    "ended before it began": lambda: token(iat=SECONDS + 50, exp=SECONDS + 40),
    "no beginning": lambda: token(without="iat"),
    "issued in the future": lambda: token(iat=SECONDS + 300, exp=SECONDS + 600),
    "issued an hour ago": lambda: token(iat=SECONDS - 3_600),
    "not good yet": lambda: token(nbf=SECONDS + 300),
    "good from a text on": lambda: token(nbf="now"),
}


@pytest.mark.parametrize("oddity", HOSTILE)
def test_a_hostile_token_is_refused(oddity: str) -> None:
    with pytest.raises(NotBelieved):
        believed(HOSTILE[oddity](), KEYS, EXPECTED, NOW)


def test_there_are_more_than_twenty_five_of_them() -> None:
    assert len({make() for make in HOSTILE.values()}) == len(HOSTILE) > 60


@pytest.mark.parametrize(
    "good",
    [
        token,
        lambda: token(header={"typ": "JWT"}),
        lambda: token(aud=["interlock"], azp="interlock"),
        lambda: token(key=EC, header={"alg": "ES256", "kid": "ec"}),
        lambda: token(key=OKP, header={"alg": "Ed25519", "kid": "okp"}),
        lambda: token(header={"alg": "PS256"}),
        lambda: raw(HEADER_TEXT, CLAIMS_TEXT),
        lambda: token(iat=SECONDS - 590, nbf=SECONDS - 590),
        lambda: token(iat=SECONDS + 50, exp=SECONDS + 3_600),
    ],
)
def test_what_a_provider_sends_is_believed(good: Callable[[], str]) -> None:
    assert believed(good(), KEYS, EXPECTED, NOW)["sub"] == "u-1"


def test_only_the_algorithms_of_the_settings_count() -> None:
    narrow = Expected(issuer=ISSUER, client="interlock", nonce="n-1", algorithms=("ES256",))
    with pytest.raises(NotBelieved):
        believed(token(), KEYS, narrow, NOW)
    assert set(ALGORITHMS) == {"RS256", "PS256", "ES256", "Ed25519"}


@pytest.mark.parametrize("auth_time", [SECONDS - 3_600, None, "now"])
def test_where_it_was_asked_for_the_person_proved_anew_who_they_are(auth_time: object) -> None:
    anew = Expected(
        issuer=ISSUER, client="interlock", nonce="n-1", algorithms=("RS256",), since=NOW - timedelta(minutes=2)
    )
    assert believed(token(), KEYS, anew, NOW)
    with pytest.raises(NotBelieved, match=r"anew|no instant"):
        believed(token(auth_time=auth_time), KEYS, anew, NOW)


@pytest.mark.parametrize(
    "document",
    [None, [], {}, {"keys": []}, {"keys": "all"}, {"keys": [RSA.as_dict(private=False)] * 2}, {"keys": [{}] * 33}],
)
def test_a_key_set_that_is_none_is_refused(document: object) -> None:
    with pytest.raises(NotBelieved):
        KeySet.read(document)


def test_of_a_key_set_only_public_keys_for_signing_are_taken() -> None:
    private = {**ECKey.generate_key("P-256").as_dict(private=True), "kid": "private"}
    odd = [{"kty": "RSA", "kid": "odd", "n": "!", "e": "AQAB"}, {"kty": "EC", "kid": 7}, "key", private]
    found = KeySet.read({"keys": [*PUBLISHED["keys"], *odd]})
    assert set(found.keys) == {"rsa", "ec", "ec-384", "okp", "for-rs"}


# What the library, or a check after it, would refuse as well: here it is refused for its own reason, before that.
REASONS = {
    "too long": "more than 8192 characters",
    "a signature spelt otherwise": "one spelling",
    "one letter too many": "not written as base64url",
    "a key of another algorithm's kind": "another algorithm",
    "an algorithm other than the key's own": "another algorithm",
    "a curve that is not the algorithm's": "another algorithm",
}


@pytest.mark.parametrize("oddity", REASONS)
def test_a_token_is_refused_before_anything_else_is_done_with_it(oddity: str) -> None:
    made = HOSTILE[oddity]() if oddity in HOSTILE else raw(HEADER_TEXT, CLAIMS_TEXT).replace(".", "A.", 1)
    with pytest.raises(NotBelieved, match=REASONS[oddity]):
        believed(made, KEYS, EXPECTED, NOW)
