"""Which market data an environment gets: host and token agree, and a token is never shown."""

from __future__ import annotations

import os
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from interlock.runners.connections import NotConfigured
from interlock.runners.failures import Stopped
from interlock.runners.feeds import HOSTS, FeedsDiffer, NoFeed, TokenShown, feed_configured, feed_of, read_feed

TOKENS = ("pk_0123456789abcdef", "sk_0123456789abcdef", "Tpk_0123456789abcdef", "TSK_0123456789ABCDEF")


def configured(script: str, **feeds: str) -> dict[str, Any]:
    return {"environments": {"sandbox": {"feed": ["/bin/sh", "-c", script]}}, "feeds": feeds}


async def asked(tmp_path: Path, script: str, **feeds: str) -> str:
    feed = feed_configured(configured(script, **feeds), "sandbox", home=tmp_path)
    assert feed is not None
    return await feed_of(feed, clock=monotonic, environ=os.environ)


async def test_the_feed_is_what_host_and_token_agree_on(tmp_path: Path) -> None:
    assert await asked(tmp_path, "echo host=sandbox.iexapis.com token=sandbox") == "IEX Sandbox"
    noisy = "echo warming up; echo token=Production host=CLOUD.iexapis.com.; echo bye >&2"
    assert await asked(tmp_path, noisy) == "IEX Production"


async def test_a_command_that_fails_names_no_feed_whatever_it_printed(tmp_path: Path) -> None:
    with pytest.raises(NoFeed, match="it ended with 3"):
        await asked(tmp_path, "echo host=sandbox.iexapis.com token=sandbox; exit 3")


async def test_the_command_does_not_get_interlocks_own_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INTERLOCK_TOKEN", "il_secret")
    script = 'test -z "$INTERLOCK_TOKEN" && echo host=sandbox.iexapis.com token=sandbox'
    assert await asked(tmp_path, script) == "IEX Sandbox"


async def test_an_environment_without_a_feed_command_has_nothing_to_say(tmp_path: Path) -> None:
    assert feed_configured({}, "sandbox", home=tmp_path) is None


@pytest.mark.parametrize("host, kind", [("sandbox.iexapis.com", "production"), ("cloud.iexapis.com", "sandbox")])
def test_host_and_token_of_different_kinds_are_no_feed(host: str, kind: str) -> None:
    with pytest.raises(FeedsDiffer, match=host):
        read_feed([f"host={host} token={kind}"], HOSTS, "feed.sh")


@pytest.mark.parametrize("token", TOKENS)
@pytest.mark.parametrize(
    "line",
    ["host=cloud.iexapis.com token={}", "host={} token=sandbox", "GET /stable?token={}", "host=cloud.iexapis.com:{}"],
)
def test_a_token_in_the_output_is_refused_and_not_repeated(token: str, line: str) -> None:
    good = "host=cloud.iexapis.com token=production"
    with pytest.raises(TokenShown) as refusal:
        read_feed([good, line.format(token)], HOSTS, "feed.sh")
    assert token not in str(refusal.value)
    assert token not in refusal.value.recorded


@pytest.mark.parametrize("secret", ["0123456789abcdef0123456789abcdef", "live"])
def test_what_is_no_kind_of_token_may_be_one_and_is_not_repeated(secret: str) -> None:
    with pytest.raises(TokenShown) as refusal:
        read_feed([f"host=cloud.iexapis.com token={secret}"], HOSTS, "feed.sh")
    assert secret not in str(refusal.value)


@pytest.mark.parametrize(
    "lines",
    [
        [],
        ["host=cloud.iexapis.com"],
        ["token=sandbox"],
        ["host=cloud.iexapis.com", "token=production"],
        ["host=cloud.iexapis.com host=sandbox.iexapis.com token=sandbox"],
        ["host=cloud.iexapis.com token=production", "host=sandbox.iexapis.com token=sandbox"],
        ["host= token=sandbox"],
        ["host=not-a-host_at-all token=sandbox"],
    ],
)
def test_anything_but_one_host_and_one_kind_says_nothing(lines: list[str]) -> None:
    with pytest.raises(NoFeed) as refusal:
        read_feed(lines, HOSTS, "feed.sh")
    assert "not-a-host" not in str(refusal.value)


async def test_a_host_of_ones_own_counts_where_it_is_named(tmp_path: Path) -> None:
    script = "echo host=iex.shop.internal token=production"
    with pytest.raises(NoFeed, match=r"iex\.shop\.internal"):
        await asked(tmp_path, script)
    assert await asked(tmp_path, script, **{"iex.shop.internal": "production"}) == "IEX Production"
    with pytest.raises(Stopped):
        await asked(tmp_path, script, **{"iex.shop.internal": "sandbox"})


@pytest.mark.parametrize(
    "feeds", [{"cloud.iexapis.com": "sandbox"}, {"iex.shop.internal": "live"}, {"no host": "sandbox"}]
)
def test_iex_s_own_hosts_are_what_they_are(tmp_path: Path, feeds: dict[str, str]) -> None:
    with pytest.raises(NotConfigured):
        feed_configured(configured("true", **feeds), "sandbox", home=tmp_path)
