"""What people do by forms: once, knowingly, in their own name, and never over somebody else's change."""
# Long: one suite over one server and one signed-in person, form by form

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from uuid import uuid4

import httpx2
import pytest

from interlock.events.login_code import login_code
from tests.cli.story import Story, digest
from tests.cli.story_of_adjustment import ask_for_adjustment, rehearse_adjustment
from tests.web.signed import SignedServer, Visitor

SANDBOX = "/p/demo/do/report?environment=sandbox"
HOLD = "/p/demo/do/hold?release=4.12.0"
LIFT = "/p/demo/do/lift?release=4.12.0"
APPROVE = "/p/demo/do/approve?release=4.13.0&environment=sandbox"


@pytest.fixture
def rm(server: SignedServer) -> Visitor:
    return server.visitor("rm-1")


def recorded(answer: httpx2.Response) -> int:
    assert answer.status_code == 303, answer.text
    return int(dict(parse_qsl(urlsplit(answer.headers["location"]).query))["recorded"])


def head(server: SignedServer) -> int:
    position = server.served["admin-1"].get("/status")["position"]
    assert isinstance(position, int)
    return position


def said(visitor: Visitor, answer: httpx2.Response) -> str:
    """What the page says of the deed to whoever did it."""
    page = visitor.get(answer.headers["location"])
    assert page.status_code == 200
    return page.text.partition('class="told"')[2].partition("</p>")[0]


def test_what_was_done_is_said_with_its_event_and_only_to_whoever_did_it(server: SignedServer, qa: Visitor) -> None:
    done = qa.post(SANDBOX, **qa.form(SANDBOX), title="slow quotes", severity="low", description="a\r\nb")
    position = recorded(done)
    event = server.served["admin-1"].get(f"/events/{position}")["event"]
    assert (event["type"], event["by"]) == ("ProblemReported", "qa-1")
    assert event["data"]["description"] == "a\nb"
    assert "slow quotes" in said(qa, done)
    assert f"@{position}" in said(qa, done)
    assert not said(server.visitor("qa-2"), done)


def test_a_double_click_and_a_reload_do_it_once(server: SignedServer, qa: Visitor) -> None:
    fields = {**qa.form(SANDBOX), "title": "twice", "severity": "low"}
    with ThreadPoolExecutor(4) as clicks:
        answers = [each.result() for each in [clicks.submit(qa.post, SANDBOX, **fields) for _ in range(4)]]
    assert len({recorded(each) for each in [*answers, qa.post(SANDBOX, **fields)]}) == 1
    titles = [each["title"] for each in server.served["qa-1"].get("/problems")["problems"]]
    assert titles.count("twice") == 1


def test_the_same_form_with_other_words_does_nothing(server: SignedServer, qa: Visitor) -> None:
    fields = {**qa.form(SANDBOX), "severity": "low"}
    recorded(qa.post(SANDBOX, **fields, title="first words"))
    before = head(server)
    other = qa.post(SANDBOX, **fields, title="other words")
    assert other.status_code == 422
    assert "Idempotency-Key" in other.text
    assert head(server) == before


def test_of_two_who_act_at_once_the_second_sees_what_changed_and_who_did_it(server: SignedServer, rm: Visitor) -> None:
    other = server.visitor("qa-2")
    seal, theirs = rm.form(HOLD), other.form(HOLD)
    recorded(other.post(HOLD, **theirs, reason="the exchange changes its API"))
    before = head(server)
    late = rm.post(HOLD, **seal, reason="typed with care")
    assert late.status_code == 412
    assert "Somebody was faster" in late.text
    assert "the exchange changes its API" in late.text
    assert "qa-2" in late.text.partition("Somebody was faster")[2].partition("</section>")[0]
    assert head(server) == before
    # The form is shown anew with what was typed: sent now, it is about what is so now.
    lifted = rm.post(LIFT, **rm.form(LIFT), reason="it was put off")
    assert recorded(lifted) == before + 1


