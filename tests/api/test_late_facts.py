"""A fact that is reported late keeps both times; a remark corrects an event that itself stays as it is."""

from __future__ import annotations

import json
from typing import Any

from tests.api.conftest import Caller, Here

HAPPENED, RECORDED = "2026-11-16T10:02:00Z", "2026-11-16T11:15:00Z"
SEEN = {"environment": "production", "kind": "deploy", "source": "scan", "description": "somebody copied a file"}


async def observed(caller: Caller, **more: Any) -> dict[str, Any]:
    caller.now = RECORDED
    answer = await caller.command("ObserveFact", {**SEEN, **more})
    assert answer.status_code == 200, answer.text
    document: dict[str, Any] = answer.json()
    return document


async def test_what_happened_before_it_was_reported_keeps_both_times_everywhere(here: Here) -> None:
    anton = await here.somebody("anton", "developer")
    answer = await observed(anton, happened_at="2026-11-16T11:02:00+01:00")
    [fact, unsure, problem] = answer["events"]
    assert (fact["occurred_at"], fact["recorded_at"]) == (HAPPENED, RECORDED)
    # What follows from hearing of it begins when it is heard of.
    assert all("occurred_at" not in event for event in (unsure, problem))

    event = (await anton.get(f"/events/{fact['position']}")).json()["event"]
    assert (event["occurred_at"], event["recorded_at"]) == (HAPPENED, RECORDED)
    stored = json.loads(event["stored"])
    assert (stored["occurred_at"], stored["recorded_at"]) == (HAPPENED, RECORDED)
    [listed] = (await anton.get("/events", type="FactObserved")).json()["events"]
    assert (listed["occurred_at"], listed["recorded_at"]) == (HAPPENED, RECORDED)

    place = (await anton.get("/environments/production")).json()
    assert (place["observed"]["happened_at"], place["observed"]["since"]) == (HAPPENED, RECORDED)
    history = (await anton.get(f"/problems/{problem['data']['problem']}")).json()["history"]
    assert [(line["type"], line["at"], line.get("occurred_at")) for line in history] == [
        ("FactObserved", RECORDED, HAPPENED),
        ("ProblemReported", RECORDED, None),
    ]
    # The past is asked by when something was recorded: what nobody had heard of then is not shown then.
    earlier = (await anton.get("/environments/production", at="2026-11-16T11:00:00Z")).json()
    assert earlier.get("observed") is None


async def test_what_is_reported_as_it_happens_has_one_time(here: Here) -> None:
    anton = await here.somebody("anton", "developer")
    [fact, *_] = (await observed(anton))["events"]
    assert "occurred_at" not in fact
    event = (await anton.get(f"/events/{fact['position']}")).json()["event"]
    assert event["occurred_at"] == event["recorded_at"] == RECORDED
    assert "happened_at" not in (await anton.get("/environments/production")).json()["observed"]


async def test_what_has_not_happened_yet_cannot_be_observed(here: Here) -> None:
    anton = await here.somebody("anton", "developer")
    answer = await anton.command("ObserveFact", {**SEEN, "happened_at": "2026-11-16T12:00:00Z"})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "happened_at")


async def test_logs_that_were_read_keep_from_when_to_when_beside_when_that_was_said(here: Here) -> None:
    anton = await here.somebody("anton", "developer")
    anton.now = RECORDED
    read = {"since": "2026-11-16T09:00:00Z", "until": HAPPENED}
    answer = await anton.command("CheckLogs", {"environment": "production", "result": "clean", **read})
    assert answer.status_code == 200, answer.text
    [event] = answer.json()["events"]
    assert ({name: event["data"][name] for name in read}, event["recorded_at"]) == (read, RECORDED)
    logs = (await anton.get("/environments/production")).json()["logs"]
    assert (logs["read_from"], logs["read_until"], logs["since"]) == (read["since"], read["until"], RECORDED)


async def test_a_remark_stands_beside_its_event_from_when_it_was_made(here: Here) -> None:
    anton = await here.somebody("anton", "developer")
    opened = await anton.command("OpenRelease", {"name": "1.0", "kind": "normal", "title": "x"})
    reported = await anton.command("ReportProblem", {"environment": "sandbox", "title": "odd", "severity": "low"})
    first, wrong = opened.json()["position"], reported.json()["position"]
    problem = reported.json()["events"][0]["data"]["problem"]
    stored = (await anton.get(f"/events/{wrong}")).json()["event"]["stored"]
    anton.now = RECORDED
    made = [
        (await anton.command("Annotate", {"target": target, "kind": kind, "text": text})).json()["position"]
        for target, kind, text in ((first, "remark", "a trial"), (wrong, "correction", "it was stage"),
                                   (wrong, "cause", "a cable"))
    ]  # fmt: skip

    async def remarks(at: int) -> dict[str, list[tuple[int, str, str, str]]]:
        found = {
            "log": (await anton.get("/events", environment="sandbox", type="ProblemReported", at=at)).json()["events"],
            "problem": (await anton.get(f"/problems/{problem}", at=at)).json()["history"],
            "timeline": (await anton.get("/releases/1.0/timeline", at=at)).json()["timeline"],
            "event": [(await anton.get(f"/events/{wrong}", at=at)).json()["event"]],
        }
        told = {}
        for where, [line, *_] in found.items():
            listed = line.get("remarks", ())
            if where == "event":
                listed = [
                    {"position": each["position"], "by": each["by"], **each["data"]} for each in line["annotations"]
                ]
            told[where] = [(each["position"], each["kind"], each["text"], each["by"]) for each in listed]
        return told

    a_trial = [(made[0], "remark", "a trial", "anton")]
    both = [(made[1], "correction", "it was stage", "anton"), (made[2], "cause", "a cable", "anton")]
    assert await remarks(made[0] - 1) == {"log": [], "problem": [], "timeline": [], "event": []}
    assert await remarks(made[1]) == {"log": both[:1], "problem": both[:1], "timeline": a_trial, "event": both[:1]}
    assert await remarks(made[2]) == {"log": both, "problem": both, "timeline": a_trial, "event": both}
    assert (await anton.get(f"/events/{wrong}")).json()["event"]["stored"] == stored


async def test_a_server_whose_tables_a_newer_version_dropped_says_so(here: Here) -> None:
    async with here.parts.ledger.connection() as connection:
        await connection.execute("alter table read_model.problems_1_history rename to gone")
        await connection.execute("drop table read_model.problems_1_facet")
    answer = await here.admin.get("/problems")
    assert (answer.status_code, answer.json()["type"]) == (503, "/problems/behind")


async def test_while_a_new_version_is_being_built_nothing_older_is_read(here: Here) -> None:
    here.parts.projector._serving.discard("releases")
    for path in ("/releases", "/status", "/environments/production", "/events"):
        answer = await here.admin.get(path)
        assert (answer.status_code, answer.json()["type"]) == (503, "/problems/behind"), path
    ready = await here.http.get("/ready")
    assert ready.status_code == 503
    assert "new version" in ready.json()["parts"]["read models"]
    here.parts.projector._serving.add("releases")
    assert (await here.admin.get("/releases")).status_code == 200
