"""Adjustments over HTTP: admitted only with their evidence, listed, followed step by step, and asked for their gate."""

from __future__ import annotations

import json
from typing import Any

import pytest

from interlock.serve.admission import TEXTS
from tests.api.adjusting import EFFECT, SCHEMA, SCRIPT, digest, event, given, keep, kept, places, plan, rehearsed
from tests.api.conftest import Caller, Here


async def requested(caller: Caller, **changes: Any) -> str:
    answer = await given(caller, "RequestAdjustment", plan=plan(**changes))
    name = event(answer, "DataAdjustRequested")["adjustment"]
    assert isinstance(name, str)
    return name


def with_digest(field: str, value: str) -> dict[str, Any]:
    made = plan()
    *path, last = field.split(".")[1:]
    part = made
    for name in path:
        part = part[name]
    part[last] = value
    return made


@pytest.mark.parametrize("field", TEXTS)
async def test_a_plan_whose_evidence_is_not_kept_is_refused_with_its_field(here: Here, field: str) -> None:
    await kept(here.admin)
    asking = await here.somebody("anton", "developer")
    head = (await here.admin.get("/whoami")).json()["position"]
    missing = with_digest(field, digest(b"never put"))
    for answer in (
        await asking.command("RequestAdjustment", {"plan": missing}),
        await asking.command("AmendAdjustment", {"adjustment": "ADJ-1", "plan": missing, "reason": "x"}),
        await asking.explain("RequestAdjustment", {"plan": missing}),
    ):
        problem = answer.json()
        assert (answer.status_code, [each["field"] for each in problem["errors"]]) == (422, [field]), problem
        assert "put the evidence first" in problem["detail"]
    assert (await here.admin.get("/whoami")).json()["position"] == head


@pytest.mark.parametrize("field", TEXTS)
async def test_a_text_that_is_none_is_refused_with_its_field_and_the_reason(here: Here, field: str) -> None:
    await kept(here.admin)
    asking = await here.somebody("anton", "developer")
    for content, said in ((b"begin; commit;", "statement 1"), (b"copy t from program 'x'", "COPY"), (b"\x00", "NUL")):
        await keep(here.admin, content)
        answer = await asking.command("RequestAdjustment", {"plan": with_digest(field, digest(content))})
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field), answer.text
        assert said in answer.json()["errors"][0]["what"]


async def test_queries_only_look(here: Here) -> None:
    await kept(here.admin)
    asking = await here.somebody("anton", "developer")
    for field in ("plan.precondition_digest", "plan.expected_effect.queries_digest"):
        answer = await asking.command("RequestAdjustment", {"plan": with_digest(field, digest(SCRIPT))})
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field), answer.text


async def test_a_rehearsals_report_must_be_kept(here: Here) -> None:
    runner = await here.somebody("ci-1", "runner", kind="service")
    fields = {
        "adjustment": "ADJ-1",
        "environment": "stage",
        "fencing_token": 1,
        "error": "15 rows",
        "report": digest(b"never put"),
    }
    answer = await runner.command("ReportAdjustmentRehearsalFailed", fields)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "report")
    await keep(here.admin, b"never put")
    assert (await runner.command("ReportAdjustmentRehearsalFailed", fields)).status_code == 404, "no such adjustment"


async def test_a_nested_plan_is_read_as_strictly_as_everything(here: Here) -> None:
    await kept(here.admin)
    asking = await here.somebody("anton", "developer")
    effect, targets = plan()["expected_effect"], plan()["targets"]
    odd = {
        "plan.expected_effect.rows_min": plan(expected_effect={**effect, "rows_min": "14"}),
        "plan.expected_effect.rows_max": plan(expected_effect={**effect, "rows_max": -1}),
        "plan.targets.tables": plan(targets={**targets, "tables": "trades.fills"}),
        "plan.targets.tables[0]": plan(targets={**targets, "tables": ["a\nb"]}),
        "plan.targets.identity.port": plan(targets={**targets, "identity": {**targets["identity"], "port": 5432}}),
        "plan.risk": plan(risk="none"),
        "plan.undo_digest": plan(undo_digest="sha256:short"),
        "plan.script": plan(script="update t"),
    }
    for field, made in odd.items():
        answer = await asking.command("RequestAdjustment", {"plan": made})
        assert answer.status_code == 422, (field, answer.text)
        assert field in [each["field"] for each in answer.json()["errors"]], answer.text
    twice = json.dumps({"plan": plan()}).replace('"risk": "normal"', '"risk": "normal", "risk": "high"').encode()
    answer = await asking.command("RequestAdjustment", twice)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "plan.risk")


