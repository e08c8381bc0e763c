"""Signing in and out, without a browser: what each request may and may not do, whatever it holds."""
# Long: one suite over one server, request by request, whatever it holds

from __future__ import annotations

import html
import re
from urllib.parse import parse_qsl, urlsplit

import pytest

from interlock.identity.sessions import session_name
from interlock.web.sessions.own import browser_of
from tests.fixtures.server import enrolment_of, token_of
from tests.web.signed import BOARD, SignedServer, Visitor, by_provider


def test_nobody_sees_a_page_before_signing_in_and_is_there_afterwards(server: SignedServer) -> None:
    visitor = server.visitor()
    asked = visitor.get("/p/demo/releases?state=open")
    assert asked.status_code == 303
    assert asked.headers["location"] == "/sign-in?next=/p/demo/releases%3Fstate%3Dopen"
    assert 'value="/p/demo/releases?state=open"' in visitor.get(asked.headers["location"]).text
    signed = visitor.sign_in("qa-1", next="/p/demo/releases?state=open")
    assert (signed.status_code, signed.headers["location"]) == (303, "/p/demo/releases?state=open")
    assert visitor.get(BOARD).status_code == 200
    assert visitor.get("/p/demo/.json").json()["frame"]["me"]["principal"] == "qa-1"
    assert visitor.get("/p/other/").status_code in {303, 404}


def test_the_cookie_is_of_this_host_alone_and_no_script_s(server: SignedServer) -> None:
    signed = server.visitor().sign_in("qa-1")
    said = signed.headers["set-cookie"]
    port = urlsplit(server.url).port
    assert re.fullmatch(
        rf"__Host-interlock-{port}=[0-9a-f]{{64}}\.demo; Path=/; Max-Age=43200; HttpOnly; SameSite=Lax; Secure", said
    )


@pytest.mark.parametrize(
    "token, said",
    [
        ("", "no token of Interlock"),
        ("il_nonsense", "no token of Interlock"),
        ("Bearer x", "no token of Interlock"),
        ("il_" + "x" * 64, "opens nothing"),
        ("il_" + "ü" * 64, "no token of Interlock"),
        ("il_\x00" + "x" * 64, "no token of Interlock"),
        (enrolment_of("admin-1"), "opens nothing"),
        (token_of("ci-1"), "service"),
    ],
)
def test_what_is_no_person_s_token_signs_nobody_in(server: SignedServer, token: str, said: str) -> None:
    answer = server.visitor().post("/sign-in", project="demo", token=token)
    assert answer.status_code in {401, 403, 422}
    assert said in answer.text
    assert "set-cookie" not in answer.headers
    assert not token or len(token) < 30 or token not in answer.text


def test_wrong_sign_ins_are_bounded_by_where_they_come_from_and_right_ones_wait_too(server: SignedServer) -> None:
    visitor = server.visitor()
    statuses = [visitor.post("/sign-in", project="demo", token="il_" + "x" * 64).status_code for _ in range(12)]
    assert statuses[:10] == [401] * 10
    assert statuses[-1] == 429
    late = visitor.sign_in("qa-1")
    assert late.status_code == 429
    assert int(late.headers["retry-after"]) <= 6
    assert server.visitor().sign_in("qa-1").status_code == 303


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": ""},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "http://127.0.0.1:1"},
    ],
)
def test_a_form_of_another_site_is_refused_wherever_it_goes(
    server: SignedServer, qa: Visitor, headers: dict[str, str]
) -> None:
    seal = qa.form("/p/demo/do/report?environment=sandbox")
    for path, fields in {
        "/sign-in": {"project": "demo", "token": token_of("qa-1")},
        "/sign-out": {"csrf": seal["csrf"]},
        "/p/demo/sessions": {"csrf": seal["csrf"], "session": "x"},
        "/p/demo/do/report?environment=sandbox": {**seal, "title": "x", "severity": "low"},
    }.items():
        answer = qa.post(path, headers=headers, **fields)
        assert answer.status_code == 403, path
        assert "not sent from here" in answer.text
        assert "set-cookie" not in answer.headers
    assert qa.get(BOARD).status_code == 200


