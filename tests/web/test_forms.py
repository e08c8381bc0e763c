"""Pages on which people act and sign in, as people meet them: without JavaScript, narrow and wide, by keyboard."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from interlock.desk import Desk
from interlock.ledger import Ledger
from interlock.serve import seams
from interlock.serve.project import begin
from interlock.serve.settings import load
from tests.cli.story import Story
from tests.cli.story_of_adjustment import ask_for_adjustment, rehearse_adjustment
from tests.fixtures.browser import WAIT_MS
from tests.fixtures.postgres import elsewhere
from tests.fixtures.server import config_text
from tests.web.looking import accessible, fits, reachable, valid, words
from tests.web.reviews import RELEASE, heads_to_review, offered
from tests.web.signed import SignedServer, Visitor, by_provider

DO = "/p/demo/do/"
LOGIN_DT = f"/p/demo/login-dt?digest=sha256:{'0' * 64}&days=90&host=laptop"


@dataclass(frozen=True)
class Form:
    """A page: its template's name, its address, and who looks at it. What is in braces is made by the story."""

    page: str
    address: str
    who: str = "qa-1"
    status: int = 200


FORMS = {
    "projects": Form("projects", "/"),
    "sign in": Form("sign_in", "/sign-in?next=/p/demo/&again=1"),
    "sign out": Form("sign_out", "/sign-out"),
    "sessions": Form("sessions", "/p/demo/sessions"),
    "one session": Form("one_session", "/p/demo/sessions/{session}", "admin-1"),
    "sign dt in": Form("login_dt", LOGIN_DT),
    "not this way": Form("trouble", f"{DO}nothing", status=404),
    "approve": Form("act", f"{DO}approve?release=4.13.0&environment=sandbox"),
    "review": Form("act", f"{DO}review?release={RELEASE}&diff={{diff}}", "reviewer-1"),
    "review of another diff": Form("act", f"{DO}review?release={RELEASE}&diff={{other}}", "reviewer-1"),
    "review without a diff": Form("act", f"{DO}review?release={RELEASE}", "reviewer-1"),
    "review by an author": Form("act", f"{DO}review?release={RELEASE}&diff={{diff}}", "anton"),
    "freeze": Form("act", f"{DO}freeze?environment=sandbox", "rm-1"),
    "report": Form("act", f"{DO}report?environment=sandbox"),
    "verify": Form("act", f"{DO}verify?adjustment={{adjustment}}"),
}
# The same template with fields that those above have too: what is the same is not looked at once more in a browser.
ALIKE = {
    "reject": Form("act", f"{DO}reject?release=4.12.0&environment=stage"),
    "reject a review": Form("act", f"{DO}reject-review?release={RELEASE}", "reviewer-1"),
    "hold": Form("act", f"{DO}hold?release=4.12.0", "rm-1"),
    "lift": Form("act", f"{DO}lift?release=4.12.0", "rm-1"),
    "unfreeze": Form("act", f"{DO}unfreeze?environment=sandbox", "rm-1"),
    "acknowledge": Form("act", f"{DO}acknowledge?problem=P-1"),
    "reject an adjustment": Form("act", f"{DO}reject-adjustment?adjustment={{adjustment}}"),
}


async def begun(config: Path, dsn: str) -> None:
    """Let the project of these settings begin, in the same ledger."""
    ledger = await Ledger.open(dsn)
    desk = Desk(ledger, monotonic=seams.monotonic, event_ids=seams.event_id)
    try:
        await begin(desk, ledger, load(config))
    finally:
        await desk.close()
        await ledger.close()


