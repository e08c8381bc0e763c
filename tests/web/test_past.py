"""A page of the past is the page that was shown then, whatever happened since."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import httpx2
import pytest
from playwright.sync_api import Page, expect

from tests.fixtures.browser import ME
from tests.fixtures.server import PROJECT, Served
from tests.web.served import COOKIE
from tests.web.test_board import twin

PAGES = (
    "/p/demo/",
    "/p/demo/releases",
    "/p/demo/releases/4.13.0",
    "/p/demo/environments",
    "/p/demo/environments/sandbox",
    "/p/demo/problems",
    "/p/demo/problems/P-1",
)
# What a page of the past says of itself: that it is one, and how far the record is by now.
OF_NOW = ("past", "head")


def known(document: dict[str, Any]) -> dict[str, Any]:
    frame = {name: value for name, value in document["frame"].items() if name not in OF_NOW}
    # Where a list goes on is a signed cursor, whose moment the page itself says.
    return {**document, "frame": frame, "next_cursor": None}


@dataclass(frozen=True)
class Then:
    """What every page showed at a position, when that was the present, and what was recorded since."""

    position: int
    shown: dict[str, Any]
    served: Served


@pytest.fixture(scope="module")
def then(thursday: Served) -> Then:
    # Recorded at the very instant that it is: a position is the moment at which it was recorded.
    position = thursday["anton"].command("AcknowledgeProblem", {"problem": "P-1"})["position"]
    cookies = {COOKIE: f'"{PROJECT}|{ME}"'}
    shown = {each: httpx2.get(f"{thursday.url}{each}.json", cookies=cookies, timeout=30).json() for each in PAGES}
    thursday["qa-2"].command("ReportProblem", {"environment": "sandbox", "title": "seen later", "severity": "low"})
    thursday["rm-1"].command("HoldRelease", {"release": "4.13.0", "reason": "until that is understood"})
    thursday.later(hours=3)
    thursday["rm-1"].command("LiftReleaseHold", {"release": "4.13.0", "reason": "it is"})
    return Then(position, shown, thursday)


@pytest.mark.parametrize("address", PAGES)
def test_what_was_shown_at_a_position_is_shown_for_it_for_ever(page: Page, then: Then, address: str) -> None:
    before = then.shown[address]
    assert before["frame"]["position"] == then.position
    assert not before["frame"]["past"]
    after = twin(page, f"{address}?at={then.position}")
    assert after["frame"]["past"]
    assert after["frame"]["head"] > then.position
    assert known(after) == known(before)
    assert known(twin(page, address)) != known(before)


def test_the_board_of_each_day_is_what_a_replay_to_that_day_says(page: Page, then: Then) -> None:
    served = then.served
    for moment in ("2026-11-24 12:00", "2026-11-25 12:00", "2026-11-26 12:10"):
        document = twin(page, f"/p/demo/?at={moment.replace(' ', '+')}")
        instant = f"{moment.replace(' ', 'T')}:00Z"
        status = served["qa-1"].get("/status", at=instant)
        assert document["frame"]["position"] == status["position"]
        assert document["problems"] == status["problems"]
        stripped = [
            {name: value for name, value in each.items() if name != "problems"} for each in document["environments"]
        ]
        assert stripped == status["environments"]
        gates = served["qa-1"].get("/gates", at=instant)["gates"]
        assert [each["release"] for each in document["releases"]] == [each["release"] for each in gates]
        page.goto(f"/p/demo/?at={moment.replace(' ', '+')}")
        shown = page.locator(".place .occupant").all_inner_texts()
        for text, each in zip(shown, status["environments"], strict=True):
            assert (each["occupancy"].get("release") or "empty") in text
        expect(page.locator(".banner")).to_contain_text(moment)


def test_links_of_a_page_of_the_past_stay_in_the_past(page: Page) -> None:
    page.goto("/p/demo/?at=2026-11-26+12:10")
    page.locator(".place a").first.click()
    expect(page.locator(".banner")).to_contain_text("2026-11-26 12:10")
    page.get_by_role("link", name="Back to now").click()
    expect(page.locator(".banner")).to_have_count(0)


@pytest.mark.parametrize(
    "typed", ["2026-11-26 12:10", "2026-11-26T12:10:00Z", "2026-11-26 12:10 GMT", "2026-11-26 12:10:00"]
)
def test_a_moment_may_be_typed_as_people_do(page: Page, typed: str) -> None:
    page.goto("/p/demo/")
    page.locator("input[name=at]").fill(typed)
    page.get_by_role("button", name="Show").click()
    expect(page.locator(".banner")).to_contain_text("Thu 2026-11-26 12:10 GMT")


EVERY = 9


def test_every_page_is_there_at_every_moment_of_the_story(then: Then) -> None:
    [begins] = [event["position"] for event in then.served["anton"].get("/events", type="PolicyActivated")["events"]]
    cookies = {COOKIE: f'"{PROJECT}|{ME}"'}
    with httpx2.Client(base_url=then.served.url, cookies=cookies, timeout=60) as client:
        assert "no policy yet" in client.get(f"/p/demo/?at={begins - 1}").text
        for position in [*range(begins, 40), *range(40, then.position, EVERY)]:
            for address in PAGES:
                answer = client.get(f"{address}?at={position}")
                # What was not there yet is said to be not there; nothing else goes wrong.
                assert answer.status_code in {200, 404}, (address, position, answer.text)
                there = address in {"/p/demo/", "/p/demo/releases", "/p/demo/environments"}
                assert answer.status_code == 200 or not there, (address, position, answer.text)