@pytest.mark.parametrize(
    "address",
    [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example",
        "/p/demo/\\..\\",
        "http:evil.example",
        "javascript:alert(1)",
        "/p/demo/\r\nSet-Cookie: a=b",
        "/p/demo/ x",
        "/v1/demo/whoami",
        "/sign-in/provider",
        "/p/" + "x" * 3_000,
        "%2F%2Fevil.example",
    ],
)
def test_signing_in_leads_to_pages_of_this_server_alone(server: SignedServer, address: str) -> None:
    answer = server.visitor().sign_in("qa-1", next=address)
    assert answer.headers["location"] == BOARD


@pytest.mark.parametrize(
    "body, status",
    [
        (b"", 422),
        (b"\xff\xfe", 400),
        (b"token=%ff%fe&project=demo", 400),
        (b"token=a&token=b&project=demo", 422),
        (b"a=1&" * 200, 400),
        (b"token=" + b"x" * 70_000, 413),
        (b"token=%00&project=%00", 401),
        (b"token=il_xxxxxxxxxxxxxxxxxxxxxx&project=..%2F..%2Fetc", 404),
        (b"token=il_xxxxxxxxxxxxxxxxxxxxxx&project=" + b"%E2%98%83" * 50, 422),
        (b'{"token": "x"}', 400),
        (b"&&&", 400),
        (b"token", 400),
    ],
)
def test_a_hostile_form_gets_a_clear_page(server: SignedServer, body: bytes, status: int) -> None:
    answer = server.visitor().raw("/sign-in", body)
    assert answer.status_code in {status, 400, 401, 404, 422, 429}
    assert answer.status_code != 500
    assert "<h1>" in answer.text
    assert "Traceback" not in answer.text


@pytest.mark.parametrize(
    "headers, status",
    [
        ({"Content-Type": "application/json"}, 415),
        ({"Content-Type": "multipart/form-data; boundary=x"}, 415),
        ({"Content-Type": "text/plain"}, 415),
        ({"Content-Encoding": "gzip"}, 415),
        ({"Host": "a b"}, 400),
        ({"Host": "x" * 300}, 400),
        ({"Host": "user@127.0.0.1"}, 400),
        ({"Host": "intranet.example"}, 403),
    ],
)
def test_a_form_in_another_form_or_at_another_address_is_refused(
    server: SignedServer, headers: dict[str, str], status: int
) -> None:
    answer = server.visitor().raw("/sign-in", b"token=x&project=demo", **headers)
    assert answer.status_code == status
    assert "<h1>" in answer.text


def test_at_an_address_where_everybody_listens_nobody_signs_in_and_the_page_says_what_to_do(
    server: SignedServer, qa: Visitor
) -> None:
    page = qa.get("/sign-in", Host="interlock.intranet")
    assert page.status_code == 403
    assert "plain_http = true" in page.text
    assert qa.get(BOARD, Host="interlock.intranet").status_code == 303


def test_signing_out_ends_the_session_at_once_and_for_every_copy_of_its_cookie(qa: Visitor) -> None:
    copied = dict(qa.held)
    seal = qa.form("/sign-out")
    assert qa.post("/sign-out", csrf="0" * 64).status_code == 403
    out = qa.post("/sign-out", **seal)
    assert (out.status_code, out.headers["location"]) == (303, "/sign-in")
    assert not qa.held
    qa.held.update(copied)
    assert qa.get(BOARD).status_code == 303
    assert qa.get("/p/demo/.json").status_code == 401


def test_signing_in_again_makes_a_new_session_and_ends_the_one_before(server: SignedServer, qa: Visitor) -> None:
    before = dict(qa.held)
    qa.sign_in("qa-1")
    assert qa.held != before
    thief = server.visitor()
    thief.held.update(before)
    assert thief.get(BOARD).status_code == 303


def test_one_ends_one_s_own_sessions_and_nobody_else_s(server: SignedServer, qa: Visitor) -> None:
    elsewhere, other = server.visitor("qa-1"), server.visitor("qa-2")
    listed = qa.get("/p/demo/sessions.json").json()["sessions"]
    assert [each["this"] for each in listed].count(True) == 1
    [theirs] = [each for each in other.get("/p/demo/sessions.json").json()["sessions"] if each["this"]]
    seal = qa.form("/p/demo/sessions")
    qa.post("/p/demo/sessions", csrf=seal["csrf"], session=theirs["session"])
    assert other.get(BOARD).status_code == 200
    for each in listed:
        if not each["this"]:
            assert qa.post("/p/demo/sessions", csrf=seal["csrf"], session=each["session"]).status_code == 303
    assert elsewhere.get(BOARD).status_code == 303
    assert qa.get(BOARD).status_code == 200


