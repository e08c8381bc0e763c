"""What time alone brings about: each once, in order, also when nobody watched, and under a clock that requests set."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from interlock.client import ProblemAnswer
from interlock.desk import Desk
from interlock.ledger import Ledger
from interlock.serve import seams
from interlock.serve.project import begin
from interlock.serve.settings import Settings, load
from interlock.watch import Watch
from tests.cli.story import Story
from tests.fixtures.postgres import elsewhere
from tests.fixtures.server import BEGINS, Served, config_text, serving

IDENTITY = {"system_identifier": "7315", "database": "tests", "address": "db.internal"}


def types(server: Served, **query: Any) -> list[tuple[str, str]]:
    events = server["admin-1"].get("/events", after=0, limit=500, **query)["events"]
    return [(event["type"], event["recorded_at"]) for event in events]


def test_the_clock_stands_still_between_requests_and_never_goes_back(server: Served) -> None:
    server.at("2026-11-16T10:00:00+00:00")
    assert {server["anton"].get("/whoami")["now"] for _ in range(3)} == {"2026-11-16T10:00:00Z"}
    server.now = None
    assert server["anton"].get("/whoami")["now"] == "2026-11-16T10:00:00Z"
    server.at("2026-11-16T09:59:59+00:00")
    with pytest.raises(ProblemAnswer) as back:
        server["anton"].get("/whoami")
    assert (back.value.status, back.value.type) == (400, "clock-went-back")


def test_before_a_command_is_decided_what_was_due_is_done_in_order_at_its_own_time(server: Served) -> None:
    server["admin-1"].command("RegisterEnvironment", {"environment": "tests", "identity": IDENTITY})
    asked = server["admin-1"].command("RegisterPrincipal", {"principal": "late", "kind": "person"})
    assert asked["events"][0]["type"] == "SecondPersonAsked"
    problem = server["qa-1"].command("ReportProblem", {"environment": "sandbox", "title": "quotes freeze"})
    assert problem["status"] == "accepted"
    before = problem["position"]
    server.later(days=8)
    remark = server["anton"].command("Annotate", {"target": 1, "kind": "remark", "text": "later"})
    events = server["anton"].get("/events", after=before, limit=500)["events"]
    brought = [(event["type"], event["recorded_at"]) for event in events if event["by"] == "watch"]
    kinds = {kind for kind, _ in brought}
    assert {"ReactionOverdue", "SecondPersonExpired"} <= kinds
    assert [at for _, at in brought] == sorted(at for _, at in brought)
    assert len(brought) == len(set(brought))
    assert dict(brought)["SecondPersonExpired"] == "2026-11-23T08:00:00Z"
    assert events[-1]["position"] == remark["position"]
    assert events[-1]["recorded_at"] == "2026-11-24T08:00:00Z"


def test_what_was_brought_about_once_is_not_brought_about_again(server: Served) -> None:
    server["qa-1"].command("ReportProblem", {"environment": "sandbox", "title": "quotes freeze"})
    server.later(hours=5)
    first = server["anton"].get("/whoami")["position"]
    for _ in range(3):
        server.later(minutes=1)
        assert server["anton"].get("/whoami")["position"] == first
    assert [kind for kind, _ in types(server)].count("ReactionOverdue") == 1


async def test_two_watches_at_once_bring_everything_about_once(test_clock_ledger: Ledger, tmp_path: Path) -> None:
    ledger = test_clock_ledger
    config = tmp_path / "interlock.toml"
    config.write_text(config_text(), encoding="utf-8")
    await ledger.set_test_clock(BEGINS)
    desks = [Desk(ledger, monotonic=seams.monotonic, event_ids=seams.event_id) for _ in range(2)]
    await begin(desks[0], ledger, load(config))
    await begin(desks[1], ledger, load(config))
    watches = [Watch(desk) for desk in desks]
    moment = BEGINS
    for _ in range(4):
        moment += timedelta(days=1)
        await ledger.set_test_clock(moment)
        await asyncio.gather(*(watch.step("demo") for watch in [*watches, *watches]))
    stored = await ledger.read("demo", after=0, limit=1000)
    brought = [event for event in stored if b'"id":"watch"' in event.body]
    assert len({(event.type, event.recorded_at) for event in brought}) == len(brought)
    for desk in desks:
        await desk.close()


def test_a_watch_that_was_down_over_the_moment_tells_everything_once_and_in_order(server: Served) -> None:
    story = Story(server)
    story.begin()
    story.develop("1.0", contains=["4.11.2"])
    story.by("anton", "ConfirmDevelopment", release="1.0")
    story.by("anton", "RequestDeploy", release="1.0", environment="tests")
    story.start_tests()
    problem = story.by("qa-1", "ReportProblem", environment="sandbox", title="quotes freeze")
    story.by("admin-1", "RegisterPrincipal", principal="late", kind="person")
    before = server["admin-1"].get("/whoami")["position"]
    server.process.terminate()
    assert server.process.wait(30) == 0

    # Nobody watched for four days and five hours.
    elsewhere(set_clock(load(server.config), BEGINS + timedelta(days=4, hours=5)))
    with serving(server.config, "--test-clock") as again:
        again.now = None
        again.at(BEGINS + timedelta(days=4, hours=5))
        # The first request at the new instant lets the watch catch up; the second reads what it recorded.
        again["admin-1"].get("/status")
        events = again["admin-1"].get("/events", after=before, limit=500)["events"]
        brought = [(event["type"], event["stream"]) for event in events]
        assert {event["by"] for event in events} == {"watch"}
        assert sorted(brought) == sorted(
            [
                ("LeaseExpired", "environment/tests"),
                ("TestRunAborted", "environment/tests"),
                *[("TestRunMissed", "environment/tests")] * 4,
                ("DeployExpired", "release/1.0"),
                ("ReactionOverdue", f"problem/{problem['events'][0]['data']['problem']}"),
                ("LogCheckMissed", "environment/production"),
            ]
        )
        nights = again["admin-1"].get("/events", type="TestRunMissed", data="true")["events"]
        assert [event["data"]["day"] for event in reversed(nights)] == [f"2026-11-{day}" for day in range(17, 21)]
        # The second person is still asked: until then there are three days.
        assert len(again["admin-1"].get("/asks")["asks"]) == 1


async def set_clock(settings: Settings, at: datetime) -> None:
    assert settings.database is not None
    ledger = await Ledger.open(settings.database.app)
    await ledger.set_test_clock(at)
    await ledger.close()


def test_an_event_id_is_a_uuid_of_version_7_that_carries_the_time() -> None:
    at = datetime.fromisoformat("2026-11-28T09:00:00.123+00:00")
    made: set[UUID] = {seams.event_id(at) for _ in range(1000)}
    assert len(made) == 1000
    for each in made:
        assert (each.version, each.variant) == (7, "specified in RFC 4122")
        assert each.int >> 80 == int(at.timestamp() * 1000)
