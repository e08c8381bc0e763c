"""Signing in where a provider tells beside what it signs who somebody is: believed of that person, of nobody else."""

from __future__ import annotations

import base64
import hashlib
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx2
import pytest

from interlock.identity import userinfo
from interlock.identity.id_tokens import NotBelieved
from interlock.identity.provider import Proved, Provider, ProviderAway
from tests.fixtures.provider import BACK, RunningProvider, started_provider
from tests.identity.test_provider import COOKIE, answer_of, configured, now


@pytest.fixture(scope="module")
def apart() -> Iterator[RunningProvider]:
    """One that signs `sub` alone, and tells the rest at its userinfo address."""
    with started_provider(BACK, apart=True) as running:
        yield running


class Between(httpx2.AsyncHTTPTransport):
    """Stands between us and a real provider: answers at some of its addresses in its place, and notes what is asked."""

    def __init__(self, **answers: httpx2.Response | Callable[[dict[str, Any]], dict[str, Any]]) -> None:
        super().__init__()
        self.answers = answers
        self.asked: list[httpx2.Request] = []

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        self.asked.append(request)
        answer = self.answers.get(request.url.path.strip("/"))
        if isinstance(answer, httpx2.Response):
            return answer
        true = await super().handle_async_request(request)
        return true if answer is None else httpx2.Response(200, json=answer(json.loads(await true.aread())))


async def proved_between(apart: RunningProvider, between: Between, who: str = "u-qa", **more: Any) -> Proved:
    async with httpx2.AsyncClient(transport=between) as http:
        asking = Provider(configured(apart, **more), http, now, time.monotonic)
        return await asking.proved(await answer_of(asking, apart, who), COOKIE, BACK[0], since=None)


async def test_what_is_not_signed_is_asked_for_and_kept_beside_what_is(apart: RunningProvider) -> None:
    between = Between()
    proved = await proved_between(apart, between)
    assert proved.who == "qa-1"
    statement, told = userinfo.parts(proved.statement)
    assert statement.count(".") == 2
    assert json.loads(told) == {"preferred_username": "qa-1", "sub": "u-qa"}
    [asked] = [request for request in between.asked if request.url.path == "/me"]
    assert asked.headers["authorization"].startswith("Bearer ")
    assert not asked.url.query


async def test_what_is_signed_is_not_asked_for(provider: RunningProvider, apart: RunningProvider) -> None:
    for running, claim, who in ((provider, "preferred_username", "qa-1"), (apart, "sub", "u-qa")):
        between = Between()
        proved = await proved_between(running, between, claim=claim)
        assert (proved.who, userinfo.parts(proved.statement)[1]) == (who, "")
        assert "/me" not in {request.url.path for request in between.asked}


@pytest.mark.parametrize("who, good", [("u-qa", True), ("u-rm", False)])
async def test_an_e_mail_address_that_is_told_beside_counts_where_it_is_verified(
    apart: RunningProvider, who: str, good: bool
) -> None:
    if good:
        assert (await proved_between(apart, Between(), who, claim="email")).who == "qa-1@example.org"
    else:
        with pytest.raises(NotBelieved, match="not verified"):
            await proved_between(apart, Between(), who, claim="email")


EVIL = "https://evil.example/me"


@pytest.mark.parametrize(
    "told, error",
    [
        (httpx2.Response(200, json={"sub": "u-rm", "preferred_username": "rm-1"}), "about somebody else"),
        (httpx2.Response(200, json={"preferred_username": "rm-1"}), "about somebody else"),
        (httpx2.Response(200, json={"sub": ["u-qa"], "preferred_username": "rm-1"}), "about somebody else"),
        (httpx2.Response(200, json={"sub": "u-qa"}), "no claim 'preferred_username'"),
        (httpx2.Response(200, json={"sub": "u-qa", "preferred_username": ["rm-1"]}), "no claim"),
        (httpx2.Response(200, json={"sub": "u-qa", "preferred_username": ""}), "no claim"),
        (httpx2.Response(200, json={"sub": "u-qa", "preferred_username": "x" * 256}), "no claim"),
        (
            httpx2.Response(200, content=b'{"sub": "u-qa", "sub": "u-rm", "preferred_username": "rm-1"}'),
            "cannot be read",
        ),
        (httpx2.Response(200, content=b"eyJhbGciOiJub25lIn0.eyJzdWIiOiJ1LXFhIn0."), "cannot be read"),
        (httpx2.Response(200, content=b'["u-qa"]'), "no JSON object"),
        (httpx2.Response(200, content=b'{"sub": "u-qa"' + b" " * 300_000 + b"}"), "bytes"),
        (httpx2.Response(302, headers={"location": EVIL}), "it answered 302"),
        (httpx2.Response(401, json={"error": "invalid_token"}), "it answered 401"),
        (httpx2.Response(500), "it answered 500"),
    ],
)
async def test_a_hostile_answer_beside_lets_nobody_in(
    apart: RunningProvider, told: httpx2.Response, error: str
) -> None:
    between = Between(me=told)
    with pytest.raises((NotBelieved, ProviderAway), match=error):
        await proved_between(apart, between)
    assert {request.url.host for request in between.asked} == {"127.0.0.1"}


@pytest.mark.parametrize(
    "swapped, error",
    [
        ({"access_token": "two\r\nlines: x"}, "not written as an access token"),
        ({"access_token": "x" * 9_000}, "not written as an access token"),
        ({"access_token": 7}, "not written as an access token"),
        ({"access_token": None}, "no claim"),
        ({"token_type": "DPoP"}, "no claim"),
    ],
)
async def test_what_is_no_access_token_is_not_shown_to_anybody(
    apart: RunningProvider, swapped: dict[str, Any], error: str
) -> None:
    between = Between(token=lambda answer: {**answer, **swapped})
    with pytest.raises(NotBelieved, match=error):
        await proved_between(apart, between)
    assert "/me" not in {request.url.path for request in between.asked}


@pytest.mark.parametrize("address", ["http://login.example.org/me", "javascript:alert(1)", 7])
async def test_a_provider_that_tells_it_without_tls_is_away(apart: RunningProvider, address: object) -> None:
    name = ".well-known/openid-configuration"
    between = Between(**{name: lambda document: {**document, "userinfo_endpoint": address}})
    with pytest.raises(ProviderAway, match="over TLS"):
        await proved_between(apart, between)


@pytest.mark.parametrize("algorithm, hashed", [("RS256", hashlib.sha256), ("Ed25519", hashlib.sha512)])
def test_a_statement_that_names_its_access_token_is_asked_about_with_no_other(
    algorithm: str, hashed: Callable[[bytes], Any]
) -> None:
    def spelled(raw: bytes) -> str:
        return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()

    statement = f"{spelled(json.dumps({'alg': algorithm}).encode())}.e30.c2ln"
    whole = hashed(b"ours").digest()
    claims = {"at_hash": spelled(whole[: len(whole) // 2])}
    given = {"access_token": "ours", "token_type": "Bearer"}
    assert userinfo.access_token(given, statement, claims) == "ours"
    for odd in ({"access_token": "another"}, {"access_token": "our"}):
        with pytest.raises(NotBelieved, match="another access token"):
            userinfo.access_token({**given, **odd}, statement, claims)
    for wrong in (spelled(whole), "", 7, None):
        with pytest.raises(NotBelieved, match="another access token"):
            userinfo.access_token(given, statement, {"at_hash": wrong})
