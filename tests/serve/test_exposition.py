"""What Prometheus is told: accepted by its own judge, right, and nothing that somebody could be ashamed of."""

from __future__ import annotations

import asyncio
import itertools
import re
import subprocess
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx2
import pytest
from prometheus_client.parser import text_string_to_metric_families

from interlock.serve.delivery import AGE_SECONDS_MAX, Delivery, Sample, Standing
from interlock.serve.exposition import COUNTERS, FAMILIES, FRESH_SECONDS, Exposition
from interlock.serve.figures import WORDS, of_part, text_of
from interlock.serve.settings import load
from interlock.serve.wiring import guarded, observed
from tests.api.conftest import Here, here, unbegun
from tests.fixtures.server import BEGINS, config_text, token_of
from tests.house.tree import REPOSITORY

__all__ = ["here", "unbegun"]

PROMTOOL = REPOSITORY / ".promtool" / "promtool"
Samples = dict[tuple[str, tuple[str, ...]], float]


def judged(text: str) -> str:
    """What promtool says about it: nothing, where it has nothing to say."""
    assert PROMTOOL.exists(), "promtool is missing: sh infra/setup-promtool.sh"
    done = subprocess.run(
        [PROMTOOL, "check", "metrics"], input=text, capture_output=True, text=True, timeout=60, check=False
    )
    return f"{done.stdout}{done.stderr}" + ("" if done.returncode == 0 else f"(exit {done.returncode})")


