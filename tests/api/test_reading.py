"""Reads: as of any moment, page by page, tagged, and never older than what was asked for."""
# Long: one suite over every way to read, on one server that is expensive to start.

from __future__ import annotations

from typing import Any

import pytest

from interlock.desk import Desk
from interlock.domain.obligation import WhoMustAct
from interlock.evidence import EVIDENCE_BYTES_MAX
from tests.api.conftest import Caller, Here
from tests.cli.story import Story, event, observed
from tests.fixtures.server import Served


async def release(caller: Caller, name: str) -> int:
    answer = await caller.command("OpenRelease", {"name": name, "kind": "normal", "title": f"Release {name}"})
    assert answer.status_code == 200, answer.text
    position: int = answer.json()["position"]
    return position


async def test_a_read_after_a_change_sees_it(here: Here) -> None:
    anton = await here.somebody("anton", "developer")
    for number in range(5):
        position = await release(anton, f"1.{number}")
        answer = (await anton.get("/releases", after=position)).json()
        assert answer["position"] >= position
        assert [row["release"] for row in answer["releases"]] == [f"1.{each}" for each in range(number, -1, -1)]


async def test_a_position_that_is_not_there_is_waited_for_and_then_not_pretended(here: Here) -> None:
    head = (await here.admin.get("/whoami")).json()["position"]
    for path in ("/releases", "/obligations", "/releases/x/gates/stage"):
        answer = await here.admin.get(path, after=head + 1)
        assert (answer.status_code, answer.json()["type"]) == (503, "/problems/behind"), path
        assert answer.headers["retry-after"] == "1"


async def test_a_list_pages_by_opaque_cursors_that_keep_its_position(here: Here) -> None:
    anton = await here.somebody("anton", "developer")
    for number in range(5):
        await release(anton, f"1.{number}")
    first = await anton.get("/releases", limit=2)
    names = [row["release"] for row in first.json()["releases"]]
    # What is opened while somebody turns pages does not move the pages.
    await release(anton, "1.9")
    pages = 1
    answer = first
    while "link" in answer.headers:
        target = answer.headers["link"].split(">")[0].removeprefix("<")
        assert answer.json()["next_cursor"] in target
        answer = await here.http.get(target, headers=anton.headers())
        assert answer.json()["position"] == first.json()["position"]
        names += [row["release"] for row in answer.json()["releases"]]
        pages += 1
    assert names == ["1.4", "1.3", "1.2", "1.1", "1.0"]
    assert pages == 3


async def test_a_cursor_leads_on_only_in_its_own_list(here: Here) -> None:
    anton = await here.somebody("anton", "developer")
    for number in range(3):
        await release(anton, f"1.{number}")
    cursor = (await anton.get("/releases", limit=1)).json()["next_cursor"]
    assert (await anton.get("/releases", limit=2, cursor=cursor)).status_code == 200
    for path, query in (("/releases", {"state": "all"}), ("/problems", {}), ("/events", {}), ("/releases", {"at": 3})):
        answer = await anton.get(path, cursor=cursor, **query)
        assert (answer.status_code, answer.json()["type"]) == (400, "/problems/cursor-invalid"), path


async def test_the_past_is_asked_by_position_or_by_instant(here: Here) -> None:
    anton = await here.somebody("anton", "developer")
    first = await release(anton, "1.0")
    anton.now = "2026-11-16T09:00:00Z"
    second = await release(anton, "1.1")

    async def names(**query: Any) -> list[str]:
        return [row["release"] for row in (await anton.get("/releases", **query)).json()["releases"]]

    assert await names() == ["1.1", "1.0"]
    assert await names(at=first) == ["1.0"]
    assert await names(at=first - 1) == []
    assert await names(at="2026-11-16T08:59:59.999999Z") == ["1.0"]
    assert await names(at="2026-11-16T09:00:00Z") == ["1.1", "1.0"]
    assert await names(at="2026-11-16T10:00:00+01:00") == ["1.1", "1.0"]
    assert await names(at="1999-01-01T00:00:00Z") == []
    answer = await anton.get("/releases/1.1", at=first)
    assert answer.status_code == 404
    assert (await anton.get("/releases/1.1", at=second)).json()["position"] == second