@pytest.fixture(scope="module")
def told(server: SignedServer, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What the addresses name: diffs, an adjustment, a session that the provider vouched for; and a second project."""
    other: Path = tmp_path_factory.mktemp("other") / "interlock.toml"
    other.write_text(config_text(project="other", dsns=server.dsns), encoding="utf-8")
    elsewhere(begun(other, server.dsns.app))
    heads = heads_to_review(server)
    adjustment = ask_for_adjustment(story := Story(server.served))
    rehearse_adjustment(story, adjustment)
    vouched, _ = by_provider(server, "u-qa")
    [session] = [each for each in vouched.get("/p/demo/sessions.json").json()["sessions"] if each["this"]]
    wrong = {name: (begin, "1" * 40) for name, (begin, _) in heads.items()}
    return {
        "diff": offered(server, heads),
        "other": offered(server, wrong),
        "adjustment": adjustment,
        "session": session["session"],
    }


@dataclass
class People:
    """Two browsers of each person, with JavaScript and without, in one session; and what went wrong in them."""

    browser: Browser
    server: SignedServer
    wrong: list[str] = field(default_factory=list)
    _signed_in: dict[str, Visitor] = field(default_factory=dict)
    _opened: dict[tuple[str, bool], BrowserContext] = field(default_factory=dict)

    def tab(self, who: str, *, script: bool = True) -> Page:
        if (who, script) not in self._opened:
            made = self.browser.new_context(base_url=self.server.url, java_script_enabled=script)
            made.set_default_timeout(WAIT_MS)
            made.on("request", lambda asked: self._asked(asked.url))
            made.on("console", lambda said: self._said(said.type, said.text))
            made.add_cookies(
                [
                    {"name": name, "value": value, "url": self.server.url.replace("http:", "https:"), "secure": True}
                    for name, value in self.visitor(who).held.items()
                ]
            )
            self._opened[who, script] = made
        return self._opened[who, script].new_page()

    def visitor(self, who: str) -> Visitor:
        """The same session, without a browser."""
        if who not in self._signed_in:
            self._signed_in[who] = self.server.visitor(who)
        return self._signed_in[who]

    def close(self) -> None:
        for each in self._opened.values():
            each.close()

    def _asked(self, address: str) -> None:
        if urlsplit(address).hostname not in {"127.0.0.1", None}:
            self.wrong.append(f"a request leaves: {address}")

    def _said(self, kind: str, text: str) -> None:
        if kind in {"error", "warning"} and "Failed to load resource" not in text:
            self.wrong.append(f"console: {text}")


@pytest.fixture(scope="module")
def people(browser: Browser, server: SignedServer) -> Iterator[People]:
    made = People(browser, server)
    yield made
    made.close()


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS.keys())
def test_a_form_is_valid_has_its_words_without_javascript_is_accessible_fits_and_needs_no_mouse(
    people: People, told: dict[str, str], form: Form
) -> None:
    address = form.address.format(**told)
    plain, page = people.tab(form.who, script=False), people.tab(form.who)
    answer = plain.goto(address)
    assert answer is not None
    assert answer.status == form.status
    valid(answer.text())
    page.goto(address)
    assert page.locator("body").get_attribute("data-page") == form.page
    assert words(plain) == words(page)
    reachable(page)
    accessible(page)
    fits(page)
    plain.close()
    page.close()
    assert not people.wrong, "\n".join(people.wrong)


@pytest.mark.parametrize("form", ALIKE.values(), ids=ALIKE.keys())
def test_a_form_that_is_like_another_one_is_valid_and_can_be_sent_or_says_why_not(
    people: People, told: dict[str, str], form: Form
) -> None:
    answer = people.visitor(form.who).get(form.address.format(**told))
    assert answer.status_code == form.status
    valid(answer.text)
    main = answer.text.partition("<main")[2]
    assert ('<button class="main-button">' in main) != ("not now, because" in main)


def test_a_review_is_approved_by_keyboard_alone(people: People, told: dict[str, str], server: SignedServer) -> None:
    page = people.tab("reviewer-1", script=False)
    page.goto(FORMS["review"].address.format(**told))
    page.get_by_label("The diff", exact=True).press("End")
    page.keyboard.press("Tab")
    page.keyboard.type(told["diff"].removeprefix("sha256:")[:6])
    page.keyboard.press("Enter")
    expect(page.locator(".told")).to_contain_text("Recorded:")
    approved: Any = server.served["anton"].get("/events", type="CodeReviewApproved", release=RELEASE)["events"]
    event = server.served["anton"].get(f"/events/{max(each['position'] for each in approved)}")["event"]
    assert event["data"]["diff_digest"] == told["diff"]
