"""Everything by keyboard: the keys of the help, and nothing that only a mouse reaches."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.web.looking import reachable

BOARD = "/p/demo/"


@pytest.mark.parametrize(
    "key, address",
    [("b", "/p/demo/"), ("r", "/p/demo/releases"), ("e", "/p/demo/environments"), ("p", "/p/demo/problems")],
)
def test_g_and_a_letter_goes_there(page: Page, key: str, address: str) -> None:
    page.goto("/p/demo/releases/4.12.0")
    page.keyboard.press("g")
    page.keyboard.press(key)
    page.wait_for_url(f"**{address}")


def test_slash_searches_and_what_is_typed_there_is_no_key(page: Page) -> None:
    page.goto(BOARD)
    page.keyboard.press("/")
    expect(page.locator("#search")).to_be_focused()
    page.keyboard.type("gr j?")
    expect(page.locator("#search")).to_have_value("gr j?")
    assert page.url.endswith(BOARD)
    expect(page.locator("#keys")).to_be_hidden()


def test_j_and_k_walk_through_rows_and_enter_opens_one(page: Page) -> None:
    page.goto("/p/demo/releases")
    page.keyboard.press("j")
    expect(page.locator("tr.at-row")).to_contain_text("4.14.0")
    page.keyboard.press("j")
    expect(page.locator("tr.at-row")).to_contain_text("4.13.1")
    page.keyboard.press("k")
    expect(page.locator("tr.at-row")).to_contain_text("4.14.0")
    page.keyboard.press("Enter")
    page.wait_for_url("**/releases/4.14.0")


def test_brackets_step_through_time(page: Page) -> None:
    page.goto(BOARD)
    now = int(page.evaluate("document.body.dataset.position"))
    page.keyboard.press("[")
    page.wait_for_url(f"**?at={now - 1}")
    page.keyboard.press("[")
    page.wait_for_url(f"**?at={now - 2}")
    page.keyboard.press("]")
    page.wait_for_url(f"**?at={now - 1}")
    page.keyboard.press("]")
    page.wait_for_url(re.compile(r"/p/demo/$"))


def test_a_question_mark_tells_the_keys_and_escape_ends_that(page: Page) -> None:
    page.goto(BOARD)
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("j")
    expect(page.locator(".at-row")).to_have_count(0)
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()


def test_the_first_stop_skips_to_the_content(tab: Callable[..., Page]) -> None:
    page = tab()
    page.goto(BOARD)
    page.keyboard.press("Tab")
    expect(page.get_by_text("Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"


@pytest.mark.parametrize("address", [BOARD, "/p/demo/releases/4.13.0", "/p/demo/environments/production"])
def test_tab_reaches_everything_that_can_be_used_and_shows_where_it_is(page: Page, address: str) -> None:
    page.goto(address)
    reachable(page)