def test_a_freeze_is_raced_for_too(server: SignedServer, rm: Visitor) -> None:
    path = "/p/demo/do/freeze?environment=sandbox-anton"
    other = server.visitor("admin-1")
    seal, theirs = rm.form(path), other.form(path)
    recorded(other.post(path, **theirs, reason="stock-taking", until="2026-11-27 09:00"))
    late = rm.post(path, **seal, reason="also me")
    assert late.status_code == 412
    assert "stock-taking" in late.text
    ending = "/p/demo/do/unfreeze?environment=sandbox-anton"
    recorded(rm.post(ending, **rm.form(ending), reason="done"))


def test_a_refusal_says_which_check_who_can_act_and_is_no_dead_button(qa: Visitor) -> None:
    page = qa.get(APPROVE)
    assert page.status_code == 200
    main = page.text.partition("<main")[2]
    assert "no-open-problem" in main
    assert "quotes freeze" in main
    assert "dt problem show P-1" in main
    assert '<button class="main-button"' not in main
    assert "disabled" not in main
    nobody = qa.get("/p/demo/do/freeze?environment=stage").text
    assert "may act" in nobody
    assert "rm-1" in nobody


def test_what_is_refused_in_spite_of_the_page_is_recorded_and_says_why(server: SignedServer, qa: Visitor) -> None:
    seal = {**qa.form(SANDBOX), "version": str(version(server, "4.13.0"))}
    answer = qa.post(APPROVE, **seal, areas="quotes")
    assert answer.status_code == 409
    assert "no-open-problem" in answer.text
    assert f"@{head(server)}" in answer.text


def version(server: SignedServer, release: str) -> int:
    found = server.served["admin-1"].get(f"/releases/{release}")["version"]
    assert isinstance(found, int)
    return found


@pytest.mark.parametrize(
    "path, fields",
    [
        (SANDBOX, {"title": "", "severity": "low"}),
        (SANDBOX, {"title": "x", "severity": "apocalyptic"}),
        (SANDBOX, {"title": "x\x00y", "severity": "low"}),
        (SANDBOX, {"title": "x" * 400, "severity": "low"}),
        (SANDBOX, {"title": "a\nb", "severity": "low"}),
        (SANDBOX, {"title": "x", "severity": "low", "description": "y" * 4_001}),
        (SANDBOX, {"title": "x", "severity": "low", "release": "no such/release"}),
        (HOLD, {"reason": "\u202e\x1b[2J"}),
        ("/p/demo/do/freeze?environment=stage", {"reason": "x", "until": "tomorrow"}),
        ("/p/demo/do/freeze?environment=stage", {"reason": "x", "until": "2026-13-45 99:99"}),
        ("/p/demo/do/freeze?environment=stage", {"reason": "x", "until": "9999-12-31 23:59"}),
    ],
)
def test_what_cannot_be_is_said_beside_its_field_and_what_was_typed_stays(
    server: SignedServer, path: str, fields: dict[str, str]
) -> None:
    visitor, before = server.visitor("rm-1" if "freeze" in path or path == HOLD else "qa-1"), head(server)
    answer = visitor.post(path, **visitor.form(path), **fields)
    assert answer.status_code in {400, 404, 422}
    assert "<h1>" in answer.text
    assert head(server) == before
    if "description" not in fields and answer.status_code == 422:
        assert 'aria-invalid="true"' in answer.text or "Nothing" in answer.text


@pytest.mark.parametrize(
    "broken",
    [
        {"csrf": ""},
        {"csrf": "0" * 64},
        {"csrf": "ü"},
        {"key": ""},
        {"key": "1"},
        {"key": "; drop table"},
        {"seen": ""},
        {"seen": "-1"},
        {"seen": "9" * 40},
        {"version": "x"},
        {"version": "9" * 30},
    ],
)
def test_a_form_whose_seal_is_broken_does_nothing(server: SignedServer, rm: Visitor, broken: dict[str, str]) -> None:
    before = head(server)
    answer = rm.post(HOLD, **{**rm.form(HOLD), **broken}, reason="x")
    assert answer.status_code in {400, 403}
    assert head(server) == before


def test_another_session_s_seal_is_none(server: SignedServer, rm: Visitor) -> None:
    other = server.visitor("rm-1")
    answer = rm.post(HOLD, **other.form(HOLD), reason="x")
    assert answer.status_code == 403
    assert "not of your session" in answer.text


