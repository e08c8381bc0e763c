"""Live: one stream for all tabs, news without a reload, and an honest mark when there are none."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import httpx2
import pytest
from playwright.sync_api import Page, expect

from tests.fixtures.browser import ME, SERVED, WAIT_MS, Browsing, on_thursday
from tests.fixtures.ports import free_port
from tests.fixtures.postgres import PostgresServer
from tests.fixtures.server import PROJECT, Served, serving
from tests.web.test_board import twin

BOARD = "/p/demo/"
TABS = 10
STATE = "[...document.querySelectorAll('#live')].map((each) => each.dataset.state).join()"


def wait_live(page: Page, state: str = "live") -> None:
    page.wait_for_function(f"() => {STATE} === {json.dumps(state)}", timeout=WAIT_MS)


def position(page: Page) -> int:
    found: int = page.evaluate("Number(document.body.dataset.position)")
    return found


def report(thursday: Served, title: str) -> dict[str, Any]:
    fields = {"environment": "sandbox", "title": title, "severity": "low"}
    return thursday["qa-2"].command("ReportProblem", fields)


def streams_open(browsing: Browsing, who: str = ME) -> int:
    """How many streams of this session are open: one is opened beside them, and told so."""
    cookies = {"interlock-tests": f'"{PROJECT}|{who}"'}
    with httpx2.stream("GET", f"{browsing.url}/p/demo/live", cookies=cookies, timeout=30) as answer:
        for line in answer.iter_lines():
            if line.startswith("data: "):
                found: int = json.loads(line.removeprefix("data: "))["streams"]
                return found - 1
    raise AssertionError("the stream ended before it said anything")


def test_ten_tabs_have_one_stream_and_all_of_them_hear(browsing: Browsing, thursday: Served) -> None:
    context = browsing.context()
    tabs = [context.new_page() for _ in range(TABS)]
    for each in tabs:
        each.goto(BOARD)
    for each in tabs:
        wait_live(each)
    assert streams_open(browsing) == 1
    answer = report(thursday, "seen by ten")
    for each in tabs:
        # A tab that nobody looks at waits until somebody does; what it knows is as new as the others'.
        each.bring_to_front()
        each.wait_for_function(f"() => Number(document.body.dataset.position) >= {answer['position']}", timeout=WAIT_MS)
    assert streams_open(browsing) == 1


def test_what_another_process_records_is_shown_without_a_reload_and_disturbs_nobody(
    browsing: Browsing, thursday: Served
) -> None:
    page = browsing.tab(height=500)
    page.goto(BOARD)
    wait_live(page)
    page.evaluate("window.stays = 'the same document'")
    field = page.locator("footer input[name=at]")
    field.fill("2026-11-2")
    link = page.locator(".ways .way").last.get_by_role("link").first
    link.focus()
    page.evaluate("window.scrollTo(0, 260)")
    focused = page.evaluate("document.activeElement.getAttribute('href')")
    # `dt` is another process, with a connection of its own.
    answer = report(thursday, "the depth of book is upside down")
    expect(page.locator("[data-part=places]")).to_contain_text("the depth of book is upside down", timeout=WAIT_MS)
    assert position(page) >= answer["position"]
    assert page.evaluate("window.stays") == "the same document"
    assert page.evaluate("document.activeElement.getAttribute('href')") == focused
    assert page.evaluate("window.scrollY") == 260
    assert field.input_value() == "2026-11-2"
    expect(page.locator("#live")).to_contain_text(f"live @{position(page)}")


def test_without_a_shared_worker_each_tab_has_its_own_and_says_so(browsing: Browsing, thursday: Served) -> None:
    # Somebody whose streams no other test has opened: the server hears of a tab that was closed a moment later.
    context = browsing.context(who="qa-1")
    context.add_init_script("delete window.SharedWorker")
    tabs = [context.new_page() for _ in range(2)]
    for each in tabs:
        each.goto(BOARD)
        wait_live(each)
        expect(each.locator("#live")).to_contain_text("a stream of this tab alone")
    assert streams_open(browsing, "qa-1") == len(tabs)
    report(thursday, "heard without a worker")
    tabs[1].bring_to_front()
    expect(tabs[1].locator("[data-part=places]")).to_contain_text("heard without a worker", timeout=WAIT_MS)


def test_without_javascript_the_page_says_how_old_it_is(browsing: Browsing) -> None:
    page = browsing.tab(java_script_enabled=False)
    page.goto(BOARD)
    expect(page.locator("#live")).to_contain_text("reload for news")


def test_read_models_that_are_behind_are_called_behind_until_they_are_there(
    browsing: Browsing, thursday: Served
) -> None:
    page = browsing.tab()
    page.goto(BOARD)
    wait_live(page)
    # What a server answers whose read models are not there yet.
    page.route(f"**{BOARD}", lambda route: route.fulfill(status=503, body="behind", content_type="text/plain"))
    before = position(page)
    report(thursday, "known late")
    wait_live(page, "behind")
    expect(page.locator("#live")).to_contain_text("behind since")
    assert position(page) == before
    page.unroute(f"**{BOARD}")
    expect(page.locator("[data-part=places]")).to_contain_text("known late", timeout=WAIT_MS)
    wait_live(page)


def test_a_page_of_the_past_stays_as_it_is(browsing: Browsing, thursday: Served) -> None:
    page = browsing.tab()
    page.goto(f"{BOARD}?at=2026-11-26+12:00")
    before = page.locator("main").inner_text()
    expect(page.locator("#live")).to_contain_text("as it was")
    report(thursday, "not yet known then")
    page.wait_for_timeout(1_500)
    assert page.locator("main").inner_text() == before


def test_what_falls_due_and_what_grows_old_is_looked_at_again_though_nothing_happened(
    browsing: Browsing, thursday: Served
) -> None:
    page = browsing.tab()
    page.goto(BOARD)
    wait_live(page)
    begun = position(page)
    # The first is later than what falls due at 14:14, the second old enough by itself.
    for moment in ("14:13:50", "14:14:10", "14:16:00"):
        instant = f"2026-11-26T{moment}+00:00"
        thursday.at(instant)
        thursday["anton"].get("/whoami")
        shown = instant.replace("+00:00", "Z")
        page.wait_for_function(f"() => document.body.dataset.now === {json.dumps(shown)}", timeout=WAIT_MS)
    assert position(page) >= begun


def test_a_window_opens_while_somebody_looks(browsing: Browsing, thursday: Served) -> None:
    page = browsing.tab()
    page.goto(f"{BOARD}releases/4.12.0")
    wait_live(page)
    gate = page.locator("#production")
    expect(gate).to_contain_text("release-window")
    expect(page.locator(".window")).to_contain_text("opens Sat 09:00 GMT")
    # Somebody sets the test clock; no event of the release says so.
    thursday.at("2026-11-28T09:00:00+00:00")
    thursday["anton"].get("/whoami")
    expect(page.locator(".window")).to_contain_text("open, closes 12:00", timeout=WAIT_MS)
    expect(page.locator("#clock")).to_have_text("Sat 2026-11-28 09:00 GMT")
    expect(gate.locator(".checks > .check .state", has_text="waits")).to_have_count(0)


@pytest.fixture
def own_home(tmp_path: Path) -> Path:
    return tmp_path


def test_a_server_that_was_killed_and_is_back_is_caught_up_with(
    browser: Any, postgres_server: PostgresServer, thursday_template: str, own_home: Path
) -> None:
    port = str(free_port())
    with on_thursday(postgres_server, thursday_template, own_home, "--port", port) as served:
        browsing = Browsing(browser, served.url)
        page = browsing.tab()
        page.goto(BOARD)
        wait_live(page)
        before = position(page)
        served.process.send_signal(signal.SIGKILL)
        served.process.wait()
        wait_live(page, "away")
        expect(page.locator("#live")).to_contain_text("away since")
        with serving(served.config, "--test-clock", "--port", port, module=SERVED) as again:
            again.at(served.now or "")
            for number in range(3):
                report(again, f"while nobody was there {number}")
            expect(page.locator("[data-part=places]")).to_contain_text("while nobody was there 2", timeout=WAIT_MS)
            wait_live(page)
            document = twin(page, BOARD)
            assert document["frame"]["position"] > before
            assert position(page) == document["frame"]["position"]
            said = page.locator(".events .event-said").all_inner_texts()
            assert said == [each["sentence"] for each in document["events"]]
            shown = page.locator("[data-part=problems] tbody th").all_inner_texts()
            assert shown == [each["problem"] for each in document["problems"]]
        browsing.close()
        assert not browsing.wrong


def test_a_person_who_is_no_member_any_more_hears_nothing_more(browsing: Browsing, thursday: Served) -> None:
    page = browsing.tab(who="dev-2")
    page.goto(BOARD)
    wait_live(page)
    before = page.locator("main").inner_text()
    thursday.by_two("DeactivatePrincipal", {"principal": "dev-2", "reason": "left"})
    report(thursday, "not for dev-2")
    wait_live(page, "over")
    expect(page.locator("#live")).to_contain_text("sign in again")
    assert "not for dev-2" not in page.locator("main").inner_text()
    assert before == page.locator("main").inner_text()


def test_a_stream_goes_on_after_the_last_event_that_was_heard(browsing: Browsing, thursday: Served) -> None:
    first = report(thursday, "one")["position"]
    second = report(thursday, "two")["position"]
    cookies = {"interlock-tests": f'"{PROJECT}|{ME}"'}
    headers = {"Last-Event-ID": str(first)}
    with httpx2.stream("GET", f"{browsing.url}/p/demo/live", cookies=cookies, headers=headers, timeout=30) as answer:
        for line in answer.iter_lines():
            if line.startswith("id: "):
                assert int(line.removeprefix("id: ")) == first + 1
                assert first + 1 <= second
                return
    raise AssertionError("the stream ended")
