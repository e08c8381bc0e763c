"""Policy and audit, as a person sees them: the record decided again, on a Thursday."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from interlock.domain.policy import shipped
from tests.cli.terminal import Terminal
from tests.fixtures.browser import NOW
from tests.fixtures.postgres import PostgresServer
from tests.fixtures.server import on_a_copy


@pytest.fixture(scope="module")
def terminal(
    postgres_server: PostgresServer, thursday_template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Terminal]:
    """A terminal on Thursday 2026-11-26, 14:05 GMT."""
    home: Path = tmp_path_factory.mktemp("governance")
    with on_a_copy(postgres_server, thursday_template, home, "governance") as served:
        yield Terminal(home, served.url, served.project, datetime.fromisoformat(NOW))


def policy_file(terminal: Terminal, name: str, document: dict[str, Any]) -> str:
    (terminal.home / name).write_text(json.dumps(document), encoding="utf-8")
    return name


def test_the_whole_record_is_decided_again_and_nothing_differs(terminal: Terminal) -> None:
    terminal.shows("audit-recheck", "audit", "recheck")
    done = terminal.dt("audit", "recheck", "--json").json
    assert done["differences"] == []
    assert done["unknown"] == {}
    assert done["proved"] > 0.9 * done["commands"]


def test_a_policy_is_simulated_and_what_flips_is_explained_twice(terminal: Terminal) -> None:
    terminal.dt("deploy", "4.12.0", "production")
    name = policy_file(terminal, "free.json", shipped("weekdays-free"))
    terminal.shows("policy-simulate", "policy", "simulate", name)


def test_a_stricter_policy_would_have_refused_what_was_accepted(terminal: Terminal) -> None:
    stricter = {**shipped(), "core_areas": ["orders", "quotes", "positions", "risk"]}
    name = policy_file(terminal, "stricter.json", stricter)
    before = terminal.dt("audit", "log", "-n", "1", "--json").json["events"][0]["position"]
    terminal.shows("policy-simulate-stricter", "policy", "simulate", name, "--since", "2026-11-26 09:00")
    flips = terminal.dt("policy", "simulate", name, "--json").json["flips"]
    assert [(flip["type"], flip["before"]["result"], flip["after"]["result"]) for flip in flips] == [
        ("ManualQAApproved", "allowed", "refused")
    ]
    assert (
        terminal.dt("policy", "simulate", name, "--since", f"@{flips[0]['position'] + 1}", "--json").json["flips"] == []
    )
    # Nothing was written by any of it.
    assert terminal.dt("audit", "log", "-n", "1", "--json").json["events"][0]["position"] == before


def test_what_is_no_policy_is_not_simulated(terminal: Terminal) -> None:
    weaker = policy_file(terminal, "weaker.json", {**shipped(), "verifications": 1})
    done = terminal.dt("policy", "simulate", weaker)
    assert (done.code, "verifications" in done.stderr) == (2, True)
    other = shipped()
    other["environments"][1]["name"] = "trial"
    other["environments"][0]["restore_sources"] = ["production"]
    done = terminal.dt("policy", "simulate", policy_file(terminal, "other.json", other))
    assert (done.code, "other environments" in done.stderr) == (2, True)


def test_the_doctor_names_the_step_that_nobody_can_take_and_who_is_missing(terminal: Terminal) -> None:
    found = terminal.dt("doctor", "--json")
    assert found.code == 1
    [red] = [each["detail"] for each in found.json["checks"] if each["state"] == "red"]
    assert red.startswith("no set of people can execute an adjustment of high risk: it takes different persons")
    [step] = [each for each in found.json["next"] if "verifier" in each["command"]]
    assert step["command"] == "dt team grant PERSON verifier"
    done = terminal.dt("doctor")
    assert "✗ people" in done.stdout
    asks = terminal.dt("team", "grant", "dev-2", "verifier", "--json", who="admin-1").json["events"]
    assert terminal.dt("confirm", asks[0]["data"]["ask"], who="admin-2").code == 0
    mended = terminal.dt("doctor")
    assert mended.code == 0, mended.stdout
    assert "✓ people" in mended.stdout


def test_a_proposal_shows_for_which_open_releases_it_would_change_something(terminal: Terminal) -> None:
    stricter = {**shipped(), "core_areas": ["orders", "quotes", "positions", "risk"], "snapshot_age_hours": 48}
    stricter["environments"][4]["react_minutes"] = 10
    name = policy_file(terminal, "next.json", stricter)
    assert terminal.dt("policy", "diff").code == 5
    assert terminal.dt("policy", "propose", name, "--reason", "look at risk", who="admin-1").code == 0
    terminal.shows("policy-diff", "policy", "diff", who="admin-2")
    told = terminal.dt("policy", "diff", "2", "--json").json
    assert {(each["release"], each["environment"], each["flips"]) for each in told["affects"]} == {
        ("4.12.0", "production", False),
        ("4.13.0", "production", False),
        ("4.13.1", "production", False),
        ("4.14.0", "production", False),
    }
    assert "core-areas-approved" in terminal.dt("policy", "show", "2").stdout


def test_who_approves_has_seen_what_it_changes_and_for_whom(terminal: Terminal) -> None:
    terminal.shows("policy-approve", "policy", "approve", "2", who="admin-2")
    terminal.shows("policy-diff-since", "policy", "diff", "1")
    assert terminal.dt("policy", "approve", "2", who="admin-2").code == 5
    # The record stands, and every decision of it under the policy of its own moment.
    assert terminal.dt("audit", "recheck", "--json").json["differences"] == []