@pytest.mark.parametrize(
    "path, status",
    [
        ("/p/demo/do/approve", 422),
        ("/p/demo/do/approve?release=4.13.0", 422),
        ("/p/demo/do/hold?release=nothing", 404),
        ("/p/demo/do/hold?release=..%2F..%2Fetc", 404),
        ("/p/demo/do/hold?release=%00", 404),
        ("/p/demo/do/hold?release=4.12.0&release=4.13.0", 422),
        ("/p/demo/do/hold?release=4.12.0&more=1", 422),
        ("/p/demo/do/acknowledge?problem=P-99", 404),
        ("/p/demo/do/verify?adjustment=ADJ-99", 404),
        ("/p/demo/do/freeze?environment=moon", 404),
        ("/p/demo/do/nothing", 404),
        ("/p/demo/do/", 404),
        ("/p/demo/login-dt", 422),
        ("/p/demo/login-dt?digest=sha256:00&days=1", 422),
        ("/p/demo/login-dt?digest=sha256:" + "0" * 64 + "&days=0", 422),
        ("/p/demo/login-dt?digest=sha256:" + "0" * 64 + "&days=999", 422),
        ("/p/demo/login-dt?digest=sha256:" + "0" * 64 + "&days=9&host=<b>", 422),
    ],
)
def test_an_address_that_is_of_nothing_says_so(qa: Visitor, path: str, status: int) -> None:
    answer = qa.get(path)
    assert answer.status_code == status or (answer.status_code in {404, 422} and status in {404, 422})
    assert "<h1>" in answer.text
    assert qa.post(path, csrf="x").status_code in {403, 404, 405, 422}


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
def test_other_methods_do_nothing(server: SignedServer, qa: Visitor, method: str) -> None:
    for path in (HOLD, "/sign-in", "/sign-out", "/p/demo/sessions", "/p/demo/"):
        assert qa.http.request(method, path, headers=qa._cookies()).status_code == 405, path


def test_nobody_acts_without_a_session(server: SignedServer, qa: Visitor) -> None:
    seal = qa.form(SANDBOX)
    stranger = server.visitor()
    before = head(server)
    answer = stranger.post(SANDBOX, **seal, title="x", severity="low")
    assert (answer.status_code, answer.headers["location"].partition("?")[0]) == (303, "/sign-in")
    assert head(server) == before


def test_whoever_approves_proved_lately_who_they_are(server: SignedServer, qa: Visitor) -> None:
    """An unattended browser looks at everything, and approves nothing."""
    server.sql("update identity.session set begun_at = begun_at - interval '16 minutes' where principal = 'qa-1'")
    before = head(server)
    asked = qa.get(APPROVE)
    assert asked.status_code == 303
    assert asked.headers["location"].startswith("/sign-in?next=%2Fp%2Fdemo%2Fdo%2Fapprove")
    assert "again=1" in asked.headers["location"]
    page = qa.get(asked.headers["location"]).text
    assert "Sign in once more" in page
    assert "15 minutes" in page
    sent = qa.post(APPROVE, csrf=qa.form(SANDBOX)["csrf"], key=str(uuid4()), seen="1", areas="quotes")
    assert sent.status_code == 303
    assert head(server) == before
    # What approves nothing needs no fresh proof.
    recorded(qa.post(SANDBOX, **qa.form(SANDBOX), title="seen later", severity="low"))
    qa.sign_in("qa-1", next=APPROVE)
    assert qa.get(APPROVE).status_code == 200


def test_acknowledging_approving_and_rejecting_stand_in_the_record(server: SignedServer) -> None:
    qa2 = server.visitor("qa-2")
    path = "/p/demo/do/acknowledge?problem=P-1"
    recorded(qa2.post(path, **qa2.form(path)))
    again = qa2.post(path, **qa2.form(path))
    assert again.status_code == 303
    assert "unchanged=" in again.headers["location"]
    assert "so already" in said(qa2, again)
    stage = "/p/demo/do/reject?release=4.12.0&environment=stage"
    position = recorded(qa2.post(stage, **qa2.form(stage), reason="prices are stale", problems="P-1"))
    event = server.served["admin-1"].get(f"/events/{position}")["event"]
    assert (event["type"], event["by"]) == ("ManualQARejected", "qa-2")
    assert event["data"]["problems"] == ["P-1"]
    approve = "/p/demo/do/approve?release=4.12.0&environment=stage"
    seal = qa2.form(approve)
    position = recorded(qa2.post(approve, **seal, areas="orders\r\nquotes\r\n\r\npositions", checklist="all of it"))
    event = server.served["admin-1"].get(f"/events/{position}")["event"]
    assert event["type"] == "ManualQAApproved"
    assert event["data"]["areas"] == ["orders", "quotes", "positions"]