BEFORE = ("0", "1", "1999-01-01T00:00:00Z", "2026-11-16T07:59:59.999999Z")
QUESTIONS = (
    "/releases",
    "/releases/1.0",
    "/releases/1.0/timeline",
    "/releases/1.0/gates",
    "/releases/1.0/gates/tests",
    "/environments",
    "/environments/tests",
    "/environments/tests/occupants",
    "/problems",
    "/problems/P-1",
    "/adjustments",
    "/adjustments/ADJ-1",
    "/adjustments/ADJ-1/gate",
    "/events",
    "/events/1",
    "/obligations",
    "/windows/production",
    "/policy",
    "/policy/versions/1",
    "/policy/proposals",
    "/policy/proposals/2",
    "/staffing",
    "/team",
    "/asks",
    "/asks/C-1",
    "/status",
)


async def test_before_the_project_began_there_was_nothing_and_no_question_fails(here: Here) -> None:
    await release(await here.somebody("anton", "developer"), "1.0")
    for path in QUESTIONS:
        assert (await here.admin.get(path)).status_code in {200, 404}, path
        for at in BEFORE:
            answer = await here.admin.get(path, at=at)
            assert answer.status_code in {200, 404}, f"{path} {at} {answer.text}"
            assert answer.status_code == 404 or int(answer.headers["interlock-position"]) <= 1
    for path in ("/policy", "/status", "/windows/production"):
        answer = await here.admin.get(path, at=0)
        assert (answer.status_code, answer.json()["type"]) == (404, "/problems/not-found")


async def test_gates_obligations_and_why_take_the_past_too(here: Here) -> None:
    anton = await here.somebody("anton", "developer")
    position = await release(anton, "1.0")
    refused = (await anton.command("RequestDeploy", {"release": "1.0", "environment": "tests"})).json()
    manager = await here.somebody("rm-1", "release-manager")
    manager.now = "2026-11-17T09:00:00Z"
    held = await manager.command("HoldRelease", {"release": "1.0", "reason": "wait"})
    assert held.status_code == 200, held.text

    async def no_hold(**query: Any) -> str:
        answer = await manager.get("/releases/1.0/gates/tests", **query)
        return str(next(each["state"] for each in answer.json()["checks"] if each["check"] == "no-hold"))

    assert (await no_hold(), await no_hold(at=position)) == ("failed", "passed")
    anton.now = manager.now
    then = await anton.explain("RequestDeploy", {"release": "1.0", "environment": "tests"}, at=refused["recorded"] - 1)
    assert then.json() == refused["decision"]
    now = (await manager.get("/obligations")).json()
    past = (await manager.get("/obligations", at=1)).json()
    assert now["obligations"] != past["obligations"]


