"""ApproveManualQA, RejectManualQA, WithdrawManualQA: by hand, by no author, on what is there and at rest."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from interlock.domain.commands.environment import MarkDataCorrupt, StartRestore
from interlock.domain.commands.evidence import ApproveManualQA, RejectManualQA, StartTestRun, WithdrawManualQA
from interlock.domain.commands.governance import GrantRole, RegisterPrincipal
from interlock.domain.commands.problem import ResolveProblem
from interlock.domain.commands.release import OpenRelease
from interlock.domain.errors import InvalidCommand
from tests.domain.story import (
    ALL_AREAS,
    DEVELOPMENT,
    PRODUCTION,
    SANDBOX,
    STAGE,
    TESTS,
    Story,
    lacks,
    rehearsed,
    running,
)

R = "4.12.0"
APPROVE = ApproveManualQA(release=R, environment=SANDBOX)
CORE = ApproveManualQA(release=R, environment=STAGE, areas=ALL_AREAS)


def reject(environment: str) -> RejectManualQA:
    return RejectManualQA(release=R, environment=environment, reason="it lags")


def withdraw(environment: str) -> WithdrawManualQA:
    return WithdrawManualQA(release=R, environment=environment, reason="I erred")


def in_sandbox(**content: Any) -> Story:
    story = running().develop(R, **content).to_tests(R)
    story.deploy(R, SANDBOX)
    return story


def in_stage(**content: Any) -> Story:
    """Everything in stage but the core test."""
    story = running().prepared(R, **content)
    story.do("rm-1", withdraw(STAGE))
    return story


def test_a_tester_who_is_no_author_approves_in_sandbox() -> None:
    story = in_sandbox()
    story.do("qa-1", APPROVE)
    assert story.event("ManualQAApproved").scope == "team"
    assert "manual-qa-approved" not in lacks(story.gate(R, STAGE))


def test_an_author_does_not_approve_what_he_wrote() -> None:
    outcome = lacks(in_sandbox(author="qa-1").refuse("qa-1", APPROVE).decision)
    assert set(outcome) == {"approver-independent"}
    assert outcome["approver-independent"].state == "needed"
    assert "qa-1" not in outcome["approver-independent"].who


def test_an_author_does_not_approve_it_in_stage_either() -> None:
    story = running().develop(R, author="qa-2", contains=("4.11.0",)).to_tests(R).to_sandbox(R)
    story.deploy(R, STAGE)
    story.tick(minutes=1)
    story.restore()
    story.migrate(R)
    assert set(lacks(story.refuse("qa-2", CORE).decision)) == {"approver-independent"}
    story.do("qa-1", CORE)


def test_who_opened_the_release_is_an_author_even_if_he_is_a_tester_now() -> None:
    story = running()
    story.both("admin-1", "admin-2", GrantRole(principal="dora", role="tester"))
    story.do("dora", OpenRelease(name=R, kind="normal", title=R))
    story.develop(R).to_tests(R)
    story.deploy(R, SANDBOX)
    story.refuse("dora", APPROVE, "approver-independent")


@pytest.mark.parametrize("who", ["anton", "reviewer-1", "rm-1", "admin-1", "ci-1"])
def test_testers_test(who: str) -> None:
    story = in_sandbox()
    story.refuse(who, APPROVE, "role-held")


@pytest.mark.parametrize("kind", ["service", "agent"])
def test_neither_services_nor_agents_approve(kind: Any) -> None:
    story = in_sandbox()
    story.do("admin-1", RegisterPrincipal(principal="bot", kind=kind))
    with pytest.raises(InvalidCommand, match="never approves"):
        story.ask("admin-1", GrantRole(principal="bot", role="tester"))
    story.refuse("bot", APPROVE, "role-held")


def test_what_another_release_displaced_is_not_approved() -> None:
    story = in_sandbox()
    story.develop("4.13.0").to_tests("4.13.0")
    story.deploy("4.13.0", SANDBOX)
    outcome = lacks(story.refuse("qa-1", APPROVE).decision)
    assert outcome["release-present"].next == f"dt deploy {R} {SANDBOX}"


def test_an_older_content_in_sandbox_is_not_approved_as_the_new_one() -> None:
    story = in_sandbox()
    story.do("anton", story.content(R, salt="2"))
    story.refuse("qa-1", APPROVE, "release-present")


@pytest.mark.parametrize("environment, command", [(SANDBOX, APPROVE), (STAGE, CORE)])
def test_while_an_activity_runs_there_nothing_is_approved(environment: str, command: object) -> None:
    story = in_stage() if environment == STAGE else in_sandbox()
    story.do("ci-1", StartRestore(environment=environment, source=PRODUCTION, observed=story.observed(environment)))
    story.refuse("qa-1", command, "release-present")


def test_an_activity_elsewhere_is_no_obstacle() -> None:
    story = in_sandbox()
    story.do("ci-1", StartTestRun(environment=TESTS, trigger="manual", observed=story.observed(TESTS)))
    story.do("qa-1", APPROVE)


@pytest.mark.parametrize("seen, refused", [(DEVELOPMENT, True), (SANDBOX, True), (STAGE, False)])
def test_an_open_problem_bars_the_approval_where_it_was_seen_and_later(seen: str, *, refused: bool) -> None:
    story = in_sandbox()
    story.problem(seen)
    if refused:
        outcome = lacks(story.refuse("qa-1", APPROVE).decision)["no-open-problem"]
        assert outcome.next == "dt problem show P-1"
        story.do("rm-1", ResolveProblem(problem="P-1", how="retested"))
    story.do("qa-1", APPROVE)


def test_a_problem_seen_before_bars_the_approval_later_too() -> None:
    story = in_stage()
    story.problem(SANDBOX)
    story.refuse("qa-1", CORE, "no-open-problem")


def test_the_latest_verdict_wins() -> None:
    story = in_sandbox()
    story.do("qa-1", APPROVE)
    story.do("qa-2", reject(SANDBOX))
    assert lacks(story.gate(R, STAGE))["manual-qa-approved"].observed == "rejected by qa-2"
    story.do("qa-1", APPROVE)
    assert lacks(story.gate(R, STAGE)) == {}


def test_who_gave_an_approval_takes_it_back_or_a_release_manager() -> None:
    story = in_sandbox()
    story.do("qa-1", APPROVE)
    outcome = lacks(story.refuse("qa-2", withdraw(SANDBOX)).decision)
    assert outcome["verdict-own"].who == ("qa-1",)
    story.do("rm-1", withdraw(SANDBOX))
    assert lacks(story.gate(R, STAGE))["manual-qa-approved"].state == "needed"


@pytest.mark.parametrize("environment", [DEVELOPMENT, TESTS, PRODUCTION])
def test_manual_qa_is_done_in_sandbox_and_stage(environment: str) -> None:
    story = in_sandbox()
    with pytest.raises(InvalidCommand, match="sandbox and stage"):
        story.ask("qa-1", ApproveManualQA(release=R, environment=environment))


# -- core and affected areas in stage -------------------------------------------------------------------


def test_the_areas_approved_contain_the_core_and_the_affected_ones() -> None:
    story = running()
    story.do("anton", OpenRelease(name=R, kind="normal", title=R, affected_areas=("dividends",)))
    story.prepared(R)
    story.do("rm-1", withdraw(STAGE))
    outcome = lacks(story.refuse("qa-1", CORE).decision)
    assert set(outcome) == {"areas-covered"}
    assert outcome["areas-covered"].observed == "missing: dividends"
    story.do("qa-1", ApproveManualQA(release=R, environment=STAGE, areas=(*ALL_AREAS, "dividends")))


def test_the_core_test_comes_after_restore_and_migrations() -> None:
    story = running().develop(R, contains=("4.11.0",)).to_tests(R).to_sandbox(R)
    story.deploy(R, STAGE)
    assert {"production-data-restored", "migrations-passed"} == set(lacks(story.refuse("qa-1", CORE).decision))
    story.tick(minutes=1)
    story.restore()
    assert {"migrations-passed"} == set(lacks(story.refuse("qa-1", CORE).decision))
    story.migrate(R)
    story.do("qa-1", CORE)


def test_a_restore_after_the_core_test_voids_it() -> None:
    story = rehearsed()
    story.tick(minutes=1)
    story.restore()
    story.migrate(R)
    assert "core-areas-approved" in lacks(story.gate(R, PRODUCTION))


def test_no_core_test_on_corrupt_data() -> None:
    story = in_stage()
    story.do("qa-1", MarkDataCorrupt(environment=STAGE, reason="a script ran wild"))
    story.refuse("qa-1", CORE, "production-data-restored")


def test_no_core_test_on_a_snapshot_that_is_too_old() -> None:
    story = in_stage()
    story.at(story.now + timedelta(days=7, hours=1))
    story.refuse("qa-1", CORE, "production-data-restored")


@pytest.mark.parametrize(
    "environment, command",
    [
        (SANDBOX, APPROVE),
        (STAGE, CORE),
        (SANDBOX, reject(SANDBOX)),
        (STAGE, reject(STAGE)),
        (SANDBOX, withdraw(SANDBOX)),
        (STAGE, withdraw(STAGE)),
    ],
)
def test_the_second_time_changes_nothing(environment: str, command: object) -> None:
    story = in_stage() if environment == STAGE else in_sandbox()
    if isinstance(command, WithdrawManualQA):
        story.do("qa-1", APPROVE if environment == SANDBOX else CORE)
    story.do("qa-1", command)
    assert not story.do("qa-1", command).facts