@pytest.fixture(scope="module")
def adjustment(server: SignedServer) -> dict[str, Any]:
    """One that was rehearsed and may be verified."""
    story = Story(server.served)
    name = ask_for_adjustment(story)
    rehearse_adjustment(story, name)
    return server.served["qa-1"].get(f"/adjustments/{name}")


@pytest.mark.parametrize("typed", ["", "be", "zzzzzz", "sha256:", "000000", "……"])
def test_an_adjustment_is_not_verified_by_anything_but_its_digest(
    server: SignedServer, qa: Visitor, adjustment: dict[str, Any], typed: str
) -> None:
    path = f"/p/demo/do/verify?adjustment={adjustment['adjustment']}"
    before = head(server)
    answer = qa.post(path, **qa.form(path), typed=typed, method="read the script")
    assert answer.status_code == 422
    assert head(server) == before


def test_an_adjustment_is_verified_by_typing_its_digest_s_beginning(
    server: SignedServer, qa: Visitor, adjustment: dict[str, Any]
) -> None:
    path = f"/p/demo/do/verify?adjustment={adjustment['adjustment']}"
    bound = adjustment["bound_digest"].removeprefix("sha256:")
    page = qa.get(path).text
    assert bound in page
    position = recorded(qa.post(path, **qa.form(path), typed=bound[:6].upper(), method="read the script"))
    event = server.served["admin-1"].get(f"/events/{position}")["event"]
    assert (event["type"], event["by"], event["data"]["bound_digest"]) == (
        "DataAdjustVerified",
        "qa-1",
        adjustment["bound_digest"],
    )


def test_an_adjustment_that_was_amended_meanwhile_is_not_verified(
    server: SignedServer, adjustment: dict[str, Any]
) -> None:
    qa2 = server.visitor("qa-2")
    path = f"/p/demo/do/verify?adjustment={adjustment['adjustment']}"
    seal, bound = qa2.form(path), adjustment["bound_digest"].removeprefix("sha256:")
    plan = {**adjustment["plan"], "purpose": "fills of today have the wrong venue"}
    server.served["anton"].command(
        "AmendAdjustment", {"adjustment": adjustment["adjustment"], "plan": plan, "reason": "said better"}
    )
    before = head(server)
    answer = qa2.post(path, **seal, typed=bound[:6], method="read the script")
    assert answer.status_code == 412
    assert "Somebody was faster" in answer.text
    assert bound not in answer.text.partition("<form class=")[2]
    assert head(server) == before


def test_dt_is_signed_in_by_whoever_says_that_it_was_them(server: SignedServer, qa: Visitor) -> None:
    path = f"/p/demo/login-dt?digest={digest('a new secret')}&days=30&host=laptop"
    page = qa.get(path).text
    assert login_code(digest("a new secret")) in page
    assert "laptop" in page
    done = qa.post(path, **qa.form(path))
    position = recorded(done)
    event = server.served["admin-1"].get(f"/events/{position}")["event"]
    assert (event["type"], event["by"], event["data"]["principal"]) == ("CredentialIssued", "qa-1", "qa-1")
    assert event["data"]["credential"] in said(qa, done)


def test_dt_is_not_signed_in_by_a_form_that_names_somebody_else(server: SignedServer, qa: Visitor) -> None:
    path = f"/p/demo/login-dt?digest={digest('another secret')}&days=30&host=laptop"
    answer = qa.post(path, **{**qa.form(path), "principal": "admin-1"})
    assert answer.status_code in {403, 409}
    assert digest("another secret") not in str(server.served["admin-1"].get("/events", limit=1))
