"""At which addresses a session can be kept, with what cookie, and where a browser is led afterwards."""

from __future__ import annotations

from typing import Any

import pytest

from interlock.web.asking import NotAnswered
from interlock.web.sessions.attempts import BURST, PLACES_MAX, SECONDS_EACH, Attempts
from interlock.web.sessions.journey import Journey
from interlock.web.sessions.site import Here, Site, cookie, from_a_page_of_ours, own_path


def request(host: str, **headers: str) -> dict[str, Any]:
    named = {"host": host, **{name.replace("_", "-"): value for name, value in headers.items()}}
    return {"scheme": "http", "headers": [(name.encode(), value.encode("latin-1")) for name, value in named.items()]}


@pytest.mark.parametrize(
    "url, host, origin",
    [
        (None, "127.0.0.1:8787", "http://127.0.0.1:8787"),
        (None, "localhost:8787", "http://localhost:8787"),
        (None, "demo.localhost", "http://demo.localhost"),
        (None, "[::1]:8787", "http://[::1]:8787"),
        ("https://interlock.example", "interlock.example", "https://interlock.example"),
        ("https://interlock.example", "interlock.example:443", "https://interlock.example:443"),
        ("https://interlock.example:8443", "interlock.example:8443", "https://interlock.example:8443"),
        ("https://interlock.example", "127.0.0.1:8787", "http://127.0.0.1:8787"),
    ],
)
def test_behind_tls_and_on_this_machine_the_cookie_is_of_the_host_alone(
    url: str | None, host: str, origin: str
) -> None:
    here = Site(url, plain_http=False).here(request(host))
    assert (here.origin, here.secure) == (origin, True)
    said = here.keep("interlock", "x", 60)
    assert said.startswith("__Host-interlock")
    assert said.endswith("; Path=/; Max-Age=60; HttpOnly; SameSite=Lax; Secure")
    assert "Domain" not in said


@pytest.mark.parametrize(
    "url, host",
    [
        (None, "interlock.intranet:8787"),
        (None, "192.168.1.5:8787"),
        (None, "127.0.0.1.evil.example"),
        (None, "localhost.evil.example"),
        ("https://interlock.example", "other.example"),
        ("https://interlock.example", "interlock.example:8787"),
        ("http://interlock.intranet", "interlock.intranet"),
    ],
)
def test_where_everybody_on_the_way_can_read_no_session_is_kept_unless_the_settings_say_so(
    url: str | None, host: str
) -> None:
    with pytest.raises(NotAnswered) as refusal:
        Site(url, plain_http=False).here(request(host))
    assert refusal.value.status == 403
    assert "plain_http" in str(refusal.value.problem["next"])
    here = Site(url, plain_http=True).here(request(host))
    assert not here.secure
    assert not here.keep("interlock", "x", 60).startswith("__Host-")
    assert here.keep("interlock", "x", 60).endswith("; Path=/; Max-Age=60; HttpOnly; SameSite=Lax")


@pytest.mark.parametrize(
    "host", ["", "a b", "user@127.0.0.1", "127.0.0.1:x", "127.0.0.1:99999", "[::1", "x" * 300, "a/b"]
)
def test_a_host_that_is_none_is_refused(host: str) -> None:
    with pytest.raises(NotAnswered) as refusal:
        Site(None, plain_http=True).here(request(host))
    assert refusal.value.status == 400


HERE = Here("http://127.0.0.1:8787", secure=True, port=8787)


def test_two_servers_on_one_host_have_a_cookie_each() -> None:
    assert HERE.name("interlock") != Here("http://127.0.0.1:8788", secure=True, port=8788).name("interlock")