@pytest.mark.parametrize("ends", ["credential", "person"])
def test_what_opened_a_session_ends_it_at_once(server: SignedServer, ends: str) -> None:
    """A token that is revoked, or a person who acts no more."""
    name = "dev-2" if ends == "credential" else "reviewer-1"
    visitor = server.visitor(name)
    assert visitor.get(BOARD).status_code == 200
    if ends == "credential":
        who = server.served[name].get("/whoami")
        server.served["admin-1"].command("RevokeCredential", {"credential": who["credential"], "reason": "lost"})
    else:
        server.served["admin-1"].command("DeactivatePrincipal", {"principal": name, "reason": "left"})
    assert visitor.get(BOARD).status_code == 303
    assert visitor.get("/p/demo/.json").status_code == 401


def test_a_role_that_is_taken_away_counts_for_the_next_form(server: SignedServer) -> None:
    visitor = server.visitor("rm-1")
    path = "/p/demo/do/freeze?environment=sandbox-anton"
    seal = visitor.form(path)
    server.served["admin-1"].command(
        "RevokeRole", {"principal": "rm-1", "role": "release-manager", "reason": "on leave"}
    )
    answer = visitor.post(path, **seal, reason="because")
    assert answer.status_code == 403
    assert "release-manager" in answer.text


@pytest.mark.parametrize(
    "cookie",
    [
        "",
        "x",
        "{good}; {name}=other.demo",
        "{name}=" + "0" * 64 + ".demo",
        "{name}={secret}.other",
        "{name}={secret}",
        "{name}={secret}.demo.x",
        "{name}={secret}.demo\x01",
        "interlock-tests=demo|qa-1",
    ],
)
def test_no_other_cookie_opens_anything(server: SignedServer, qa: Visitor, cookie: str) -> None:
    [(name, value)] = qa.held.items()
    shown = cookie.format(name=name, secret=value.partition(".")[0], good=f"{name}={value}")
    stranger = server.visitor()
    assert stranger.get(BOARD, Cookie=shown).status_code in {303, 400}
    assert stranger.get("/p/demo/.json", Cookie=shown).status_code in {400, 401}


def test_a_session_in_a_header_is_nobody_s(server: SignedServer) -> None:
    answer = server.visitor().get("/v1/demo/whoami", **{"interlock.session": "x", "Interlock-Session": "x"})
    assert answer.status_code == 401


# -- by the identity provider


def test_whom_the_provider_vouches_for_is_signed_in_as_the_registered_person(server: SignedServer) -> None:
    visitor, answer = by_provider(server, "u-qa", next_page="/p/demo/releases")
    assert (answer.status_code, answer.headers["location"]) == (303, "/p/demo/releases")
    assert len(visitor.held) == 1, "what was kept on the way is forgotten"
    assert visitor.get("/p/demo/.json").json()["frame"]["me"]["principal"] == "qa-1"
    [here] = [each for each in visitor.get("/p/demo/sessions.json").json()["sessions"] if each["this"]]
    assert here["credential"] is None


@pytest.mark.parametrize(
    "who, said",
    [
        ("u-stranger", "nobody-here"),
        ("u-service", "service"),
        ("u-nameless", "no claim"),
        ("", "did not let you in"),
    ],
)
def test_whom_nobody_registered_stays_a_stranger(server: SignedServer, who: str, said: str) -> None:
    visitor, answer = by_provider(server, who)
    assert answer.status_code in {401, 403}
    assert said in answer.text
    assert not visitor.held
    assert "nobody-here" not in {each["principal"] for each in server.served["admin-1"].get("/team")["principals"]}


def test_an_answer_that_was_not_asked_for_in_this_browser_signs_nobody_in(server: SignedServer) -> None:
    victim, thief = server.visitor(), server.visitor()
    begun = thief._kept(thief.get("/sign-in/provider?project=demo&next=/p/demo/"))
    parts = urlsplit(server.provider.signed_in(begun.headers["location"], "u-qa"))
    path = f"{parts.path}?{parts.query}"
    for stranger in (victim, by_provider(server, "u-rm")[0]):
        before = dict(stranger.held)
        answer = stranger._kept(stranger.get(path))
        assert answer.status_code == 401
        assert "did not begin in this browser" in answer.text
        assert stranger.held == before
    other_state = path.replace(f"state={dict(parse_qsl(parts.query))['state']}", "state=" + "0" * 64)
    assert thief.get(other_state).status_code == 401
    assert thief._kept(thief.get(path)).status_code == 303
    assert thief.get(path).status_code == 401, "it serves once"


