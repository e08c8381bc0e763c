"""Situations, as a person sees them: golden files of whole answers, from a real server, on one Thursday.

The story is told once. What is refused is recorded, so each of these tests stands on the ones before it by position
only where its answer shows one: refusals come last, in the order of this file.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.story import thursday
from tests.cli.story_of_adjustment import (
    ask_for_adjustment,
    execute_adjustment,
    rehearse_adjustment,
    verify_adjustment,
)
from tests.cli.terminal import Terminal
from tests.fixtures.postgres import PostgresServer
from tests.fixtures.server import on_a_copy


@pytest.fixture(scope="module")
def terminal(
    postgres_server: PostgresServer, team_template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Terminal]:
    """A terminal on Thursday 2026-11-26, 14:05 GMT."""
    home: Path = tmp_path_factory.mktemp("thursday")
    with on_a_copy(postgres_server, team_template, home, "thursday") as served:
        story = thursday(served)
        made = Terminal(home, served.url, served.project, story.served.now)
        made.story = story
        yield made


def test_status_is_the_whole_picture_on_one_screen(terminal: Terminal) -> None:
    terminal.shows("status", "status")


def test_todo_says_who_must_act_by_when_with_the_command(terminal: Terminal) -> None:
    terminal.shows("todo", "todo", who="qa-1")


def test_why_shows_what_is_missing_and_when_it_can_start(terminal: Terminal) -> None:
    terminal.shows("why-waits-for-the-window", "release", "why", "4.12.0", "production")


def test_why_with_all_shows_each_check_and_its_evidence(terminal: Terminal) -> None:
    terminal.shows("why-all", "release", "why", "4.12.0", "production", "--all")


def test_why_of_a_future_moment_says_that_it_may_go(terminal: Terminal) -> None:
    terminal.shows("why-on-saturday", "release", "why", "4.12.0", "production", "--if-at", "2026-11-28 09:30")


def test_why_without_an_environment_shows_every_gate_on_the_way(terminal: Terminal) -> None:
    terminal.shows("why-every-gate", "release", "why", "4.13.0")


def test_a_release_shows_its_content_its_evidence_and_its_deploys(terminal: Terminal) -> None:
    terminal.shows("release-show", "release", "show", "4.12.0")


def test_an_environment_is_shown_as_it_was_then(terminal: Terminal) -> None:
    terminal.shows("env-show-then", "env", "show", "sandbox", "--at", "2026-11-26 09:00")


def test_a_problem_tells_its_history(terminal: Terminal) -> None:
    terminal.shows("problem-show", "problem", "show", "P-1")


def test_a_deploy_outside_the_window_says_when_it_opens(terminal: Terminal) -> None:
    terminal.shows("deploy-waits-for-the-window", "deploy", "4.12.0", "production", code=3)


def test_a_deploy_that_people_must_allow_names_them(terminal: Terminal) -> None:
    terminal.shows("deploy-needs-people", "deploy", "4.13.0", "stage", code=3)


def test_a_second_test_run_is_told_who_holds_the_place(terminal: Terminal) -> None:
    terminal.shows("test-run-is-held", "test-run", "start", "--as-registered", who="ci-1", code=3)


def test_a_missing_role_names_who_holds_it(terminal: Terminal) -> None:
    terminal.shows(
        "role-missing",
        "review",
        "approve",
        "4.12.0",
        "--range",
        "v4.11.2..v4.12.0",
        "--diff-digest",
        "0" * 64,
        who="qa-1",
        code=4,
    )


def test_what_does_not_exist_is_not_found(terminal: Terminal) -> None:
    terminal.shows("not-found", "release", "show", "9.9.9", code=5)


def test_a_request_for_the_window_is_queued(terminal: Terminal) -> None:
    terminal.shows("deploy-at-window", "deploy", "4.12.0", "production", "--at-window")


def test_what_takes_two_persons_says_what_the_second_types(terminal: Terminal) -> None:
    terminal.shows("second-person", "team", "grant", "dev-2", "tester", who="admin-1")


def test_the_audit_trail_holds_the_refusals_too(terminal: Terminal) -> None:
    terminal.shows("audit-of-refusals", "audit", "log", "--type", "ActionRefused")


def test_an_adjustment_says_who_must_still_verify_it(terminal: Terminal) -> None:
    name = ask_for_adjustment(terminal.story)
    rehearse_adjustment(terminal.story, name)
    verify_adjustment(terminal.story, name, "qa-1")
    terminal.now = terminal.story.served.now
    terminal.shows("adjust-needs-people", "adjust", "execute", name, who="operator-1", code=3)


def test_who_verifies_an_adjustment_reads_all_of_it(terminal: Terminal) -> None:
    terminal.story.later(minutes=4)
    terminal.now = terminal.story.served.now
    found = terminal.dt("adjust", "show", "ADJ-1", "--json").json["bound_digest"]
    typed = str(found).removeprefix("sha256:")[:6]
    # The digest holds the database's identity, which is the story's: it is the same each time.
    terminal.shows("adjust-verify", "adjust", "verify", "ADJ-1", "--digest", typed, who="qa-2")


def test_nobody_but_the_operator_may_execute_it(terminal: Terminal) -> None:
    terminal.shows("adjust-not-the-operator", "adjust", "execute", "ADJ-1", who="rm-1", code=3)


def test_an_adjustment_shows_its_chain(terminal: Terminal) -> None:
    execute_adjustment(terminal.story, "ADJ-1")
    terminal.story.later(minutes=20)
    terminal.story.by("qa-1", "VerifyAdjustmentResult", adjustment="ADJ-1", method="counted the fills of each venue")
    terminal.now = terminal.story.served.now
    terminal.shows("adjust-show", "adjust", "show", "ADJ-1")


def test_an_auditor_follows_an_adjustment_from_its_report_alone(terminal: Terminal) -> None:
    terminal.shows("adjust-report", "adjust", "report", "ADJ-1", who="admin-1")


def test_production_tells_that_its_data_was_adjusted(terminal: Terminal) -> None:
    terminal.shows("env-show-adjusted", "env", "show", "production")