async def test_who_must_act_is_told_with_what_is_over_and_still_runs(
    here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    completed, asked = Desk.completed, list[Any]()

    async def heard(self: Desk, project: str, situation: Any, about: Any, *, position: int) -> Any:
        asked.append(about)
        return await completed(self, project, situation, about, position=position)

    monkeypatch.setattr(Desk, "completed", heard)
    for answer in (here.admin.get("/obligations"), here.admin.get("/obligations", at=1), here.admin.get("/status")):
        asked.clear()
        assert (await answer).status_code == 200
        assert asked == [WhoMustAct()]


async def test_a_release_has_its_version_as_its_tag(here: Here) -> None:
    anton = await here.somebody("anton", "developer")
    await release(anton, "1.0")
    read = await anton.get("/releases/1.0")
    assert read.headers["etag"] == '"1"'
    same = await anton.get("/releases/1.0", headers={"If-None-Match": '"1"'})
    assert (same.status_code, same.content) == (304, b"")
    other = await anton.get("/releases/1.0", headers={"If-None-Match": '"2"'})
    assert other.status_code == 200


async def test_every_answer_says_at_which_position_it_holds(here: Here) -> None:
    anton = await here.somebody("anton", "developer")
    await release(anton, "1.0")
    for path in (
        "/releases",
        "/releases/1.0",
        "/releases/1.0/timeline",
        "/releases/1.0/gates",
        "/releases/1.0/gates/stage",
        "/environments",
        "/environments/stage",
        "/environments/stage/occupants",
        "/problems",
        "/adjustments",
        "/events",
        "/events/1",
        "/obligations",
        "/windows/production",
        "/policy",
        "/policy/versions/1",
        "/policy/proposals",
        "/team",
        "/asks",
        "/status",
        "/whoami",
    ):
        answer = await anton.get(path)
        assert answer.status_code == 200, (path, answer.text)
        assert answer.json()["position"] == int(answer.headers["interlock-position"]), path
        assert answer.headers["cache-control"] == "no-store"


async def test_a_timeline_is_read_from_either_end_page_by_page(here: Here) -> None:
    anton = await here.somebody("anton", "release-manager", "developer")
    await release(anton, "1.0")
    for number in range(3):
        for name in ("HoldRelease", "LiftReleaseHold"):
            assert (await anton.command(name, {"release": "1.0", "reason": f"{number}"})).status_code == 200

    async def pages(order: str) -> list[int]:
        found: list[int] = []
        cursor: dict[str, Any] = {}
        while True:
            answer = (await anton.get("/releases/1.0/timeline", order=order, limit=2, **cursor)).json()
            found += [line["position"] for line in answer["timeline"]]
            if "next_cursor" not in answer:
                return found
            cursor = {"cursor": answer["next_cursor"]}

    oldest = await pages("oldest")
    assert len(oldest) == 7
    assert oldest == sorted(oldest)
    assert await pages("newest") == oldest[::-1]
    # A cursor of the one order leads nowhere in the other.
    first = (await anton.get("/releases/1.0/timeline", order="newest", limit=2)).json()
    wrong = await anton.get("/releases/1.0/timeline", order="oldest", limit=2, cursor=first["next_cursor"])
    assert wrong.status_code == 400
    assert (await anton.get("/releases/1.0/timeline", order="sideways")).status_code == 422


async def test_what_is_not_there_is_404_in_every_list(here: Here) -> None:
    for path in (
        "/releases/9",
        "/releases/9/timeline",
        "/releases/9/gates",
        "/releases/9/gates/stage",
        "/environments/moon",
        "/environments/moon/occupants",
        "/problems/P-9",
        "/adjustments/ADJ-9",
        "/adjustments/ADJ-9/gate",
        "/events/999",
        "/windows/moon",
        "/policy/versions/9",
        "/asks/C-9",
        f"/evidence/sha256:{'0' * 64}",
        "/nothing",
    ):
        answer = await here.admin.get(path)
        assert (answer.status_code, answer.json()["type"]) == (404, "/problems/not-found"), path


async def test_the_environments_come_in_the_order_of_the_flow(here: Here) -> None:
    answer = (await here.admin.get("/environments")).json()
    names = [row["environment"] for row in answer["environments"]]
    assert names == ["sandbox-anton", "tests", "sandbox", "stage", "production"]
    assert answer["environments"][4]["purpose"] == "production"


async def test_windows_are_told_for_any_moment(here: Here) -> None:
    now = (await here.admin.get("/windows/production", count=2)).json()
    assert now["open"] is False
    assert now["windows"] == [
        {"opens": "2026-11-21T09:00:00Z", "closes": "2026-11-21T12:00:00Z"},
        {"opens": "2026-11-22T09:00:00Z", "closes": "2026-11-22T12:00:00Z"},
    ]
    later = (await here.admin.get("/windows/production", at="2027-06-05T09:30:00Z", count=1)).json()
    assert (later["open"], later["windows"][0]["opens"]) == (True, "2027-06-05T09:00:00Z")
    assert (await here.admin.get("/windows/stage")).json()["open"] is True


async def test_the_audit_finds_by_person_type_and_time_and_shows_one_event_whole(here: Here) -> None:
    anton = await here.somebody("anton", "developer")
    position = await release(anton, "1.0")
    by_person = (await anton.get("/events", person="anton")).json()["events"]
    assert by_person[0]["position"] == position
    by_release = (await anton.get("/events", release="1.0", type="ReleaseOpened")).json()["events"]
    assert [each["position"] for each in by_release] == [position]
    assert (await anton.get("/events", since="2026-11-16T08:00:00.000001Z")).json()["events"] == []
    forward = (await anton.get("/events", after=0, limit=3)).json()["events"]
    assert [each["position"] for each in forward] == [1, 2, 3]
    event = (await anton.get(f"/events/{position}")).json()["event"]
    assert event["data"]["title"] == "Release 1.0"
    [stored] = await here.parts.ledger.read("demo", after=position - 1, limit=1)
    assert event["stored"].encode() == stored.body


async def test_the_whole_picture_is_one_call(here: Here) -> None:
    anton = await here.somebody("anton", "developer")
    await release(anton, "1.0")
    status = (await anton.get("/status")).json()
    assert [each["release"] for each in status["releases"]] == ["1.0"]
    assert len(status["environments"]) == 5
    assert status["window"]["opens"] == "2026-11-21T09:00:00Z"
    assert status["test_clock"] is True
    assert status["obligations"]["count"] == len(status["obligations"]["first"]) > 0


async def test_what_waits_for_a_second_person_is_listed_until_it_is_done(here: Here) -> None:
    asked = await here.admin.command("RegisterPrincipal", {"principal": "qa-1", "kind": "person"})
    [event] = asked.json()["events"]
    [ask] = (await here.second.get("/asks")).json()["asks"]
    assert ask["ask"] == event["data"]["ask"]
    assert ask["command"] == {"principal": "qa-1", "kind": "person"}
    assert (await here.second.get(f"/asks/{ask['ask']}")).json()["asked_by"] == "admin-1"
    own = await here.admin.command("ConfirmAsked", {"ask": ask["ask"], "bound_digest": ask["bound_digest"]})
    assert own.status_code == 409, own.text
    fields = {"ask": ask["ask"], "bound_digest": ask["bound_digest"]}
    assert (await here.second.command("ConfirmAsked", fields)).status_code == 200
    assert (await here.second.get("/asks")).json()["asks"] == []
    assert "qa-1" in [each["principal"] for each in (await here.second.get("/team")).json()["principals"]]


async def test_a_proposed_policy_shows_what_it_would_change(here: Here) -> None:
    active = (await here.admin.get("/policy")).json()
    document = {**active["document"], "lease_minutes": 10}
    proposed = await here.admin.command("ProposePolicy", {"document": document, "reason": "shorter leases"})
    assert proposed.status_code == 200, proposed.text
    [proposal] = (await here.second.get("/policy/proposals")).json()["proposals"]
    assert proposal["changes"] == [{"path": "lease_minutes", "from": 15, "to": 10}]
    assert (await here.admin.get("/policy/versions/2")).json()["state"] == "proposed"
    fields = {"version": 2, "document_digest": proposal["document_digest"]}
    assert (await here.second.command("ApprovePolicy", fields)).status_code == 200
    assert (await here.admin.get("/policy")).json()["version"] == 2
    assert (await here.admin.get("/policy", at=active["position"])).json()["version"] == 1
    states = [(await here.admin.get(f"/policy/versions/{number}")).json()["state"] for number in (1, 2)]
    assert states == ["superseded", "active"]


async def test_evidence_comes_back_byte_for_byte_and_never_as_a_page(here: Here) -> None:
    body = b"<html>\x00\xff" * 1000
    put = await here.admin.post("/evidence", body, headers={"Content-Type": "text/html"})
    assert put.status_code == 200, put.text
    digest = put.json()["digest"]
    got = await here.admin.get(f"/evidence/{digest}")
    assert (got.content, got.headers["content-disposition"]) == (body, "attachment")
    assert got.headers["content-security-policy"] == "sandbox"
    odd = await here.admin.post("/evidence", body, headers={"Content-Type": "text/html\x01; x"})
    assert (odd.status_code, odd.json()["errors"][0]["field"]) == (415, "Content-Type")


async def test_evidence_may_be_as_large_as_the_store_keeps_and_no_larger(here: Here) -> None:
    headers = {"Content-Type": "application/octet-stream"}
    largest = await here.admin.post("/evidence", b"x" * EVIDENCE_BYTES_MAX, headers=headers)
    assert (largest.status_code, largest.json()["bytes"]) == (200, EVIDENCE_BYTES_MAX)
    larger = await here.admin.post("/evidence", b"x" * (EVIDENCE_BYTES_MAX + 1), headers=headers)
    assert (larger.status_code, larger.json()["errors"][0]["field"]) == (413, "body")


def test_the_occupants_page_also_where_one_was_given_back(server: Served) -> None:
    story = Story(server)
    story.begin()
    for name in ("4.12.0", "4.12.1"):
        story.develop(name, contains=["4.11.2"])
    story.open("4.12.2", "it fails")
    story.content("4.12.2", contains=["4.11.2"])
    where = {"release": "4.12.2", "deploy": ""}
    asked = story.by("anton", "RequestDeploy", release="4.12.2", environment="sandbox-anton")
    where["deploy"] = event(asked, "DeployRequested")["deploy"]
    started = story.by("ci-1", "StartDeploy", **where, observed=observed("sandbox-anton"))
    token = event(started, "DeployStarted")["fencing_token"]
    failed = {"phase": "copy", "error": "no room", "environment_left": "unchanged"}
    story.by("ci-1", "ReportDeployFailed", **where, fencing_token=token, **failed)
    path = "/environments/sandbox-anton/occupants"
    whole = server["anton"].get(path)["occupants"]
    assert [row["state"] for row in whole] == [
        "occupied",
        "deploying",
        "occupied",
        "deploying",
        "occupied",
        "deploying",
    ]
    paged = [row for page in server["anton"].pages(path, limit=1) for row in page["occupants"]]
    assert paged == whole
