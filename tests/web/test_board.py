"""The board alone says what blocks a release, who can unblock it, and when."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.fixtures.server import Served
from tests.web.visible import lines_about

BOARD = "/p/demo/"


def test_the_text_alone_tells_check_persons_and_time_of_each_blocked_release(page: Page) -> None:
    page.goto(BOARD)
    text = page.locator("main").inner_text()

    for_the_window = lines_about(text, "4.12.0")
    assert "release-window" in for_the_window
    assert "Sat 2026-11-28 09:00 GMT" in for_the_window
    assert "in 1 d 18 h" in for_the_window

    for_people = lines_about(text, "4.13.0")
    assert "manual-qa-approved" in for_people
    assert "qa-1, qa-2" in for_people
    assert "no-open-problem" in for_people
    assert "quotes freeze" in for_people
    assert "12:05" in for_people
    assert "react to" in for_people  # nobody looks after it yet, so that is what somebody must do first
    assert "by 16:05" in for_people

    for_a_machine = lines_about(text, "4.13.1")
    assert "tests-passed" in for_a_machine
    assert "ci-1" in for_a_machine
    assert "14:11" in for_a_machine


def test_each_environment_shows_occupant_owner_lineage_lease_window_and_problems(page: Page) -> None:
    page.goto(BOARD)
    places = page.locator(".place")
    expect(places).to_have_count(5)
    texts = [" ".join(each.split()) for each in places.all_inner_texts()]
    assert "4.14.0" in texts[0]
    assert "owner anton" in texts[0]
    assert "IEX Sandbox" in texts[0]
    assert "lease until 14:11" in texts[1]
    assert "IEX Production, 25 %" in texts[2]
    assert "quotes freeze" in texts[2]
    assert "production as of Wed 07:12" in texts[3]
    assert "4.11.2" in texts[4]
    assert "opens Sat 09:00 in 1 d 18 h" in texts[4]
    assert "next by 14:14 in 9 m" in texts[4]
    share = page.get_by_role("progressbar").get_attribute("value")
    assert share is not None
    assert 50 <= int(share) <= 70  # granted 13:56, until 14:11; it is 14:05


def test_who_must_act_comes_with_by_when_and_ones_own_is_marked(page: Page) -> None:
    page.goto(BOARD)
    rows = [" ".join(each.split()) for each in page.locator(".todo li").all_inner_texts()]
    assert any("by 14:14 in 9 m anton (you)" in row and "check the logs of production" in row for row in rows)
    # What is due first comes first.
    assert "check the logs" in rows[0]


def test_the_page_says_what_its_twin_says(page: Page, thursday: Served) -> None:
    document = twin(page, BOARD)
    page.goto(BOARD)
    shown = page.locator(".ways > li h3 a").all_inner_texts()
    assert shown == [each["release"] for each in document["releases"]]
    assert page.locator("#todo .count").inner_text() == str(document["obligations_count"])
    said = page.locator(".events .event-said").all_inner_texts()
    assert said == [each["sentence"] for each in document["events"]]
    status = thursday["anton"].get("/status")
    assert document["frame"]["position"] == status["position"]
    assert document["problems"] == status["problems"]


def test_what_it_calls_missing_is_what_each_gate_itself_calls_missing(page: Page, thursday: Served) -> None:
    document = twin(page, BOARD)
    assert [each["release"] for each in document["releases"]] == ["4.14.0", "4.13.1", "4.13.0", "4.12.0"]
    for each in document["releases"]:
        gate = thursday["qa-1"].get(f"/releases/{each['release']}/gates/{each['environment']}")
        missing = [one["check"] for one in gate["checks"] if one["state"] not in {"passed", "not_applicable"}]
        assert [one["check"] for one in each["missing"]] == missing
        assert each["passed"] == sum(one["state"] == "passed" for one in gate["checks"])


@pytest.mark.parametrize("address", [BOARD, f"{BOARD}releases/4.13.0"])
def test_the_first_view_is_small(page: Page, address: str) -> None:
    sizes: list[int] = []
    page.on("response", lambda answer: sizes.append(len(answer.body())) if answer.status == 200 else None)
    page.goto(address)
    page.wait_for_load_state("load")
    page.wait_for_function("() => document.querySelector('#live').dataset.state === 'live'")
    assert sizes
    assert sum(sizes) < 100_000


def twin(page: Page, address: str) -> dict[str, Any]:
    path, _, query = address.partition("?")
    answer = page.request.get(f"{path}.json" + (f"?{query}" if query else ""))
    assert answer.status == 200
    found: dict[str, Any] = answer.json()
    return found
