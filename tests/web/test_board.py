"""The board alone says what blocks a release, who can unblock it, and when."""

from __future__ import annotations

from playwright.sync_api import Page


def test_the_board_is_shown_to_whoever_is_signed_in(page: Page) -> None:
    answer = page.goto("/")
    assert answer is not None
    assert answer.status == 200
    assert page.title() == "Board · demo · Interlock"
