"""Every version of the policy with what it changed, what another one would change, and how the system does."""

from __future__ import annotations

import json
from typing import Any

import pytest

from interlock.domain.policy import shipped
from tests.api.conftest import Here


async def test_every_version_tells_what_became_of_it_and_what_it_changed(here: Here) -> None:
    for verifications in (3, 4):
        document = {**shipped(), "verifications": verifications}
        await here.admin.command("ProposePolicy", {"document": document, "reason": "more see more"})
    digest = (await here.second.get("/policy/proposals/2")).json()["document_digest"]
    approved = await here.second.command("ApprovePolicy", {"version": 2, "document_digest": digest})
    assert approved.status_code == 200, approved.text
    found = (await here.admin.get("/policy/versions")).json()
    told = [(each["version"], each["state"], each["compared_with"]) for each in found["versions"]]
    assert told == [(3, "proposed", 1), (2, "active", 1), (1, "superseded", None)]
    assert found["versions"][1]["changes"] == [{"path": "verifications", "from": 2, "to": 3}]
    assert [each["type"] for each in found["versions"][1]["history"]] == [
        "PolicyProposed", "PolicyApproved", "PolicyActivated",
    ]  # fmt: skip
    before = approved.json()["position"] - 2
    then = (await here.admin.get("/policy/versions", at=before)).json()["versions"]
    assert [(each["version"], each["state"]) for each in then] == [(3, "proposed"), (2, "proposed"), (1, "active")]


async def test_another_figure_is_tried_on_what_is_open_and_nothing_is_recorded(here: Here) -> None:
    anton = await here.somebody("anton", "developer")
    await anton.command("OpenRelease", {"name": "1.0", "kind": "normal", "title": "1.0"})
    head = (await anton.get("/whoami")).json()["position"]
    change = json.dumps({"core_areas": ["orders", "quotes", "positions", "risk"]})
    found = (await anton.get("/policy/effects", change=change)).json()
    assert [each["path"] for each in found["changes"]] == ["core_areas"]
    assert [(each["release"], each["environment"], each["flips"]) for each in found["affects"]] == [
        ("1.0", "production", False)
    ]
    assert (found["flips"], found["open_releases"], found["open_adjustments"]) == (0, ["1.0"], [])
    same = (await anton.get("/policy/effects", version=1)).json()
    assert (same["changes"], same["affects"]) == ([], [])
    assert (await anton.get("/whoami")).json()["position"] == head


@pytest.mark.parametrize(
    "query, status, says",
    [
        ({}, 422, "either"),
        ({"version": 1, "change": "{}"}, 422, "either"),
        ({"version": 9}, 404, "9"),
        ({"change": "[]"}, 422, "JSON object"),
        ({"change": "{"}, 422, "no JSON"),
        ({"change": '{"verifications": 1}'}, 422, "verifications"),
        ({"change": '{"colour": "red"}'}, 422, "colour"),
        ({"change": '{"environments": []}'}, 422, "environment"),
    ],
)
async def test_what_is_no_policy_is_refused_with_the_reason(
    here: Here, query: dict[str, Any], status: int, says: str
) -> None:
    answer = await here.admin.get("/policy/effects", **query)
    assert answer.status_code == status
    assert says in answer.json()["detail"]


async def test_the_system_tells_its_parts_queues_database_and_that_nobody_is_signed_in_yet(here: Here) -> None:
    # A question waits until the read models have everything.
    assert (await here.admin.get("/status")).status_code == 200
    found = (await here.admin.get("/system")).json()
    assert {each["part"]: each["state"] for each in found["parts"]}.items() >= {("ledger", "ok"), ("desk", "ok")}
    assert found["figures"]["webhooks"]["waiting"] == 0
    assert found["dead_letters"] == 0
    assert found["database"]["fsync"] in {"on", "off"}
    assert found["database"]["connections"] >= 1
    assert {each["lag"] for each in found["projections"]} == {0}
    assert (await here.nobody.get("/system")).status_code == 401


async def test_events_are_found_by_words_in_any_case_and_by_a_digests_beginning(here: Here) -> None:
    anton = await here.somebody("anton", "developer")
    await anton.command("OpenRelease", {"name": "1.0", "kind": "normal", "title": "Straße to München"})
    found = (await anton.get("/events", text="münchen")).json()["events"]
    assert [each["type"] for each in found] == ["ReleaseOpened"]
    digest = (await anton.get("/policy")).json()["document_digest"]
    assert "PolicyActivated" in {
        each["type"] for each in (await anton.get("/events", text=digest[:20])).json()["events"]
    }
    assert (await anton.get("/events", text="münchen", person="admin-1")).json()["events"] == []
    assert (await anton.get("/events", text="50% _ \\ '")).json()["events"] == []
    assert (await anton.get("/events", text="x" * 201)).status_code == 422