@pytest.mark.parametrize(
    "query",
    [
        "",
        "code=x",
        "state=x&code=x",
        "error=access_denied",
        "code=" + "x" * 5_000,
        "code=a&code=b",
        "state=%00",
        "nonsense=1",
    ],
)
def test_a_hostile_way_back_gets_a_clear_page(server: SignedServer, query: str) -> None:
    visitor = server.visitor()
    visitor._kept(visitor.get("/sign-in/provider?project=demo&next=/p/demo/"))
    answer = visitor.get(f"/sign-in/back?{query}")
    assert 400 <= answer.status_code < 500
    assert "<h1>" in answer.text


@pytest.mark.parametrize("way", ["x", "e30", "bnVsbA", "eyJwcm9qZWN0IjoxfQ", "W10", "A" * 2_000])
def test_a_cookie_that_was_made_by_hand_leads_nowhere(server: SignedServer, way: str) -> None:
    visitor = server.visitor()
    begun = visitor._kept(visitor.get("/sign-in/provider?project=demo&next=/p/demo/"))
    state = dict(parse_qsl(urlsplit(begun.headers["location"]).query))["state"]
    [(name, value)] = visitor.held.items()
    visitor.held[name] = f"{value.partition('.')[0]}.{way}"
    assert visitor.get(f"/sign-in/back?state={state}&code=x").status_code == 401


def test_what_is_approved_by_such_a_session_names_it_and_leads_to_what_the_provider_signed(
    server: SignedServer,
) -> None:
    visitor, _ = by_provider(server, "u-qa")
    seal = visitor.form("/p/demo/do/report?environment=sandbox-anton")
    done = visitor.post("/p/demo/do/report?environment=sandbox-anton", **seal, title="odd prices", severity="low")
    position = int(dict(parse_qsl(urlsplit(done.headers["location"]).query))["recorded"])
    event = server.served["admin-1"].get(f"/events/{position}")["event"]
    assert (event["by"], event["by_kind"]) == ("qa-1", "person")
    assert re.fullmatch(r"oidc-[0-9a-f]{32}", event["credential"])
    [row] = server.sql("select proof, principal from identity.session where session = $1", event["credential"])
    assert session_name(row["proof"]) == event["credential"]
    assert row["principal"] == "qa-1"
    page = f"/p/demo/sessions/{event['credential']}"
    shown = html.unescape(visitor.get(page).text)
    assert row["proof"] in shown
    assert "The second is what the provider said beside it" in shown
    told = server.visitor("admin-1").get(f"{page}.json").json()
    assert (told["claims"]["sub"], told["beside"]) == ("u-qa", {"sub": "u-qa", "preferred_username": "qa-1"})
    assert server.visitor("qa-2").get(page).status_code == 404
    assert server.visitor("admin-1").get(page[:-1] + ("0" if page[-1] != "0" else "1")).status_code == 404


@pytest.mark.parametrize(
    "user_agent, said",
    [
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox 140 on Linux"),
        (
            "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/156.0 Safari/537.36 Edg/156.0",
            "Edge 156 on Windows",
        ),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15) Version/26.1 Safari/605.1.15", "Safari 26 on macOS"),
        ("Mozilla/5.0 (Linux; Android 16) AppleWebKit/537.36 Chrome/156.0 Mobile", "Chrome 156 on Android"),
        ("curl/8", "a browser"),
        ("", "a browser"),
    ],
)
def test_a_browser_is_named_in_few_words(user_agent: str, said: str) -> None:
    assert browser_of(user_agent) == said


def test_a_person_who_acts_no_more_is_signed_out_also_where_a_provider_vouched(server: SignedServer) -> None:
    visitor, _ = by_provider(server, "u-rm")
    assert visitor.get(BOARD).status_code == 200
    server.served["admin-1"].command("DeactivatePrincipal", {"principal": "rm-1", "reason": "left"})
    assert visitor.get(BOARD).status_code == 303
    assert by_provider(server, "u-rm")[1].status_code == 403
