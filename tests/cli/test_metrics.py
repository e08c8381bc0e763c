"""`dt metrics` shows what the API says, and both say what was worked out by hand."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli import story_of_delivery as told
from tests.cli.terminal import Terminal
from tests.fixtures.postgres import PostgresServer
from tests.fixtures.server import Served, on_a_copy

PERIOD = ("--since", "2026-11-16", "--until", "2026-11-23")


@pytest.fixture(scope="module")
def delivered(
    postgres_server: PostgresServer, team_template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    """A server on which the week of `story_of_delivery` was told."""
    with on_a_copy(postgres_server, team_template, tmp_path_factory.mktemp("delivered"), "delivered") as served:
        told.tell(served)
        yield served


@pytest.fixture
def terminal(delivered: Served, tmp_path: Path) -> Terminal:
    return Terminal(tmp_path, delivered.url, delivered.project, delivered.now)


def test_the_figures_are_those_worked_out_by_hand_and_dt_tells_the_very_same(
    delivered: Served, terminal: Terminal
) -> None:
    answer = delivered["anton"].get("/metrics", since=told.SINCE, until=told.UNTIL)
    lead = answer["lead_time"]
    assert (lead["changes"], lead["median_seconds"]) == (3, told.MEDIAN_SECONDS)
    [row] = lead["deployments"]
    assert {name: row[name] for name in told.OLDEST} == told.OLDEST
    assert answer["deployment_frequency"]["per_week"] == told.PER_WEEK
    recovery = answer["failed_deployment_recovery_time"]
    assert (recovery["failed"], recovery["recovered"], recovery["median_seconds"]) == (1, 1, told.RECOVERY_SECONDS)
    assert answer["change_fail_rate"]["percent"] == told.FAILED_PERCENT
    assert answer["rework_rate"]["percent"] == told.REWORK_PERCENT
    shown = terminal.dt("metrics", *PERIOD, "--json").json
    assert shown.pop("next") == []
    assert shown == answer


def test_every_event_behind_a_figure_can_be_asked_for(delivered: Served) -> None:
    answer = delivered["anton"].get("/metrics")
    kinds = {
        "lead_time": {"ReleaseContentSet", "DeploySucceeded"},
        "deployment_frequency": {"DeploySucceeded"},
        "failed_deployment_recovery_time": {"DeploySucceeded", "ProblemReported"},
        "change_fail_rate": {"DeploySucceeded"},
        "rework_rate": {"DeploySucceeded"},
    }
    for figure, expected in kinds.items():
        events = [delivered["anton"].get(f"/events/{position}")["event"] for position in answer[figure]["events"]]
        assert {each["type"] for each in events} == expected, figure


def test_it_is_shown_with_what_each_figure_means(terminal: Terminal) -> None:
    terminal.shows("metrics", "metrics", *PERIOD, "--definitions")


def test_then_it_was_as_it_was_known_then(delivered: Served, terminal: Terminal) -> None:
    then = terminal.dt("metrics", "--at", "2026-11-21 10:00", "--json").json
    assert (then["deployment_frequency"]["deployments"], then["change_fail_rate"]["failed"]) == (1, 0)
    assert then["until"] == "2026-11-21T10:00:00Z"
    now = delivered["anton"].get("/metrics", until="2026-11-21T10:00:00Z")
    assert (now["deployment_frequency"]["deployments"], now["change_fail_rate"]["failed"]) == (1, 1)


@pytest.mark.parametrize(
    "period, field",
    [
        ({"until": "2026-11-24T00:00:00Z"}, "until"),
        ({"since": "2026-11-20T00:00:00Z", "until": "2026-11-20T00:00:00Z"}, "since"),
        ({"since": "2020-01-01T00:00:00Z"}, "since"),
        ({"since": "yesterday"}, "since"),
    ],
)
def test_a_period_that_is_none_is_refused_with_the_reason(
    delivered: Served, period: dict[str, str], field: str
) -> None:
    from interlock.client import ProblemAnswer

    with pytest.raises(ProblemAnswer) as refused:
        delivered["anton"].get("/metrics", **period)
    assert (refused.value.status, refused.value.problem["errors"][0]["field"]) == (422, field)
