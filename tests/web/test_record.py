"""Pages of the record: adjustments, audit, events, metrics, policy, system; as people and as auditors read them."""
# Long: one suite over every page of the record, on one story that is expensive to serve

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.cli import story_of_delivery as told
from tests.cli.story_of_adjustment import (
    PLAN_TEXTS,
    ask_for_adjustment,
    execute_adjustment,
    rehearse_adjustment,
    verify_adjustment,
)
from tests.cli.terminal import Terminal
from tests.fixtures.browser import SERVED, Browsing
from tests.fixtures.postgres import PostgresServer, elsewhere
from tests.fixtures.server import Served, config_text, serving
from tests.web.looking import accessible, fits, valid, words

# The first test waits for a server, a story and a browser.
pytestmark = pytest.mark.timeout(300)
BASE = "/p/demo/"
WIDTHS = (320, 768, 1440)
PAGES = {
    "adjustments": "adjustments?state=all",
    "adjustment": "adjustments/ADJ-1",
    "open adjustment": "adjustments/ADJ-2",
    "report": "adjustments/ADJ-1/report",
    "audit": "audit",
    "audit then": "audit?at=100&person=anton",
    "event": "events/158",
    "metrics": f"metrics?since={told.SINCE}&until={told.UNTIL}",
    "policy": "policy?verifications=3",
    "system": "system",
}