async def test_the_list_pages_filters_and_looks_back(here: Here) -> None:
    await places(here)
    await kept(here.admin)
    asking = await here.somebody("anton", "developer")
    names = [await requested(asking, purpose=f"purpose {number}") for number in range(3)]
    await given(asking, "CancelAdjustment", adjustment=names[0], reason="not needed")

    async def listed(**query: Any) -> list[str]:
        answer = await asking.get("/adjustments", **query)
        assert answer.status_code == 200, answer.text
        return [each["adjustment"] for each in answer.json()["adjustments"]]

    assert await listed() == [names[2], names[1]]
    assert await listed(state="all") == [names[2], names[1], names[0]]
    assert await listed(state="cancelled") == [names[0]]
    second = (await asking.get(f"/adjustments/{names[1]}")).json()["requested_position"]
    assert await listed(at=second) == [names[1], names[0]]
    assert (await asking.get("/adjustments", state="half")).status_code == 422
    first = await asking.get("/adjustments", state="all", limit=2)
    rest = await asking.get("/adjustments", state="all", limit=2, cursor=first.json()["next_cursor"])
    assert [each["adjustment"] for each in rest.json()["adjustments"]] == [names[0]]


async def test_one_tells_its_plan_its_chain_and_its_version(here: Here) -> None:
    runner = await places(here)
    await kept(here.admin)
    asking = await here.somebody("anton", "developer")
    name = await requested(asking)
    refused = await asking.command("VerifyAdjustment", {"adjustment": name, "bound_digest": SCHEMA, "method": "read"})
    assert refused.status_code == 403, refused.text
    await rehearsed(runner, name)
    found = await asking.get(f"/adjustments/{name}")
    document = found.json()
    assert found.headers["etag"] == f'"{document["version"]}"' == '"2"'
    assert document["plan"] == plan()
    assert [step["step"] for step in document["chain"]] == ["requested", "refused", "lease", "rehearsed", "lease over"]
    assert document["chain"][0]["credential"].startswith("K-")
    same = await asking.get(f"/adjustments/{name}", headers={"If-None-Match": '"2"'})
    assert same.status_code == 200, "what happens elsewhere changes the chain, not the version"
    then = (await asking.get(f"/adjustments/{name}", at=document["requested_position"])).json()
    assert (then["stage"], len(then["chain"])) == ("requested", 1)
    assert (await asking.get(f"/adjustments/{name}", at=document["requested_position"] - 1)).status_code == 404
    assert (await asking.get("/adjustments/ADJ-9")).status_code == 404
    changed = await asking.command(
        "AmendAdjustment",
        {"adjustment": name, "plan": plan(risk="high"), "reason": "more care"},
        headers={"If-Match": '"1"'},
    )
    assert changed.status_code == 412


async def test_its_gate_says_what_stands_between_it_and_its_execution(here: Here) -> None:
    runner = await places(here)
    await here.by_two("DesignateOperator", {"environment": "production", "principal": "admin-1"})
    await kept(here.admin)
    asking = await here.somebody("anton", "developer")
    first, second = [await here.somebody(who, "verifier") for who in ("qa-1", "qa-2")]
    name = await requested(asking)

    async def gate(**query: Any) -> tuple[str, str, list[str]]:
        answer = await asking.get(f"/adjustments/{name}/gate", **query)
        assert answer.status_code == 200, answer.text
        decision = answer.json()
        missing = [each["check"] for each in decision["checks"] if each["state"] not in {"passed", "not_applicable"}]
        return decision["action"], decision["result"], missing

    lacking = ["adjustment-verified", "verifiers-independent", "authorization-valid"]
    assert await gate() == (f"execute {name}", "refused", ["adjustment-rehearsed", *lacking])
    await rehearsed(runner, name)
    assert await gate() == (f"execute {name}", "refused", lacking)
    before = (await asking.get("/whoami")).json()["position"]
    bound = (await asking.get(f"/adjustments/{name}")).json()["bound_digest"]
    for who in (first, second):
        await given(who, "VerifyAdjustment", adjustment=name, bound_digest=bound, method="read")
    assert await gate() == (f"execute {name}", "allowed", [])
    assert await gate(at=before) == (f"execute {name}", "refused", lacking)
    assert (await gate(if_at="2026-11-18T00:00:00Z"))[2] == ["authorization-valid"]
    await given(asking, "CancelAdjustment", adjustment=name, reason="not needed")
    assert (await gate())[1:] == ("refused", ["adjustment-open"]), "also when it is over"
    assert (await asking.get("/adjustments/ADJ-9/gate")).status_code == 404


async def test_events_are_found_by_their_adjustment(here: Here) -> None:
    await places(here)
    await kept(here.admin)
    asking = await here.somebody("anton", "developer")
    name = await requested(asking)
    found = (await asking.get("/events", adjustment=name)).json()["events"]
    assert [each["type"] for each in found] == ["DataAdjustRequested"]
    assert digest(EFFECT) == plan()["expected_effect"]["queries_digest"]
