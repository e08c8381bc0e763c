"""Read models built anew through the API: by an administrator, once for each intent, told as it goes on."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import uuid4

import httpx2

from tests.api.conftest import Caller, Here

HANGS_SECONDS = 60


async def rebuild(caller: Caller, name: str, key: str | None = None) -> httpx2.Response:
    return await caller.post(f"/projections/{name}/rebuild", b"", headers={"Idempotency-Key": key or str(uuid4())})


async def told(caller: Caller) -> dict[str, dict[str, Any]]:
    answer = (await caller.get("/projections")).json()
    return {each["name"]: each for each in answer["projections"]}


async def test_an_administrator_builds_a_read_model_anew_and_sees_how_far_it_is(here: Here) -> None:
    anton = await here.somebody("anton", "developer")
    before = (await anton.get("/status")).json()
    key = str(uuid4())
    answer = await rebuild(here.admin, "releases", key)
    assert answer.status_code == 200, answer.text
    assert (answer.json()["repeated"], answer.json()["projection"]["rebuild"]["asked_by"]) == (False, "admin-1")
    async with asyncio.timeout(HANGS_SECONDS):
        while (await told(anton))["releases"]["rebuild"]["state"] == "building":
            assert (await anton.get("/releases")).status_code == 200
    done = (await told(anton))["releases"]
    head = (await anton.get("/whoami")).json()["position"]
    assert done["rebuild"]["state"] == "done"
    assert done["rebuild"]["events_done"] == done["rebuild"]["events_total"] == head
    assert (await anton.get("/status")).json() == before
    again = (await rebuild(here.admin, "releases", key)).json()
    assert (again["repeated"], again["projection"]["rebuild"]) == (True, done["rebuild"])
    assert "rebuild" not in (await told(anton))["problems"]
    # Read models are no history: nothing was recorded.
    assert (await anton.get("/whoami")).json()["position"] == head


async def test_it_takes_the_role_a_key_and_a_read_model(here: Here) -> None:
    anton = await here.somebody("anton", "developer")
    robot = await here.somebody("robot", "runner", kind="service")
    for caller in (anton, robot):
        refused = await rebuild(caller, "releases")
        assert (refused.status_code, refused.json()["type"]) == (403, "/problems/role-missing")
        assert "admin-1, admin-2" in refused.json()["detail"]
    assert (await rebuild(here.nobody, "releases")).status_code == 401
    unknown = await rebuild(here.admin, "nothing")
    assert (unknown.status_code, unknown.json()["type"]) == (404, "/problems/not-found")
    without = await here.admin.post("/projections/releases/rebuild", b"")
    assert (without.status_code, without.json()["errors"][0]["field"]) == (400, "Idempotency-Key")
    assert all("rebuild" not in each for each in (await told(anton)).values())