@pytest.mark.parametrize(
    "headers, fits",
    [
        ({"origin": "http://127.0.0.1:8787"}, True),
        ({"origin": "http://127.0.0.1:8787", "sec_fetch_site": "same-origin"}, True),
        ({"sec_fetch_site": "same-origin"}, False),
        ({}, False),
        ({"origin": "null"}, False),
        ({"origin": "http://127.0.0.1:8788"}, False),
        ({"origin": "http://localhost:8787"}, False),
        ({"origin": "ftp://127.0.0.1:8787"}, False),
        ({"origin": "http://127.0.0.1:8787", "sec_fetch_site": "same-site"}, False),
        ({"origin": "http://127.0.0.1:8787", "sec_fetch_site": "none"}, False),
    ],
)
def test_a_form_is_taken_from_a_page_of_ours_alone(headers: dict[str, str], fits: bool) -> None:
    if fits:
        from_a_page_of_ours(request("127.0.0.1:8787", **headers), HERE)
        return
    with pytest.raises(NotAnswered):
        from_a_page_of_ours(request("127.0.0.1:8787", **headers), HERE)


@pytest.mark.parametrize("header", ["a=1; x=2", "x=2", " x = 2 ;y=3", "x=2; x=2"])
def test_a_cookie_is_read_by_its_name(header: str) -> None:
    assert cookie(request("h", cookie=header), "x") == "2"


@pytest.mark.parametrize("header", ["", "x=", "y=2", "x=1; x=2", "x=ü", 'x="2"', "x=" + "1" * 4_000, "xx=2"])
def test_a_cookie_that_is_twice_there_or_odd_is_none(header: str) -> None:
    assert cookie(request("h", cookie=header), "x") is None


@pytest.mark.parametrize(
    "address", ["/", "/p/demo/", "/p/demo/releases?state=open&at=2026-11-14%2010:30", "/p/demo/releases/4.12.0#stage"]
)
def test_one_is_led_back_to_a_page_of_ours(address: str) -> None:
    assert own_path(address) == address


@pytest.mark.parametrize(
    "address",
    [
        "",
        "p/demo/",
        "//evil.example/p/",
        "///evil.example",
        "/\\evil.example",
        "/p/\\evil",
        "/p/demo/?x=\\",
        "https://evil.example/p/",
        "javascript:alert(1)",
        "/v1/demo/whoami",
        "/sign-out",
        "/static/x",
        "/p/demo/\n",
        "/p/demo/?a=b c",
        "/p/demo/\x00",
        "/p/" + "x" * 2_000,
    ],
)
def test_to_anywhere_else_nobody_is_led(address: str) -> None:
    assert own_path(address) == "/"


def test_what_a_browser_keeps_on_its_way_is_read_as_it_was_written() -> None:
    for journey in (Journey("demo", "/p/demo/releases?x=ü", None), Journey("demo", "/", 1_795_000_000)):
        assert Journey.read(journey.written()) == journey
    long = Journey("demo", "/p/" + "ü" * 1_900, 5)
    assert Journey.read(long.written()) == Journey("demo", "/", 5)


@pytest.mark.parametrize(
    "written",
    ["", "x", "e30", "W10", "bnVsbA", "A" * 9_000, Journey("demo", "/", 1).written()[:-2], "eyJwcm9qZWN0IjoxfQ"],
)
def test_what_was_not_written_so_is_no_journey(written: str) -> None:
    assert Journey.read(written) is None


def test_where_wrong_tries_come_from_waits_for_the_next_one_and_others_do_not() -> None:
    clock = [0.0]
    attempts = Attempts(lambda: clock[0])
    for _ in range(int(BURST)):
        assert attempts.wait_seconds("a") == 0
        attempts.wrong("a")
    assert 0 < attempts.wait_seconds("a") <= SECONDS_EACH
    assert attempts.wait_seconds("b") == 0
    clock[0] += SECONDS_EACH
    assert attempts.wait_seconds("a") == 0
    attempts.wrong("a")
    assert attempts.wait_seconds("a") > 0
    clock[0] += 1_000
    for _ in range(int(BURST)):
        assert attempts.wait_seconds("a") == 0
        attempts.wrong("a")
    assert attempts.wait_seconds("a") > 0


def test_only_so_many_places_are_remembered() -> None:
    attempts = Attempts(lambda: 0.0)
    for number in range(PLACES_MAX + 10):
        attempts.wrong(str(number))
    assert len(attempts._left) == PLACES_MAX
