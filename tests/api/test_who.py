"""Who may call: known tokens only, within their scopes; unknown callers are counted, never recorded."""

from __future__ import annotations

from tests.api.conftest import UNTIL, Caller, Here, enrol
from tests.fixtures.server import digest, enrolment_of, token_of

REMARK = {"target": 1, "kind": "remark", "text": "fine"}


async def test_an_unknown_caller_is_turned_away_counted_and_not_recorded(here: Here) -> None:
    before = (await here.admin.get("/whoami")).json()["position"]
    strangers = [
        here.nobody,
        Caller(here.http, "il_" + "x" * 64),
        Caller(here.http, "x"),
        Caller(here.http, "il_short"),
        Caller(here.http, token_of("admin-1") + "x"),
    ]
    for stranger in strangers:
        for answer in (await stranger.get("/whoami"), await stranger.command("Annotate", REMARK)):
            assert (answer.status_code, answer.json()["type"]) == (401, "/problems/not-authenticated")
            assert answer.headers["www-authenticate"].startswith("Bearer")
    assert (await here.http.get("/health")).json()["unknown_callers"] == 2 * len(strangers)
    assert (await here.admin.get("/whoami")).json()["position"] == before


async def test_a_stranger_does_not_move_the_test_clock(here: Here) -> None:
    later = "2026-12-24T00:00:00Z"
    for caller in (here.nobody, Caller(here.http, "il_" + "x" * 64)):
        for project, status in (("demo", 401), ("other", 404)):
            answer = await here.http.get(f"/v1/{project}/whoami", headers={**caller.headers(), "Interlock-Now": later})
            assert answer.status_code == status
    now = await here.http.get("/v1/demo/whoami", headers={"Authorization": f"Bearer {here.admin.token}"})
    assert now.json()["now"] == "2026-11-16T08:00:00Z"


async def test_another_scheme_is_no_bearer_token(here: Here) -> None:
    for value in (f"Basic {token_of('admin-1')}", token_of("admin-1"), "Bearer", f"Bearer  a {token_of('admin-1')}"):
        answer = await here.http.get("/v1/demo/whoami", headers={"Authorization": value})
        assert answer.status_code == 401, value


async def test_no_project_of_that_name_is_404_before_anything_else(here: Here) -> None:
    answer = await here.http.get("/v1/other/whoami", headers=here.admin.headers())
    assert (answer.status_code, answer.json()["type"]) == (404, "/problems/not-found")


async def test_an_expired_token_opens_nothing_by_the_ledgers_clock(here: Here) -> None:
    fields = {"principal": "admin-1", "secret_digest": digest("il_" + "y" * 40), "expires_at": "2026-11-16T10:00:00Z"}
    assert (await here.admin.command("IssueCredential", fields)).status_code == 200
    short = Caller(here.http, "il_" + "y" * 40, now="2026-11-16T09:59:59.999999Z")
    assert (await short.get("/whoami")).status_code == 200
    short.now = "2026-11-16T10:00:00Z"
    assert (await short.get("/whoami")).status_code == 401


async def test_a_revoked_token_opens_nothing_at_once(here: Here) -> None:
    anton = await here.somebody("anton", "developer")
    credential = (await anton.get("/whoami")).json()["credential"]
    assert (await anton.command("RevokeCredential", {"credential": credential, "reason": "lost"})).status_code == 200
    assert (await anton.get("/whoami")).status_code == 401


async def test_somebody_who_left_is_nobody(here: Here) -> None:
    anton = await here.somebody("anton", "developer")
    left = await here.admin.command("DeactivatePrincipal", {"principal": "anton", "reason": "left"})
    assert left.status_code == 200, left.text
    assert (await anton.get("/whoami")).status_code == 401


async def test_a_reading_token_reads_and_does_nothing_else(here: Here) -> None:
    secret = "il_" + "r" * 40
    fields = {"principal": "admin-1", "secret_digest": digest(secret), "expires_at": UNTIL, "scopes": ["read"]}
    assert (await here.admin.command("IssueCredential", fields)).status_code == 200
    reader = Caller(here.http, secret)
    assert (await reader.get("/status")).status_code == 200
    assert (await reader.explain("Annotate", REMARK)).status_code == 200
    for answer in (await reader.command("Annotate", REMARK), await reader.post("/evidence", b"x")):
        assert (answer.status_code, answer.json()["type"]) == (403, "/problems/scope-missing")


async def test_a_writing_token_does_not_read(here: Here) -> None:
    secret = "il_" + "w" * 40
    fields = {"principal": "admin-1", "secret_digest": digest(secret), "expires_at": UNTIL, "scopes": ["write"]}
    assert (await here.admin.command("IssueCredential", fields)).status_code == 200
    writer = Caller(here.http, secret)
    assert (await writer.command("Annotate", REMARK)).status_code == 200
    assert (await writer.get("/status")).status_code == 403


async def test_an_enrolment_code_issues_ones_own_first_credential_and_nothing_else(unbegun: Here) -> None:
    code = Caller(unbegun.http, enrolment_of("admin-1"))
    assert (await code.get("/whoami")).json()["purpose"] == "enrolment"
    for_another = {"principal": "admin-2", "secret_digest": digest("x"), "expires_at": UNTIL}
    for answer in (
        await code.get("/status"),
        await code.command("Annotate", REMARK),
        await code.command("IssueCredential", for_another),
        await code.explain("Annotate", REMARK),
        await code.post("/evidence", b"x"),
    ):
        assert (answer.status_code, answer.json()["type"]) == (403, "/problems/scope-missing"), answer.text
    await enrol(unbegun.http, "admin-1")
    assert (await unbegun.admin.get("/whoami")).json()["purpose"] == "token"


async def test_an_enrolment_code_serves_once(unbegun: Here) -> None:
    await enrol(unbegun.http, "admin-1")
    again = {"principal": "admin-1", "secret_digest": digest("another"), "expires_at": UNTIL}
    answer = await Caller(unbegun.http, enrolment_of("admin-1")).command("IssueCredential", again)
    assert answer.status_code == 401


async def test_no_secret_reaches_the_record(here: Here) -> None:
    await here.somebody("anton", "developer")
    stored = await here.parts.ledger.read("demo", after=0, limit=1000)
    bodies = b"".join(event.body for event in stored)
    assert digest(token_of("anton")).encode() in bodies
    for name in ("admin-1", "admin-2", "anton"):
        assert token_of(name).encode() not in bodies
        assert enrolment_of(name).encode() not in bodies
