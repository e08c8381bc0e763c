"""People at a real browser: the cookie is kept and sent, forms work without a script, and an end is seen at once."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.fixtures.browser import WAIT_MS
from tests.fixtures.server import token_of
from tests.web.signed import SignedServer

Opens = Callable[..., BrowserContext]


@pytest.fixture
def opens(browser: Browser, server: SignedServer) -> Iterator[Opens]:
    """Opens browsers; what they ask for is on this machine, and nothing is wrong in them."""
    opened: list[BrowserContext] = []
    wrong: list[str] = []

    def open_one(base: str = "", **more: object) -> BrowserContext:
        made = browser.new_context(base_url=base or server.url, **more)  # type: ignore[arg-type]
        made.set_default_timeout(WAIT_MS)
        made.on(
            "request",
            lambda request: (
                None
                if urlsplit(request.url).hostname in {"127.0.0.1", "localhost", None}
                else wrong.append(f"a request leaves: {request.url}")
            ),
        )
        made.on(
            "console",
            lambda said: (
                wrong.append(said.text)
                if said.type in {"error", "warning"} and "Failed to load resource" not in said.text
                else None
            ),
        )
        opened.append(made)
        return made

    yield open_one
    for each in opened:
        each.close()
    assert not wrong, "\n".join(wrong)


def sign_in(context: BrowserContext, who: str, address: str = "/p/demo/") -> Page:
    """Sign in as a person does: led there, by typing the token."""
    page = context.new_page()
    page.goto(address)
    page.get_by_label("Personal token").fill(token_of(who))
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("button", name="sign out")).to_be_visible()
    return page


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_browser_keeps_the_host_s_cookie_over_http_on_this_machine(
    opens: Opens, server: SignedServer, host: str
) -> None:
    context = opens(server.url.replace("127.0.0.1", host))
    page = sign_in(context, "qa-1", "/p/demo/releases?state=open")
    assert urlsplit(page.url).path == "/p/demo/releases"
    [kept] = context.cookies()
    assert kept["name"].startswith("__Host-interlock-")
    assert (kept["secure"], kept["httpOnly"], kept["sameSite"], kept["domain"]) == (True, True, "Lax", host)
    assert page.evaluate("document.cookie") == ""
    page.reload()
    expect(page.locator(".me b")).to_have_text("qa-1")


def test_signing_in_and_acting_need_no_script(opens: Opens) -> None:
    page = sign_in(opens(java_script_enabled=False), "qa-1", "/p/demo/environments/sandbox")
    page.get_by_role("link", name="report a problem").click()
    page.get_by_label("What is wrong").fill("prices are late")
    page.get_by_label("How bad").select_option("low")
    page.get_by_role("button", name="Report").click()
    assert urlsplit(page.url).path == "/p/demo/environments/sandbox"
    expect(page.locator(".told")).to_contain_text("prices are late")


def test_the_identity_provider_signs_somebody_in_and_proves_it_anew_for_an_approval(
    opens: Opens, server: SignedServer
) -> None:
    page = opens().new_page()
    page.goto("/p/demo/releases/4.12.0")
    page.get_by_role("link", name="Sign in with Test login").click()
    page.get_by_label("Name").fill("u-qa")
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_role("heading", name="4.12.0")).to_be_visible()
    expect(page.locator(".me b")).to_have_text("qa-1")
    server.sql("update identity.session set begun_at = begun_at - interval '16 minutes' where proof is not null")
    page.get_by_role("link", name="approve in stage").click()
    expect(page.get_by_role("heading", name="Sign in once more")).to_be_visible()
    page.get_by_role("link", name="Sign in with Test login").click()
    # It knows this browser, and asks all the same: it was told to.
    page.get_by_label("Name").fill("u-qa")
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_role("heading", name="Approve 4.12.0 in stage")).to_be_visible()


def test_signing_out_in_one_tab_ends_what_the_other_ones_hear_at_once(opens: Opens) -> None:
    context = opens()
    first = sign_in(context, "qa-2")
    second = context.new_page()
    second.goto("/p/demo/releases")
    for page in (first, second):
        expect(page.locator("#live")).to_have_attribute("data-state", "live")
    first.get_by_role("button", name="sign out").click()
    expect(first.get_by_role("heading", name="Sign in")).to_be_visible()
    expect(second.locator("#live")).to_contain_text("signed out", timeout=5_000)
    assert second.request.get("/p/demo/.json").status == 401


@pytest.mark.parametrize("ends", ["session", "credential"])
def test_what_ends_a_session_from_elsewhere_ends_its_open_stream(opens: Opens, server: SignedServer, ends: str) -> None:
    who = "qa-2" if ends == "session" else "dev-2"
    page = sign_in(opens(), who)
    expect(page.locator("#live")).to_have_attribute("data-state", "live")
    if ends == "session":
        # As another process of the same deployment does it.
        server.sql(
            "update identity.session set ended_at = clock_timestamp(), because = 'a test' where principal = 'qa-2'"
        )
    else:
        credential = server.served[who].get("/whoami")["credential"]
        server.served["admin-1"].command("RevokeCredential", {"credential": credential, "reason": "lost"})
    expect(page.locator("#live")).to_contain_text("signed out", timeout=10_000)
    page.reload()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_of_two_people_at_two_browsers_the_second_sees_what_the_first_one_did(opens: Opens) -> None:
    rm, qa = sign_in(opens(), "rm-1"), sign_in(opens(), "qa-1")
    for page in (rm, qa):
        page.goto("/p/demo/do/hold?release=4.13.0")
    qa.get_by_label("Reason").fill("the gap test is flaky")
    qa.get_by_role("button", name="Hold").click()
    expect(qa.locator(".told")).to_contain_text("the gap test is flaky")
    rm.get_by_label("Reason").fill("typed with care")
    rm.get_by_role("button", name="Hold").click()
    expect(rm.get_by_role("alert")).to_contain_text("Somebody was faster")
    expect(rm.get_by_role("alert")).to_contain_text("qa-1")
    expect(rm.get_by_role("alert")).to_contain_text("the gap test is flaky")


def test_dt_login_is_confirmed_in_the_browser_where_both_show_one_code(
    opens: Opens, server: SignedServer, tmp_path: Path
) -> None:
    environment = {"INTERLOCK_HOME": str(tmp_path), "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    dt = [sys.executable, "-c", "from interlock.cli import main; main()", "--url", server.url, "--project", "demo"]
    process = subprocess.Popen(
        [*dt, "login", "--no-browser", "--days", "30"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        cwd=tmp_path,
    )
    try:
        assert process.stderr is not None
        code = process.stderr.readline().split()[1].rstrip(":")
        process.stderr.readline()
        address = process.stderr.readline().strip()
        page = sign_in(opens(), "qa-1", address)
        expect(page.locator(".code")).to_have_text(code)
        page.get_by_role("button", name="This is me").click()
        expect(page.locator(".told")).to_contain_text("qa-1")
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 0, err
    assert "you are qa-1" in out
    asked = subprocess.run(
        [*dt, "--json", "login", "--list"], capture_output=True, text=True, env=environment, cwd=tmp_path, check=True
    )
    assert '"principal": "qa-1"' in asked.stdout
