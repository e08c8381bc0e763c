"""Signing in by a real OpenID provider: who comes back is whom it vouches for, and nothing else opens anything."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx2
import pytest
import pytest_asyncio

from interlock.identity.id_tokens import NotBelieved
from interlock.identity.provider import (
    Configured,
    Provider,
    ProviderAway,
    SignInRefused,
    principal_of,
    safe_issuer,
)
from tests.fixtures.provider import BACK, CLIENT, SECRET, RunningProvider

COOKIE = "5e" * 32


def configured(provider: RunningProvider, **more: Any) -> Configured:
    fields: dict[str, Any] = {
        "issuer": provider.issuer,
        "client": CLIENT,
        "secret": SECRET,
        "claim": "preferred_username",
        "scopes": ("openid", "profile", "email"),
        "algorithms": ("RS256",),
        "principals": {},
        "name": "a test's provider",
        **more,
    }
    return Configured(**fields)


def now() -> datetime:
    return datetime.now(UTC)


@pytest_asyncio.fixture
async def asked(provider: RunningProvider) -> AsyncIterator[Provider]:
    async with httpx2.AsyncClient() as http:
        yield Provider(configured(provider), http, now, time.monotonic)


async def answer_of(asked: Provider, provider: RunningProvider, who: str, *, secret: str = COOKIE) -> dict[str, str]:
    """What comes back in the address when `who` signed in at the provider."""
    address = await asked.address(secret, "state-1", BACK[0], anew=False)
    back = provider.signed_in(address, who)
    assert back.startswith(BACK[0])
    return dict(parse_qsl(urlsplit(back).query))


async def test_who_signs_in_there_is_known_by_the_configured_claim(asked: Provider, provider: RunningProvider) -> None:
    answer = await answer_of(asked, provider, "u-qa")
    assert answer["state"] == "state-1"
    proved = await asked.proved(answer, COOKIE, BACK[0], since=None)
    assert proved.who == "qa-1"
    assert proved.statement.count(".") == 2


async def test_a_code_serves_once(asked: Provider, provider: RunningProvider) -> None:
    answer = await answer_of(asked, provider, "u-qa")
    await asked.proved(answer, COOKIE, BACK[0], since=None)
    with pytest.raises(SignInRefused, match="it was used"):
        await asked.proved(answer, COOKIE, BACK[0], since=None)


async def test_a_code_that_somebody_else_began_to_ask_for_opens_nothing(
    asked: Provider, provider: RunningProvider
) -> None:
    # The thief has the address, and not the cookie that the verifier is derived from.
    answer = await answer_of(asked, provider, "u-qa")
    with pytest.raises(SignInRefused):
        await asked.proved(answer, "00" * 32, BACK[0], since=None)


async def test_another_issuer_s_answer_is_none(asked: Provider, provider: RunningProvider) -> None:
    answer = await answer_of(asked, provider, "u-qa")
    for odd in ({**answer, "iss": "https://evil.example"}, {k: v for k, v in answer.items() if k != "iss"}):
        with pytest.raises(SignInRefused, match="another identity provider"):
            await asked.proved(odd, COOKIE, BACK[0], since=None)


async def test_who_says_no_there_is_not_let_in_here(asked: Provider, provider: RunningProvider) -> None:
    answer = await answer_of(asked, provider, "")
    assert answer["error"] == "access_denied"
    with pytest.raises(SignInRefused, match="did not let you in"):
        await asked.proved(answer, COOKIE, BACK[0], since=None)


async def test_who_must_prove_anew_who_they_are_is_asked_by_the_provider(
    asked: Provider, provider: RunningProvider
) -> None:
    with httpx2.Client() as browser:
        provider.signed_in(await asked.address(COOKIE, "s", BACK[0], anew=False), "u-qa", http=browser)
        again = await asked.address(COOKIE, "s", BACK[0], anew=True)
        # A provider tells the time to the second.
        asked_at = now().replace(microsecond=0)
        # Its own session would do otherwise; now it shows its form again.
        back = provider.signed_in(again, "u-qa", http=browser)
    answer = dict(parse_qsl(urlsplit(back).query))
    proved = await asked.proved(answer, COOKIE, BACK[0], since=asked_at)
    assert proved.who == "qa-1"


async def test_a_proof_from_before_is_none_where_it_was_to_be_given_anew(
    asked: Provider, provider: RunningProvider
) -> None:
    answer = await answer_of(asked, provider, "u-qa")
    with pytest.raises(NotBelieved, match=r"anew|auth_time"):
        await asked.proved(answer, COOKIE, BACK[0], since=now() + timedelta(minutes=5))


async def test_who_has_not_the_claim_is_nobody_here(asked: Provider, provider: RunningProvider) -> None:
    answer = await answer_of(asked, provider, "u-nameless")
    with pytest.raises(NotBelieved, match="preferred_username"):
        await asked.proved(answer, COOKIE, BACK[0], since=None)


@pytest.mark.parametrize("who, good", [("u-qa", True), ("u-rm", False)])
async def test_an_e_mail_address_counts_where_the_provider_has_verified_it(
    provider: RunningProvider, who: str, good: bool
) -> None:
    async with httpx2.AsyncClient() as http:
        by_mail = Provider(configured(provider, claim="email"), http, now, time.monotonic)
        answer = await answer_of(by_mail, provider, who)
        if good:
            assert (await by_mail.proved(answer, COOKIE, BACK[0], since=None)).who == "qa-1@example.org"
        else:
            with pytest.raises(NotBelieved, match="not verified"):
                await by_mail.proved(answer, COOKIE, BACK[0], since=None)


@pytest.mark.parametrize("secret", ["wrong", None])
async def test_without_our_own_secret_the_provider_gives_nothing(provider: RunningProvider, secret: str | None) -> None:
    async with httpx2.AsyncClient() as http:
        other = Provider(configured(provider, secret=secret), http, now, time.monotonic)
        answer = await answer_of(other, provider, "u-qa")
        with pytest.raises(SignInRefused):
            await other.proved(answer, COOKIE, BACK[0], since=None)


async def test_a_provider_of_another_name_is_not_asked(provider: RunningProvider) -> None:
    async with httpx2.AsyncClient() as http:
        other = Provider(configured(provider, issuer=provider.issuer + "/"), http, now, time.monotonic)
        with pytest.raises(ProviderAway, match="another issuer"):
            await other.address(COOKIE, "s", BACK[0], anew=False)


async def test_a_provider_that_is_away_is_said_to_be(provider: RunningProvider) -> None:
    async with httpx2.AsyncClient() as http:
        away = Provider(configured(provider, issuer="http://127.0.0.1:9"), http, now, time.monotonic)
        with pytest.raises(ProviderAway):
            await away.address(COOKIE, "s", BACK[0], anew=False)


@pytest.mark.parametrize(
    "answered",
    [
        httpx2.Response(302, headers={"location": "https://evil.example"}),
        httpx2.Response(500),
        httpx2.Response(200, content=b"x" * 300_000),
        httpx2.Response(200, content=b"[]"),
        httpx2.Response(200, content=b'{"issuer": "https://a.example", "issuer": "https://login.example"}'),
        httpx2.Response(200, json={"issuer": "https://login.example"}),
        httpx2.Response(
            200,
            json={
                "issuer": "https://login.example",
                "authorization_endpoint": "https://login.example/a",
                "token_endpoint": "http://login.example/t",
                "jwks_uri": "https://login.example/k",
            },
        ),
        httpx2.Response(
            200,
            json={
                "issuer": "https://login.example",
                "authorization_endpoint": "javascript:alert(1)",
                "token_endpoint": "https://login.example/t",
                "jwks_uri": "https://login.example/k",
            },
        ),
        httpx2.Response(
            200,
            json={
                "issuer": "https://login.example",
                "authorization_endpoint": "https://login.example/a",
                "token_endpoint": "https://login.example/t",
                "jwks_uri": "https://login.example/k",
                "code_challenge_methods_supported": ["plain"],
            },
        ),
    ],
)
async def test_a_provider_that_answers_oddly_is_away(provider: RunningProvider, answered: httpx2.Response) -> None:
    transport = httpx2.MockTransport(lambda _request: answered)
    async with httpx2.AsyncClient(transport=transport) as http:
        odd = Provider(configured(provider, issuer="https://login.example"), http, now, time.monotonic)
        with pytest.raises(ProviderAway):
            await odd.address(COOKIE, "s", BACK[0], anew=False)


async def test_strangers_cannot_make_us_ask_for_keys_at_will(asked: Provider, provider: RunningProvider) -> None:
    seen: list[str] = []

    async def count(request: httpx2.Request) -> None:
        seen.append(request.url.path)

    asked.http.event_hooks["request"] = [count]
    for _ in range(3):
        answer = await answer_of(asked, provider, "u-nameless")
        with pytest.raises(NotBelieved):
            await asked.proved(answer, COOKIE, BACK[0], since=None)
    assert seen.count("/jwks") == 1
    assert seen.count("/.well-known/openid-configuration") == 1


def test_a_table_of_principals_lets_nobody_else_in(provider: RunningProvider) -> None:
    table = configured(provider, principals={"u-1": "qa-1"})
    assert principal_of(table, "u-1") == "qa-1"
    assert not principal_of(table, "qa-1")
    assert principal_of(configured(provider), "qa-1") == "qa-1"


@pytest.mark.parametrize(
    "address, safe",
    [
        ("https://login.example.org", True),
        ("https://login.example.org/realms/x", True),
        ("http://127.0.0.1:9000", True),
        ("http://login.example.org", False),
        ("https://user@login.example.org", False),
        ("https://login.example.org?x=1", False),
        ("ftp://127.0.0.1", False),
        ("https://", False),
    ],
)
def test_a_provider_is_asked_over_tls_or_on_this_machine(address: str, safe: bool) -> None:
    assert safe_issuer(address) == safe