def samples(text: str) -> Samples:
    """Each sample by its name and the values of its labels, in the order of the labels' names."""
    return {
        (sample.name, tuple(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


@asynccontextmanager
async def scraped(here: Here, directory: Path, more: str = "") -> AsyncIterator[httpx2.AsyncClient]:
    """The server with its requests timed."""
    config = directory / "observed.toml"
    config.write_text(config_text() + more, encoding="utf-8")
    app = guarded(load(config), observed(here.parts.api, here.parts.parts))
    transport = httpx2.ASGITransport(app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://interlock.test") as http:
        yield http


async def test_what_happened_is_told_in_numbers_that_prometheus_accepts(here: Here, tmp_path: Path) -> None:
    qa = await here.somebody("quentin", "tester")
    opened = {"name": "4.12.0-secret", "kind": "normal", "title": "A takeover"}
    assert (await here.admin.command("OpenRelease", opened)).status_code in {403, 409}
    for _ in range(2):
        asked = {"release": "9.9.9", "environment": "stage", "scope": "core-and-affected", "areas": ["x"]}
        await qa.command("ApproveManualQA", asked)
    await here.admin.command(
        "RegisterEnvironment",
        {"environment": "stage", "identity": {"system_identifier": "7", "database": "stage"}},
    )
    problem = {"environment": "stage", "title": "the takeover leaks", "severity": "high"}
    assert (await qa.command("ReportProblem", problem)).status_code == 200
    async with scraped(here, tmp_path) as http:
        assert (
            await http.get("/v1/demo/status", headers={"Authorization": f"Bearer {token_of('admin-1')}"})
        ).is_success
        assert (await http.get("/v1/demo/releases/4.12.0-secret")).status_code == 401
        await http.get("/nothing/4.12.0-secret")
        answer = await http.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert judged(answer.text) == ""
    told = samples(answer.text)
    head = max((await here.parts.ledger.heads()).values())
    assert told["interlock_ledger_events_total", ("demo",)] == head
    assert told["interlock_ledger_up", ()] == 1
    assert told["interlock_projection_lag_events", ("demo", "releases")] == 0
    assert told["interlock_problems_open", ("stage", "demo")] == 1
    assert told["interlock_lease_held", ("stage", "", "demo")] == 0
    assert told["interlock_unknown_callers_total", ()] >= 1
    assert told["interlock_webhooks_waiting", ()] == 0
    assert told["interlock_dora_deployments", ("demo",)] == 0
    assert told["interlock_projects_behind", ()] == 0
    took = "interlock_http_request_duration_seconds_count"
    assert told[took, ("GET", "/v1/{project}/status", "200")] == 1
    assert told[took, ("GET", "/v1/{project}/releases/{name}", "401")] == 1
    assert told[took, ("GET", "other", "404")] == 1
    for secret in ("secret", "takeover", "quentin", "admin-1", "P-1", "il_"):
        assert secret not in answer.text, secret


async def test_refusals_are_counted_by_the_check_that_did_not_hold_and_none_twice(here: Here) -> None:
    anton = await here.somebody("anton", "developer")
    clock = itertools.count(0.0, FRESH_SECONDS)
    exposition = Exposition(here.parts.parts, lambda: next(clock))
    for number in (1, 2, 3):
        name = f"4.{number}.0"
        assert (await anton.command("OpenRelease", {"name": name, "kind": "normal", "title": name})).status_code == 200
        refused = await anton.command("ConfirmDevelopment", {"release": name})
        checks = refused.json()["decision"]["checks"]
        held_up = {check["check"] for check in checks if check["state"] in {"failed", "needed", "waiting"}}
        # A question waits until the read models have everything.
        assert (await anton.get("/status")).status_code == 200
        told = samples((await exposition.text()).decode())
        counted = {labels[0]: value for (name, labels), value in told.items() if name == "interlock_refusals_total"}
        assert held_up
        assert counted == dict.fromkeys(held_up, number)


async def test_who_asks_again_at_once_gets_the_same_answer_without_work(here: Here) -> None:
    now = [100.0]
    exposition = Exposition(here.parts.parts, lambda: now[0])
    first = await exposition.text()
    await here.by_two("RegisterPrincipal", {"principal": "somebody", "kind": "person"})
    assert await exposition.text() == first
    now[0] += FRESH_SECONDS
    assert await exposition.text() != first


def standing(position: int, reached: int | None = None) -> Any:
    return Standing(SimpleNamespace(position=position), BEGINS, position if reached is None else reached)  # type: ignore[arg-type]


async def test_delivery_is_worked_out_again_only_where_something_happened_or_an_hour_went_by() -> None:
    asked: list[str] = []
    now = [100.0]

    async def measure(project: str, standing: Standing) -> tuple[Sample, ...]:
        asked.append(project)
        return (("dora_deployments", (project,), float(standing.reached)),)

    delivery = Delivery(measure, lambda: now[0])
    both = {"one": standing(7), "two": standing(9)}
    told = [("dora_deployments", ("one",), 7.0), ("dora_deployments", ("two",), 9.0)]
    for _ in range(3):
        assert await delivery.told(both) == (told, 0)
    assert asked == ["one", "two"]
    await delivery.told({**both, "two": standing(10, reached=9)})
    await delivery.told({**both, "two": standing(10)})
    assert asked == ["one", "two", "two", "two"], "before the read models are there, figures are of what they have"
    now[0] += AGE_SECONDS_MAX
    await delivery.told({**both, "two": standing(10)})
    assert asked[4:] == ["one", "two"]


async def test_what_cannot_be_worked_out_in_time_is_told_as_it_was_and_keeps_the_others_waiting_once() -> None:
    clock = itertools.count(1.0)
    stuck, asked = {"b"}, list[str]()

    async def measure(project: str, standing: Standing) -> tuple[Sample, ...]:
        asked.append(project)
        if project in stuck and standing.reached > 1:
            await asyncio.sleep(3600)
        return ((project, (), float(standing.reached)),)

    delivery = Delivery(measure, lambda: next(clock), seconds_max=0.05)
    assert await delivery.told({name: standing(1) for name in "abc"}) == (
        [("a", (), 1.0), ("b", (), 1.0), ("c", (), 1.0)],
        0,
    )
    for others, behind in ((1.0, 2), (2.0, 1), (2.0, 1)):
        later = [("a", (), 2.0), ("b", (), 1.0), ("c", (), others)]
        assert await delivery.told({name: standing(2) for name in "abc"}) == (later, behind)
    stuck.clear()
    assert await delivery.told({name: standing(2) for name in "abc"}) == (
        [("a", (), 2.0), ("b", (), 2.0), ("c", (), 2.0)],
        0,
    )
    assert asked == [*"abc", *"ab", *"cb", *"b", *"b"]


async def test_figures_of_delivery_that_take_long_never_say_that_the_ledger_is_down(here: Here) -> None:
    async def endless(_project: str, _standing: Standing) -> tuple[Sample, ...]:
        await asyncio.sleep(3600)
        return ()

    exposition = Exposition(here.parts.parts, time.monotonic)
    exposition._delivery = Delivery(endless, time.monotonic, seconds_max=0.05)
    text = (await exposition.text()).decode()
    assert judged(text) == ""
    told = samples(text)
    assert told["interlock_ledger_up", ()] == 1
    assert told["interlock_projects_behind", ()] == 1
    assert told["interlock_ledger_events_total", ("demo",)] > 0
    assert ("interlock_dora_deployments", ("demo",)) not in told


async def test_where_the_ledger_is_away_that_is_what_it_says(here: Here, tmp_path: Path) -> None:
    async with scraped(here, tmp_path) as http:
        await here.parts.ledger.close()
        answer = await http.get("/metrics")
    assert answer.status_code == 200
    assert judged(answer.text) == ""
    told = samples(answer.text)
    assert told["interlock_ledger_up", ()] == 0
    assert told["interlock_ready", ("ledger",)] == 0
    assert not any(name.startswith("interlock_ledger_events") for name, _ in told)


async def test_a_token_of_its_own_keeps_the_figures_from_others(
    here: Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCRAPES", "a-long-secret")
    async with scraped(here, tmp_path, '[server]\nmetrics_token = "env:SCRAPES"\n') as http:
        for header in (
            {},
            {"Authorization": f"Bearer {token_of('admin-1')}"},
            {"Authorization": "Bearer a-long-secre"},
        ):
            refused = await http.get("/metrics", headers=header)
            assert (refused.status_code, refused.json()["type"]) == (401, "/problems/not-authenticated")
            assert "a-long-secret" not in refused.text
        assert (await http.get("/metrics", headers={"Authorization": "Bearer a-long-secret"})).status_code == 200
        assert (await http.post("/metrics")).status_code == 405


def test_every_figure_of_every_part_has_its_words_and_is_accepted() -> None:
    for part in ("relay", "intake", "webhooks"):
        names = [name.removeprefix(f"{part}_") for name in WORDS if name.startswith(part)]
        assert names
        assert judged(text_of(*of_part(part, dict.fromkeys(names, 1.0))).decode()) == ""
    with pytest.raises(KeyError):
        list(of_part("relay", {"mystery": 1.0}))
    assert FAMILIES.keys() >= COUNTERS


async def test_the_document_names_what_is_told_and_nothing_else(here: Here, tmp_path: Path) -> None:
    document = (REPOSITORY / "docs" / "METRICS.md").read_text(encoding="utf-8")
    named = {name.removesuffix("_total") for name in re.findall(r"`interlock_(\w+)`", document)}
    async with scraped(here, tmp_path) as http:
        await http.get("/health")
        families = text_string_to_metric_families((await http.get("/metrics")).text)
        told = {family.name.removeprefix("interlock_") for family in families}
    assert named
    assert named <= told | FAMILIES.keys() | {name.removesuffix("_total") for name in WORDS}
    forgotten = FAMILIES.keys() - named - {"problems_open"}
    assert {name for name in forgotten if not name.startswith("dora_")} == set()


def test_the_judge_does_refuse_what_is_wrong() -> None:
    assert "counter metrics should have" in judged("# HELP x Words.\n# TYPE x counter\nx 1\n")