@pytest.fixture(scope="module")
def thursday(
    postgres_server: PostgresServer, team_template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    """The week of `story_of_delivery`; then data was adjusted, another adjustment waits, and a policy was proposed."""
    home: Path = tmp_path_factory.mktemp("record")
    elsewhere(postgres_server._copy("web_record", team_template))
    config = home / "interlock.toml"
    config.write_text(config_text(dsns=postgres_server.embedded.dsns("web_record")), encoding="utf-8")
    try:
        with serving(config, "--test-clock", module=SERVED) as served:
            story = told.tell(served)
            told.restore(story)
            first = ask_for_adjustment(story)
            rehearse_adjustment(story, first)
            story.served.refused("anton", "VerifyAdjustment", bound(served, first))
            for who in ("qa-1", "qa-2"):
                verify_adjustment(story, first, who)
            execute_adjustment(story, first)
            story.by("qa-1", "VerifyAdjustmentResult", adjustment=first, method="counted them")
            # The same again, now that the first one is over, is another one.
            second = ask_for_adjustment(story)
            rehearse_adjustment(story, second)
            document = served["admin-1"].get("/policy")["document"]
            story.by("admin-1", "ProposePolicy", document={**document, "verifications": 3}, reason="three see more")
            yield served
    finally:
        elsewhere(postgres_server._drop("web_record"))


def bound(served: Served, name: str) -> dict[str, Any]:
    digest = served["anton"].get(f"/adjustments/{name}")["bound_digest"]
    return {"adjustment": name, "bound_digest": digest, "method": "I wrote it"}


def twin(page: Page, address: str) -> dict[str, Any]:
    path, _, query = address.partition("?")
    answer = page.request.get(f"{BASE}{path}.json" + (f"?{query}" if query else ""))
    assert answer.status == 200, answer.text()
    document: dict[str, Any] = answer.json()
    return document


def facts(page: Page, heading: str) -> str:
    """The text of the figure with that heading."""
    row = page.locator(".figures > div", has=page.get_by_role("link", name=heading))
    return " ".join(row.locator("dd").inner_text().split())


@pytest.mark.parametrize("address", PAGES.values(), ids=PAGES.keys())
def test_a_page_is_valid_readable_without_javascript_accessible_and_fits_every_width(
    browsing: Browsing, address: str
) -> None:
    plain, page = browsing.tab(java_script_enabled=False), browsing.tab()
    answer = plain.goto(BASE + address)
    assert answer is not None
    assert answer.status == 200
    valid(answer.text())
    page.goto(BASE + address)
    assert words(plain) == words(page)
    accessible(page)
    fits(page, WIDTHS)


@pytest.mark.parametrize("address", [each for name, each in PAGES.items() if name not in {"system", "audit then"}])
def test_what_a_page_said_at_a_position_it_says_for_ever(page: Page, thursday: Served, address: str) -> None:
    path, _, query = address.partition("?")
    before = twin(page, address)
    position = before["frame"]["position"]
    thursday["anton"].command("Annotate", {"target": 1, "kind": "remark", "text": "somebody goes on"})
    then = twin(page, f"{path}?" + "&".join(part for part in (query, f"at={position}") if part))
    for changed in ("head", "past"):
        before["frame"].pop(changed), then["frame"].pop(changed)
    # A cursor leads on in the list that was asked in the same words.
    for other in ("following", "next_cursor"):
        before.pop(other, None), then.pop(other, None)
    # Whoever asks as of now is told of now: the period of the figures ends then.
    assert {**then, "metrics": None} == {**before, "metrics": None}
    if "metrics" in then:
        for part in ("lead_time", "rework_rate", "deployments"):
            assert then["metrics"][part] == before["metrics"][part]


def test_page_api_and_dt_tell_the_same_figures_which_were_worked_out_by_hand(
    page: Page, thursday: Served, tmp_path: Path
) -> None:
    period = {"since": told.SINCE, "until": told.UNTIL}
    api = thursday["anton"].get("/metrics", **period)
    terminal = Terminal(tmp_path, thursday.url, thursday.project, thursday.now)
    dt = terminal.dt("metrics", "--since", told.SINCE, "--until", told.UNTIL, "--json").json
    shown = twin(page, PAGES["metrics"])["metrics"]
    assert dt.pop("next") == []
    assert api == dt == shown
    page.goto(BASE + PAGES["metrics"])
    # 99 h 10, the middle of three; 2 in a week; 25 minutes; 1 of 2; 1 of 2.
    assert api["lead_time"]["median_seconds"] == told.MEDIAN_SECONDS
    assert facts(page, "Change lead time") == "4 d 3 h median of 3 changes"
    assert facts(page, "Deployment frequency") == "2.0 a week: 2 deployments in 7 days"
    assert facts(page, "Failed deployment recovery time") == "25 m median of 1 recovered, of 1 failed"
    assert facts(page, "Change fail rate") == "50.0 % 1 of 2 deployments"
    assert facts(page, "Deployment rework rate") == "50.0 % 1 of 2 deployments"
    text = page.locator("main").inner_text()
    for key in ("lead_time", "deployment_frequency", "change_fail_rate", "rework_rate"):
        assert api[key]["definition"] in text


def test_each_plot_says_what_it_shows_and_its_table_says_the_same(page: Page) -> None:
    page.goto(BASE + PAGES["metrics"])
    [row] = twin(page, PAGES["metrics"])["metrics"]["lead_time"]["deployments"]
    plots = page.locator("figure.plot svg")
    assert plots.count() == 3
    for plot in plots.all():
        assert plot.locator("title").first.text_content()
        assert "table below says the same" in str(plot.locator("desc").text_content())
    widths = {
        part: float(str(page.locator(f"svg .p-{part}").first.get_attribute("width")))
        for part in ("working", "person", "window")
    }
    whole = sum(widths.values())
    for part, width in widths.items():
        assert width / whole == pytest.approx(row[f"{part}_seconds"] / row["total_seconds"], abs=0.005)
    cells = page.get_by_role("group", name="Lead times").locator("tbody tr").inner_text()
    assert all(words_of in cells for words_of in ("4.12.0", "4 d 4 h", "5 h 31 m", "1 d 1 h", "2 d 20 h"))


def test_the_chain_of_an_adjustment_has_each_person_time_and_digest_and_its_texts(page: Page) -> None:
    document = twin(page, "adjustments/ADJ-1")
    page.goto(f"{BASE}adjustments/ADJ-1")
    links = page.locator("ol.links > li")
    assert links.count() == 8
    who = {"requested": "anton", "rehearsed": "ci-1", "authorized": "qa-2", "executed": "operator-1", "checked": "qa-1"}
    for name, person in who.items():
        assert person in links.filter(has_text=re.compile(rf"^\s*\d\s+{name}\b")).inner_text()
    assert {"qa-1", "qa-2"} <= set(links.nth(2).inner_text().split())
    for text in document["texts"]:
        content = PLAN_TEXTS[text["name"]]
        assert (text["same"], text["text"]) == (True, content)
        assert text["digest"] == f"sha256:{hashlib.sha256(content.encode()).hexdigest()}"
    assert PLAN_TEXTS["script"].strip() in page.locator("main").inner_text()
    assert {each["holds"] for each in document["findings"]} == {True}
    rows = [(each["what"], each["rows"]) for each in document["compared"]]
    assert rows == [("rehearsed", 14), ("announced", 14), ("executed", 14)]


def test_an_open_adjustment_says_who_may_act_and_what_is_not_there_yet(page: Page) -> None:
    page.goto(f"{BASE}adjustments/ADJ-2")
    gate = page.get_by_role("region", name="Between it and its execution").inner_text()
    assert "adjustment-verified" in gate
    assert "qa-1, qa-2" in gate
    assert page.locator("ol.links > li.open").count() == 6


def test_the_report_stands_alone_on_paper(page: Page) -> None:
    page.goto(f"{BASE}adjustments/ADJ-1/report")
    page.emulate_media(media="print")
    assert not page.locator("nav.sections").is_visible()
    text = page.locator("article.report").inner_text()
    for part in (
        "What this proves",
        "What it does not prove",
        PLAN_TEXTS["undo"].strip(),
        "These are 4 different persons",
        "credential K-",
        "signature",
    ):
        assert part in text, part
    # Each step's decision, with every check; nothing is folded away.
    assert "within-expected-effect" in text
    assert page.locator("article.report details:not([open])").count() == 0


def test_the_slider_is_a_form_that_works_without_javascript(browsing: Browsing, thursday: Served) -> None:
    plain = browsing.tab(java_script_enabled=False)
    plain.goto(f"{BASE}audit?person=anton")
    slider = plain.get_by_label("position", exact=True)
    slider.focus()
    slider.press("Home")
    plain.get_by_role("button", name="Show this moment").click()
    first = thursday["anton"].get("/events", type="PolicyActivated", limit=1)["events"][0]["position"]
    assert f"at={first}" in plain.url
    assert "person=anton" in plain.url
    assert "You look at the past" in plain.locator("body").inner_text()
    plain.get_by_label("one position forward").click()
    assert f"at={first + 1}" in plain.url
    plain.goto(f"{BASE}audit?at=2026-11-21+10:00")
    then = plain.get_by_role("group", name="Environments then").inner_text()
    assert re.search(r"production\s+4\.12\.0", then)
    assert "What came next" in plain.locator("main").inner_text()


@pytest.mark.parametrize(
    "query, types",
    [
        ("q=COUNTED them", {"DataAdjustResultVerified"}),
        ("type=DeployStarted&environment=production", {"DeployStarted"}),
        ("adjustment=ADJ-1&person=operator-1&type=DataAdjustStarted", {"DataAdjustStarted"}),
        ("since=2026-11-21 10:15&until=2026-11-21 10:22&type=LeaseGranted", {"LeaseGranted"}),
        ("q=nothing like that", set()),
    ],
)
def test_the_record_is_searched_by_everything_that_an_event_names(page: Page, query: str, types: set[str]) -> None:
    found = twin(page, f"audit?{query}")["events"]
    assert {each["type"] for each in found} == types


def test_a_digest_is_found_by_its_beginning_and_a_position_by_its_number(page: Page, thursday: Served) -> None:
    digest = thursday["anton"].get("/adjustments/ADJ-1")["bound_digest"]
    found = twin(page, f"audit?q={digest[7:15]}")["events"]
    assert {"DataAdjustRequested", "DataAdjustVerified", "DataAdjustExecuted"} <= {each["type"] for each in found}
    page.goto(f"{BASE}audit?q=@158")
    page.get_by_role("link", name="Event 158").click()
    page.wait_for_url("**/events/158")


def test_an_events_page_has_its_bytes_exactly_its_causes_its_effects_and_its_forms(
    page: Page, thursday: Served
) -> None:
    [started] = thursday["anton"].get("/events", type="DeployStarted", environment="production", limit=1)["events"]
    position = started["position"]
    document = twin(page, f"events/{position}")
    [stored] = thursday["anton"].get("/events/stored", after=position - 1, limit=1)["events"]
    page.goto(f"{BASE}events/{position}")
    assert page.get_by_label("the stored bytes, exactly").text_content() == stored
    digest = hashlib.sha256(stored.encode()).hexdigest()
    assert document["digest"] == f"sha256:{digest}"
    assert digest in page.locator("main").inner_text()
    assert document["event"]["causes"]
    assert [each["type"] for each in document["event"]["causes"]][:1] == ["LeaseGranted"]
    form = json.loads(document["forms"]["structured"])
    assert (form["specversion"], form["type"]) == ("1.0", "interlock.DeployStarted.v1")
    assert document["forms"]["kafka"]["ce_position"] == str(position)
    assert f"/v1/demo/events/{position}" in page.locator("main").inner_text()


def test_the_policy_shows_its_versions_what_waits_and_what_another_figure_would_flip(page: Page) -> None:
    document = twin(page, "policy?verifications=3")
    [proposal] = document["proposals"]
    assert [(each["path"], each["from"], each["to"]) for each in proposal["changes"]] == [("verifications", 2, 3)]
    assert [(each["version"], each["state"]) for each in document["versions"]] == [(2, "proposed"), (1, "active")]
    [affected] = document["simulated"]["affects"]
    assert (affected["adjustment"], [each["check"] for each in affected["checks"]]) == (
        "ADJ-2",
        ["adjustment-verified"],
    )
    assert twin(page, "policy?version=2")["simulated"]["affects"] == document["simulated"]["affects"]
    page.goto(f"{BASE}policy")
    page.get_by_label("persons who verify an adjustment").fill("1")
    page.get_by_role("button", name="Try it").click()
    assert "verifications" in page.get_by_role("alert").inner_text()
    assert "whole number" in twin(page, "policy?verifications=many")["fault"]
    assert twin(page, "policy")["policy"]["document"]["verifications"] == 2


def test_the_system_says_how_each_part_does_and_how_far_each_read_model_is(page: Page) -> None:
    found = twin(page, "system")["system"]
    assert {each["part"]: each["state"] for each in found["parts"]}["ledger"] == "ok"
    assert {each["name"] for each in found["projections"]} >= {"releases", "audit_trail"}
    assert all(each["lag"] == 0 for each in found["projections"])
    assert found["database"]["fsync"] == "on"
    page.goto(f"{BASE}adjustments/ADJ-1")
    page.goto(f"{BASE}system")
    assert "serves" in page.get_by_role("group", name="Read models").inner_text()
    assert page.request.get("/metrics").text().count("interlock_ready{") >= 3
    # Pages are counted by what kind of page they are, never by whose address it was.
    assert 'route="/p/{project}/adjustments/{name}"' in page.request.get("/metrics").text()
    assert "ADJ-1" not in page.request.get("/metrics").text()


@pytest.mark.parametrize(
    "address, status, says",
    [
        ("events/999999", 404, "999999"),
        ("events/first", 404, "position"),
        ("adjustments/ADJ-99", 404, "ADJ-99"),
        ("metrics?since=2026-12-01&until=2026-12-02", 422, "until"),
        ("metrics?since=yesterday", 422, "RFC 3339"),
        ("audit?since=5", 422, "since"),
        ("adjustments?state=lost", 422, "state"),
    ],
)
def test_what_is_wrong_is_said_as_a_page(page: Page, address: str, status: int, says: str) -> None:
    answer = page.goto(BASE + address)
    assert answer is not None
    assert answer.status == status
    assert says in page.locator("main").inner_text()


def test_by_the_keyboard_alone_one_comes_from_the_chain_to_an_events_bytes(tab: Callable[..., Page]) -> None:
    page = tab()
    page.goto(f"{BASE}adjustments/ADJ-1")
    page.locator("ol.links a.at").first.focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/events/*")
    assert "DataAdjustRequested" in page.locator("h1").inner_text()
