"""Many commands in one request: in order, each with its own answer, none harmed by another, and safe to repeat."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import pytest

from interlock.api.batches import BYTES_MAX
from interlock.desk import BATCH_COMMANDS_MAX, UnknownOutcome
from tests.api.conftest import Caller, Here

RELEASE = {"name": "4.12.0", "kind": "normal", "title": "Quotes", "affected_areas": ["quotes"]}
HOLD = {"release": "4.12.0", "reason": "wait"}
REMARK = {"target": 1, "kind": "remark", "text": "fine"}


def given(name: str, fields: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"command": name, "id": str(uuid4()), "fields": fields, **more}


async def told(caller: Caller, *commands: dict[str, Any]) -> list[dict[str, Any]]:
    response = await caller.post("/commands", json.dumps({"commands": commands}).encode())
    assert response.status_code == 200, response.text
    answers: list[dict[str, Any]] = response.json()["answers"]
    assert [one["id"] for one in answers] == [one["id"] for one in commands]
    return answers


async def head(here: Here) -> int:
    position: int = (await here.admin.get("/whoami")).json()["position"]
    return position


async def test_each_is_decided_with_the_effects_of_those_before_it(here: Here) -> None:
    manager = await here.somebody("rm-1", "release-manager", "developer")
    before = await head(here)
    deploy = {"release": "4.12.0", "environment": "production"}
    opened, held, refused = await told(
        manager, given("OpenRelease", RELEASE), given("HoldRelease", HOLD, if_version=1), given("RequestDeploy", deploy)
    )
    assert opened["answer"]["events"][0]["type"] == "ReleaseOpened"
    assert (opened["answer"]["position"], opened["version"]) == (before + 1, 1)
    assert (held["answer"]["events"][0]["type"], held["version"]) == ("ReleaseHeld", 2)
    assert refused["problem"]["type"] == "/problems/refused"
    assert refused["problem"]["decision"]["result"] == "refused"


async def test_what_is_wrong_with_one_is_told_of_that_one_and_the_others_are_recorded(here: Here) -> None:
    anton = await here.somebody("anton", "developer")
    before = await head(here)
    answers = await told(
        anton,
        given("NoSuchCommand", {}),
        given("Annotate", {**REMARK, "target": "1", "colour": "red"}),
        given("RevokeCredential", {"credential": "K-99", "reason": "gone"}),
        given("GrantRole", {"principal": "anton", "role": "administrator"}),
        given("OpenRelease", RELEASE),
        given("HoldRelease", HOLD, if_version=7),
    )
    assert [one["problem"]["type"] if "problem" in one else "accepted" for one in answers] == [
        "/problems/not-found",
        "/problems/invalid",
        "/problems/not-found",
        "/problems/role-missing",
        "accepted",
        "/problems/changed",
    ]
    assert {error["field"] for error in answers[1]["problem"]["errors"]} == {"target", "colour"}
    assert answers[5]["problem"]["version"] == 1
    events = [(await anton.get(f"/events/{at}")).json()["event"] for at in range(before + 1, await head(here) + 1)]
    assert [(one["type"], one["by"]) for one in events] == [
        ("ActionRefused", "anton"),
        ("ReleaseOpened", "anton"),
    ]


async def test_a_request_that_is_repeated_is_answered_as_it_was_and_records_nothing(here: Here) -> None:
    commands = [given("Annotate", {**REMARK, "text": f"remark {number}"}) for number in range(BATCH_COMMANDS_MAX)]
    first = await told(here.admin, *commands)
    end = await head(here)
    assert [one["answer"]["position"] for one in first] == [*range(end - BATCH_COMMANDS_MAX + 1, end + 1)]
    again = await told(here.admin, *commands)
    assert again == [{**one, "answer": {**one["answer"], "repeated": True}} for one in first]
    assert await head(here) == end


async def test_one_id_twice_in_a_request_is_one_command_or_refused(here: Here) -> None:
    remark = given("Annotate", REMARK)
    first, same, other = await told(here.admin, remark, remark, {**remark, "fields": {**REMARK, "text": "other"}})
    assert same == {**first, "answer": {**first["answer"], "repeated": True}}
    assert other["problem"]["type"] == "/problems/idempotency-key-reused"


@pytest.mark.parametrize(
    "body, field",
    [
        ({}, "commands"),
        ({"commands": []}, "commands"),
        ({"commands": [given("Annotate", REMARK)] * (BATCH_COMMANDS_MAX + 1)}, "commands"),
        ({"commands": [given("Annotate", REMARK), {**given("Annotate", REMARK), "id": "7"}]}, "commands[1].id"),
        ({"commands": [{"command": "Annotate", "id": str(uuid4())}]}, "commands[0].fields"),
        ({"commands": [given("Annotate", REMARK, colour="red")]}, "commands[0].colour"),
        ({"commands": [given("Annotate", REMARK, if_version=True)]}, "commands[0].if_version"),
        ({"commands": [given("Annotate", REMARK)], "atomic": True}, "atomic"),
    ],
)
async def test_a_request_of_another_form_is_refused_whole(here: Here, body: dict[str, Any], field: str) -> None:
    before = await head(here)
    response = await here.admin.post("/commands", json.dumps(body).encode())
    assert response.status_code == 422, response.text
    assert field in {error["field"] for error in response.json()["errors"]}
    assert await head(here) == before


async def test_a_request_is_bounded(here: Here) -> None:
    response = await here.admin.post("/commands", b" " * (BYTES_MAX + 1))
    assert (response.status_code, response.json()["type"]) == (413, "/problems/too-large")


async def test_who_may_not_write_is_turned_away(here: Here) -> None:
    response = await here.nobody.post("/commands", json.dumps({"commands": [given("Annotate", REMARK)]}).encode())
    assert response.status_code == 401


async def test_a_mistake_of_ours_in_one_is_logged_and_no_problem_of_the_others(
    here: Here, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def odd(_project: str, submissions: list[Any]) -> list[Exception]:
        return [UnknownOutcome("away"), *(ZeroDivisionError("a secret of ours") for _ in submissions[1:])]

    monkeypatch.setattr(here.parts.desk, "submit_all", odd)
    unknown, unexpected = await told(here.admin, given("Annotate", REMARK), given("Annotate", REMARK))
    assert unknown["problem"]["type"] == "/problems/outcome-unknown"
    assert unexpected["problem"]["type"] == "/problems/unexpected"
    assert "secret" not in json.dumps(unexpected)
    assert "a secret of ours" in caplog.text
