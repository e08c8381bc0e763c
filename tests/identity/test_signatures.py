"""Who signed: by a key that the record knows, for what it serves, and by nothing that only looks like it."""

from __future__ import annotations

import base64
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from interlock.client.signing import NoSigningKey, SigningKey
from interlock.domain.situation import Credential, Principal, Situation, Team
from interlock.events.intake import KEY_HEADER, SIGNATURE_HEADER, Unsignable, key_digest, signed_bytes
from interlock.identity import NotAuthenticated, authenticate, secret_digest
from interlock.identity.signatures import authenticate_signature

NOW = datetime(2026, 11, 26, 14, tzinfo=UTC)
KEY = SigningKey.of_seed(b"\x01" * 32)
HEADERS = [("content-type", b"application/json"), ("ce_id", b"1"), ("traceparent", b"x")]
VALUE = b"{}"
HELD = Credential(
    credential="K-7",
    principal="ci-1",
    secret_digest=KEY.digest,
    purpose="signing",
    scopes=("write",),
    expires_at=NOW + timedelta(days=1),
)


def situation(held: Credential = HELD, *, active: bool = True) -> Situation:
    team = Team(
        principals={"ci-1": Principal(id="ci-1", kind="service", active=active)},
        credentials={held.credential: held},
        by_secret={held.secret_digest: held.credential},
    )
    return replace(Situation(), team=team)


def who(known: Situation, headers: list[tuple[str, bytes]], value: bytes = VALUE, now: datetime = NOW) -> str:
    found = dict(headers)
    key, signature = (found[name].decode() if name in found else None for name in (KEY_HEADER, SIGNATURE_HEADER))
    return authenticate_signature(known, key, signature, signed_bytes(headers, value), now).actor.id


SIGNED = KEY.headers(HEADERS, VALUE)


def test_a_registered_key_proves_its_principal() -> None:
    assert who(situation(), SIGNED) == "ci-1"


def test_headers_that_nobody_decides_on_may_be_added_on_the_way() -> None:
    assert who(situation(), [*SIGNED, ("x-hop", b"1")]) == "ci-1"


@pytest.mark.parametrize(
    "headers, value",
    [
        (SIGNED, b"{} "),
        ([(n, b"2" if n == "ce_id" else t) for n, t in SIGNED], VALUE),
        ([*SIGNED, ("ce_mood", b"good")], VALUE),
        ([(n, t) for n, t in SIGNED if n != "content-type"], VALUE),
        ([(n, t) for n, t in SIGNED if n != KEY_HEADER], VALUE),
        ([(n, t) for n, t in SIGNED if n != SIGNATURE_HEADER], VALUE),
        ([(n, b"AAAA" if n == SIGNATURE_HEADER else t) for n, t in SIGNED], VALUE),
        ([(n, b"ed25519:" if n == KEY_HEADER else t) for n, t in SIGNED], VALUE),
        ([(n, t.replace(b"ed25519:", b"") if n == KEY_HEADER else t) for n, t in SIGNED], VALUE),
        ([(n, t.rstrip(b"=") if n == KEY_HEADER else t) for n, t in SIGNED], VALUE),
        (SigningKey.of_seed(b"\x02" * 32).headers(HEADERS, VALUE), VALUE),
    ],
)
def test_whatever_is_changed_proves_nothing(headers: list[tuple[str, bytes]], value: bytes) -> None:
    with pytest.raises(NotAuthenticated):
        who(situation(), headers, value)


def test_a_key_that_is_over_or_of_somebody_who_left_opens_nothing() -> None:
    for known, now in (
        (situation(), HELD.expires_at),
        (situation(active=False), NOW),
        (situation(replace(HELD, purpose="token")), NOW),
        (replace(situation(), team=Team()), NOW),
    ):
        with pytest.raises(NotAuthenticated):
            who(known, SIGNED, now=now)


def test_a_public_key_is_no_bearer_token_and_a_token_no_key() -> None:
    for shown in (KEY.public, f"Bearer {KEY.public}"):
        with pytest.raises(NotAuthenticated):
            authenticate(situation(), shown, NOW)
    token = "il_" + "a" * 40
    with pytest.raises(NotAuthenticated):
        authenticate(situation(replace(HELD, secret_digest=secret_digest(token))), f"Bearer {token}", NOW)


def test_no_two_records_have_the_same_signed_bytes() -> None:
    """A header cannot be moved into the value, nor the value into a header, nor one header into another."""
    one = signed_bytes([("ce_a", b"1")], b"ce_b: 2\n\n")
    other = signed_bytes([("ce_a", b"1"), ("ce_b", b"2")], b"\n")
    assert one != other
    for headers in ([("ce_a", b"1\nce_b: 2")], [("ce_a: 1\nce_b", b"2")], [("content-type", b"x\n\n{}")]):
        with pytest.raises(Unsignable):
            signed_bytes(headers, b"")


def test_the_digest_is_of_the_key_as_it_is_written() -> None:
    assert KEY.digest == key_digest(KEY.public)
    assert base64.b64decode(KEY.public.removeprefix("ed25519:"))


def test_a_file_that_holds_no_key_is_named(tmp_path) -> None:
    (tmp_path / "x.pem").write_bytes(b"nothing")
    with pytest.raises(NoSigningKey, match=r"x\.pem"):
        SigningKey.of_file(tmp_path / "x.pem")
