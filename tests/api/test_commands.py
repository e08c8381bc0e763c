"""A command over HTTP: given once, answered the same for ever, refused with the whole reason."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import uuid4

from interlock.domain.commands import BY_NOBODY, COMMANDS, PUBLISHED
from tests.api.conftest import Here
from tests.fixtures.server import digest, token_of

REMARK = {"target": 1, "kind": "remark", "text": "fine"}
UNTIL_TAKEN = 1_000_000
RELEASE = {"name": "4.12.0", "kind": "normal", "title": "Quotes", "affected_areas": ["quotes"]}


async def test_an_accepted_command_answers_with_its_events_and_position(here: Here) -> None:
    anton = await here.somebody("anton", "developer")
    response = await anton.command("OpenRelease", RELEASE)
    answer = response.json()
    assert response.status_code == 200, answer
    assert answer["status"] == "accepted"
    assert answer["subject"] == "release/4.12.0"
    [event] = answer["events"]
    assert (event["type"], event["stream"], event["version"]) == ("ReleaseOpened", "release/4.12.0", 1)
    assert event["position"] == answer["position"] == int(response.headers["interlock-position"])
    assert event["recorded_at"] == "2026-11-16T08:00:00Z"
    assert event["data"]["title"] == "Quotes"
    assert response.headers["etag"] == '"1"'


async def test_a_command_sent_twice_under_one_key_gets_its_first_answer(here: Here) -> None:
    key = str(uuid4())
    first = (await here.admin.command("Annotate", REMARK, key=key)).json()
    again = (await here.admin.command("Annotate", REMARK, key=key)).json()
    assert again == {**first, "repeated": True}


async def test_ten_at_once_under_one_key_are_one_command(here: Here) -> None:
    key = str(uuid4())
    answers = await asyncio.gather(*(here.admin.command("Annotate", REMARK, key=key) for _ in range(10)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["position"] for answer in answers}) == 1


async def test_one_key_for_two_intents_is_refused(here: Here) -> None:
    key = str(uuid4())
    assert (await here.admin.command("Annotate", REMARK, key=key)).status_code == 200
    other = await here.admin.command("Annotate", {**REMARK, "text": "other"}, key=key)
    assert (other.status_code, other.json()["type"]) == (422, "/problems/idempotency-key-reused")


async def test_nobody_gets_somebody_elses_answer_by_its_key(here: Here) -> None:
    key = str(uuid4())
    assert (await here.admin.command("Annotate", REMARK, key=key)).status_code == 200
    other = await here.second.command("Annotate", REMARK, key=key)
    assert (other.status_code, other.json()["type"]) == (422, "/problems/idempotency-key-reused")


async def test_a_refusal_tells_what_is_missing_and_is_recorded(here: Here) -> None:
    anton = await here.somebody("anton", "developer")
    await anton.command("OpenRelease", RELEASE)
    response = await anton.command("RequestDeploy", {"release": "4.12.0", "environment": "production"})
    problem = response.json()
    assert response.status_code == 409, problem
    assert problem["type"] == "/problems/refused"
    assert problem["decision"]["result"] == "refused"
    missing = {check["check"] for check in problem["decision"]["checks"] if check["state"] != "passed"}
    assert "release-window" in missing
    entry = (await anton.get(f"/events/{problem['recorded']}")).json()["event"]
    assert entry["type"] == "ActionRefused"
    assert entry["data"]["decision"] == problem["decision"]


async def test_the_same_refusal_within_an_hour_is_answered_with_the_first_ones_position(here: Here) -> None:
    anton = await here.somebody("anton", "developer")
    await anton.command("OpenRelease", RELEASE)
    fields = {"release": "4.12.0", "environment": "production"}
    first = (await anton.command("RequestDeploy", fields)).json()
    again = (await anton.command("RequestDeploy", fields)).json()
    assert again["recorded"] == first["recorded"]
    assert (await anton.get("/whoami")).json()["position"] == first["recorded"]


async def test_without_the_role_it_is_403_with_who_has_it(here: Here) -> None:
    qa = await here.somebody("qa-1", "tester")
    response = await qa.command("GrantRole", {"principal": "qa-1", "role": "administrator"})
    problem = response.json()
    assert (response.status_code, problem["type"]) == (403, "/problems/role-missing"), problem
    assert problem["decision"]["checks"][0]["check"] == "role-held"


async def test_what_is_not_there_is_404(here: Here) -> None:
    response = await here.admin.command("RevokeCredential", {"credential": "K-99", "reason": "gone"})
    assert (response.status_code, response.json()["type"]) == (404, "/problems/not-found")


async def test_a_command_that_contradicts_itself_names_the_field(here: Here) -> None:
    fields = {"principal": "admin-1", "secret_digest": digest("x"), "expires_at": "2026-11-16T07:59:59Z"}
    response = await here.admin.command("IssueCredential", fields)
    assert (response.status_code, response.json()["errors"][0]["field"]) == (422, "expires_at")


async def test_if_match_lets_only_the_version_that_was_read_go_on(here: Here) -> None:
    anton = await here.somebody("anton", "developer")
    await anton.command("OpenRelease", RELEASE)
    read = await anton.get("/releases/4.12.0")
    hold = {"release": "4.12.0", "reason": "wait"}
    wrong = await anton.command("HoldRelease", hold, headers={"If-Match": '"7"'})
    assert (wrong.status_code, wrong.json()["type"], wrong.headers["etag"]) == (412, "/problems/changed", '"1"')
    manager = await here.somebody("rm-1", "release-manager")
    right = await manager.command("HoldRelease", hold, headers={"If-Match": read.headers["etag"]})
    assert right.status_code == 200, right.text
    assert right.headers["etag"] == '"2"'


async def test_what_only_time_or_the_beginning_gives_has_no_route(here: Here) -> None:
    assert {"ExpireLease", "OpenProject"} <= BY_NOBODY
    assert BY_NOBODY | PUBLISHED.keys() == COMMANDS.keys()
    for name in sorted(BY_NOBODY):
        assert (await here.admin.command(name, {})).status_code == 404, name


async def test_asking_why_records_nothing_and_gives_the_decision_that_a_command_would_get(here: Here) -> None:
    anton = await here.somebody("anton", "developer")
    await anton.command("OpenRelease", RELEASE)
    fields = {"release": "4.12.0", "environment": "production"}
    before = (await anton.get("/whoami")).json()["position"]
    asked = (await anton.explain("RequestDeploy", fields)).json()
    assert (await anton.get("/whoami")).json()["position"] == before
    decided = (await anton.command("RequestDeploy", fields)).json()["decision"]
    assert asked == decided


async def test_asking_what_if_looks_at_a_future_moment(here: Here) -> None:
    anton = await here.somebody("anton", "developer")
    await anton.command("OpenRelease", RELEASE)
    path = "/releases/4.12.0/gates/production"

    async def window(**query: Any) -> str:
        checks = (await anton.get(path, **query)).json()["checks"]
        return str(next(check["state"] for check in checks if check["check"] == "release-window"))

    assert await window() == "waiting"
    assert await window(if_at="2026-11-21T09:00:00Z") == "passed"
    assert await window(if_at="2026-11-21T12:00:00Z") == "waiting"


async def test_a_token_issued_by_two_opens_for_its_own_principal(here: Here) -> None:
    anton = await here.somebody("anton", "developer")
    who = (await anton.get("/whoami")).json()
    assert (who["principal"], who["kind"], who["roles"]) == ("anton", "person", ["developer"])
    assert token_of("anton") not in str((await here.admin.get("/events?data=true&limit=500")).json())


async def test_a_caller_that_goes_away_ends_the_waiting_and_never_half_a_command(here: Here) -> None:
    kept, desk = 0, here.parts.desk._project("demo")
    # How far so many steps lead is the machine's affair; the last cut comes when the desk has the command for certain.
    for steps in (*range(0, 380, 20), UNTIL_TAKEN):
        key, fields = str(uuid4()), {**REMARK, "text": f"cut after {steps} steps"}
        giving = asyncio.create_task(here.admin.command("Annotate", fields, key=key))
        for _ in range(steps):
            if steps == UNTIL_TAKEN and desk.busy:
                break
            await asyncio.sleep(0)
        giving.cancel()
        await asyncio.gather(giving, return_exceptions=True)
        again = (await here.admin.command("Annotate", fields, key=key)).json()
        assert (again["status"], len(again["events"])) == ("accepted", 1)
        kept += again["repeated"]
    stored = await here.parts.ledger.read("demo", after=0, limit=1000)
    remarks = [event.body for event in stored if event.type == "Annotated"]
    assert len(remarks) == 20
    assert kept > 0, "no cut came after the command was taken: nothing was tested"
