"""Every page as people meet it: with and without JavaScript, narrow and wide, light and dark, by keyboard, on paper."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page

from tests.fixtures.browser import Browsing
from tests.web.looking import accessible, fits, overflow, valid, words

PAGES = {
    "board": "/p/demo/",
    "board then": "/p/demo/?at=2026-11-25+12:00",
    "releases": "/p/demo/releases",
    "release": "/p/demo/releases/4.12.0",
    "blocked release": "/p/demo/releases/4.13.0?timeline=full",
    "environments": "/p/demo/environments",
    "production": "/p/demo/environments/production",
    "tests": "/p/demo/environments/tests",
    "problems": "/p/demo/problems",
    "problem": "/p/demo/problems/P-1",
    "no such thing": "/p/demo/releases/9.9.9",
}

every_page = pytest.mark.parametrize("address", PAGES.values(), ids=PAGES.keys())


@every_page
def test_a_page_is_valid_html_and_has_its_words_without_javascript(browsing: Browsing, address: str) -> None:
    plain = browsing.tab(java_script_enabled=False)
    answer = plain.goto(address)
    assert answer is not None
    valid(answer.text())
    with_script = browsing.tab()
    with_script.goto(address)
    with_script.wait_for_load_state("load")
    assert words(plain) == words(with_script)
    # Where there is no JavaScript, the page does not say that it is live.
    if "no such" not in address and plain.locator("#live").count():
        assert "live" not in plain.locator("#live").inner_text()


@every_page
def test_no_page_breaks_a_rule_of_accessibility_light_or_dark(browsing: Browsing, address: str) -> None:
    page = browsing.tab()
    page.goto(address)
    accessible(page)


@every_page
def test_nothing_is_cut_off_from_320_to_1920_pixels_and_at_twice_the_size(browsing: Browsing, address: str) -> None:
    page = browsing.tab()
    page.goto(address)
    fits(page)
    # At 200 %, a window of 1280 pixels is one of 640, each of which is two wide.
    twice = browsing.tab(width=640, height=400, device_scale_factor=2)
    twice.goto(address)
    assert not overflow(twice)


def test_nothing_moves_where_somebody_asked_for_that(tab: Callable[..., Page]) -> None:
    page = tab(reduced_motion="reduce")
    page.goto("/p/demo/")
    assert page.evaluate("document.getAnimations().length") == 0


def test_on_paper_there_are_the_facts_and_no_controls(page: Page) -> None:
    page.goto("/p/demo/releases/4.12.0")
    page.emulate_media(media="print")
    assert not page.locator("nav.sections").is_visible()
    assert not page.locator("#search").is_visible()
    assert page.locator("main h1").is_visible()
    assert page.get_by_text("release-window").first.is_visible()


def test_a_page_cannot_be_framed_and_loads_nothing_from_elsewhere(page: Page) -> None:
    for address in ("/p/demo/", "/p/demo/.json", "/p/demo/nowhere", "/static/none", "/sign-in"):
        answer = page.request.get(address, max_redirects=0)
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
    page.goto("/p/demo/")
    source = page.content()
    assert " style=" not in source
    assert "<script>" not in source
    assert " onclick=" not in source


def test_every_state_has_a_word_beside_its_shape(page: Page) -> None:
    page.goto("/p/demo/")
    for each in page.locator(".state").all():
        assert each.text_content(), each.evaluate("(found) => found.outerHTML")


@pytest.mark.parametrize(
    "address, status, says",
    [
        ("/p/demo/nowhere", 404, "no page at this address"),
        ("/p/demo/releases/9.9.9", 404, "9.9.9"),
        ("/p/demo/environments/moon", 404, "moon"),
        ("/p/demo/?colour=red", 422, "colour: there is no such parameter"),
        ("/p/demo/?at=1&at=2", 422, "given twice"),
        ("/p/demo/?at=yesterday", 422, "RFC 3339"),
        ("/p/demo/?at=99999999", 422, "the last position is"),
        ("/p/demo/?at=2036-01-01", 422, "future"),
        ("/p/demo/releases/4.12.0?timeline=long", 422, "compact, full"),
        ("/p/elsewhere/", 404, "elsewhere"),
    ],
)
def test_what_is_wrong_is_said_as_a_page_and_as_a_problem(page: Page, address: str, status: int, says: str) -> None:
    answer = page.goto(address)
    assert answer is not None
    assert answer.status == status
    assert says in page.locator("main").inner_text()
    path, _, query = address.partition("?")
    document = page.request.get(f"{path}.json?{query}")
    assert document.status == status
    assert document.headers["content-type"] == "application/problem+json"
    assert says in document.json()["detail"]


def test_nobody_is_shown_nothing(tab: Callable[..., Page]) -> None:
    page = tab(who=None)
    for address in PAGES.values():
        answer = page.request.get(address, max_redirects=0)
        assert answer.status == 303
        assert answer.headers["location"].startswith("/sign-in?next=/p/demo/")
    assert page.request.get("/p/demo/.json").status == 401
    assert page.request.get("/p/demo/live").status == 401


def test_a_session_of_another_project_or_of_nobody_here_opens_nothing(browsing: Browsing) -> None:
    stranger = browsing.context(who="mallory")
    assert stranger.request.get("/p/demo/.json").status == 401
    elsewhere = browsing.context(who=None)
    elsewhere.add_cookies([{"name": "interlock-tests", "value": '"other|anton"', "url": browsing.url}])
    assert elsewhere.request.get("/p/demo/.json").status == 401


def test_no_request_can_say_by_itself_who_is_signed_in(browsing: Browsing) -> None:
    nobody = browsing.context(who=None)
    for name in ("interlock.session", "interlock-session", "x-interlock-session"):
        answer = nobody.request.get("/v1/demo/whoami", headers={name: "anton"})
        assert answer.status == 401
