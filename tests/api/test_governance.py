"""Policy, people and the whole record: what a proposal would change, who is missing, and every byte that was stored."""

from __future__ import annotations

from typing import Any

from interlock.domain.policy import shipped
from interlock.events.codec import decode_exactly
from tests.api.conftest import Here


async def test_the_whole_record_is_given_as_its_stored_bytes_page_by_page(here: Here) -> None:
    anton = await here.somebody("anton", "developer")
    head = (await anton.get("/whoami")).json()["position"]
    found: list[Any] = []
    while len(found) < head:
        page = (await anton.get("/events/stored", after=len(found), limit=7)).json()
        assert page["position"] == head
        assert 1 <= len(page["events"]) <= 7
        found += [decode_exactly(body.encode()) for body in page["events"]]
    assert [event.position for event in found] == [*range(1, head + 1)]
    one = (await anton.get("/events/3")).json()["event"]["stored"]
    assert found[2].raw.decode() == one
    assert (await anton.get("/events/stored", after=head)).json()["events"] == []


async def test_a_page_of_long_events_is_shorter(here: Here, monkeypatch: Any) -> None:
    monkeypatch.setattr("interlock.api.audit.STORED_BYTES_MAX", 1)
    page = (await here.admin.get("/events/stored")).json()
    assert len(page["events"]) == 1


async def test_the_record_is_read_by_those_who_may_read_and_nobody_else(here: Here) -> None:
    assert (await here.nobody.get("/events/stored")).status_code == 401
    assert (await here.admin.get("/events/stored", limit=501)).status_code == 422
    assert (await here.admin.get("/events/stored", mood="good")).status_code == 422


async def test_a_proposal_tells_what_it_changes_and_for_which_open_releases(here: Here) -> None:
    anton = await here.somebody("anton", "developer")
    for name in ("1.0", "1.1"):
        await anton.command("OpenRelease", {"name": name, "kind": "normal", "title": name})
    document = {**shipped(), "core_areas": ["orders", "quotes", "positions", "risk"]}
    proposed = await here.admin.command("ProposePolicy", {"document": document, "reason": "risk"})
    position = proposed.json()["position"]
    found = (await here.second.get("/policy/proposals/2")).json()
    assert [change["path"] for change in found["changes"]] == ["core_areas"]
    assert found["open_releases"] == ["1.0", "1.1"]
    assert [(each["release"], each["environment"], each["flips"]) for each in found["affects"]] == [
        ("1.0", "production", False),
        ("1.1", "production", False),
    ]
    [check] = found["affects"][0]["checks"]
    assert (check["check"], check["flips"]) == ("core-areas-approved", False)
    assert "risk" not in check["before"]["required"]
    assert "risk" in check["after"]["required"]
    assert (await here.second.get("/policy/proposals/3")).status_code == 404
    assert (await here.second.get("/policy/proposals/2", at=position - 1)).status_code == 404
    approved = await here.second.command("ApprovePolicy", {"version": 2, "document_digest": found["document_digest"]})
    assert approved.status_code == 200, approved.text
    assert (await here.second.get("/policy/proposals/2")).status_code == 404
    # It can still be seen what the one who approved it saw.
    again = (await here.second.get("/policy/proposals/2", at=position)).json()
    assert (again["affects"], again["changes"]) == (found["affects"], found["changes"])


async def test_who_is_missing_is_told_with_the_command_that_mends_it(here: Here) -> None:
    before = (await here.admin.get("/staffing")).json()
    commands = [lack["command"] for lack in before["lacks"]]
    assert "dt team grant PERSON tester" in commands
    assert {each["step"] for each in before["possible"]} == {"change the team", "change the policy"}
    await here.somebody("qa-1", "tester")
    after = (await here.admin.get("/staffing")).json()
    assert "dt team grant PERSON tester" not in [lack["command"] for lack in after["lacks"]]
    then = (await here.admin.get("/staffing", at=before["position"])).json()
    assert then["lacks"] == before["lacks"]


async def test_a_refusal_keeps_the_question_and_no_secret(here: Here) -> None:
    anton = await here.somebody("anton", "developer")
    refused = await anton.command("GrantRole", {"principal": "anton", "role": "tester"})
    event = (await anton.get(f"/events/{refused.json()['recorded']}")).json()["event"]
    assert event["data"]["command_type"] == "GrantRole"
    assert event["data"]["command"] == {"principal": "anton", "role": "tester"}
