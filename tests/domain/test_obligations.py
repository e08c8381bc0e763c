"""Who must act, and by when."""

from __future__ import annotations

from datetime import timedelta

import pytest

from interlock.domain.commands.adjustment import DisputeAdjustmentResult, RejectAdjustment
from interlock.domain.commands.deploy import RequestDeploy
from interlock.domain.commands.evidence import StartTestRun
from interlock.domain.commands.governance import DeactivatePrincipal, ProposePolicy
from interlock.domain.commands.problem import AcknowledgeProblem, ReportProblem
from interlock.domain.commands.release import HoldRelease
from interlock.domain.obligations import Obligation, obligations
from interlock.domain.situation import EMPTY
from tests.domain import adjusting, examples, given
from tests.domain.given import DEVELOPMENT, PRODUCTION, SANDBOX, TESTS, Story
from tests.domain.story import MONDAY, SATURDAY_09


def told(story: Story) -> list[Obligation]:
    return list(obligations(story.situation, story.now))


def of(story: Story, words: str) -> Obligation:
    [found] = [each for each in told(story) if words in each.what]
    return found


def test_a_new_project_must_say_what_its_environments_are() -> None:
    story = given.opened()
    assert {each.subject for each in told(story)} == {DEVELOPMENT, TESTS, SANDBOX, "stage", PRODUCTION}
    assert of(story, "name the owner").who == ("admin-1", "admin-2")


def test_an_owner_who_left_is_to_be_replaced() -> None:
    story = given.running()
    assert not [each for each in told(story) if "name the owner" in each.what]
    story.do("admin-1", DeactivatePrincipal(principal="anton", reason="left"))
    assert of(story, "name the owner").who == ("admin-1", "admin-2")


def test_a_base_is_asked_for_until_it_is_declared() -> None:
    assert of(given.team(), "what production runs").command == "dt env baseline production"
    assert not [each for each in told(given.running()) if "what production runs" in each.what]


@pytest.mark.parametrize("make,words,who", [
    (given.in_sandbox, "test by hand and decide on 4.12.0", ("qa-1", "qa-2")),
    (given.in_stage, "review all changes of 4.12.0", ("reviewer-1",)),
    (given.in_stage, "restore production's data for 4.12.0", ("ci-1",)),
    (given.tested, "deploy 4.12.0 to sandbox", ("anton", "dora", "operator-1", "rm-1")),
])  # fmt: skip
def test_each_step_names_who_can_take_it(make, words, who) -> None:
    assert of(make(), words).who == who


def test_what_a_machine_has_begun_is_asked_of_none() -> None:
    story = given.running().develop("4.12.0")
    story.deploy("4.12.0", TESTS)
    assert of(story, "run the tests for 4.12.0").who == ("ci-1",)
    observed = story.observed(TESTS)
    story.do("ci-1", StartTestRun(environment=TESTS, trigger="manual", observed=observed))
    assert not [each for each in told(story) if "run the tests" in each.what]


def test_a_reaction_has_a_deadline_and_after_it_is_for_those_who_answer_for_releases_too() -> None:
    story = given.released().tick(minutes=30).check_logs()
    story.do("qa-1", ReportProblem(environment=PRODUCTION, title="orders are lost", severity="critical"))
    first = of(story, "react to")
    assert (first.by, first.overdue) == (story.now + timedelta(minutes=15), False)
    assert first.escalates_to == ("admin-1", "admin-2", "rm-1")
    assert not first.concerns("admin-1")
    assert first.concerns("anton")
    story.tick(minutes=15)
    assert not of(story, "react to").overdue
    story.tick(seconds=1)
    late = of(story, "react to")
    assert late.overdue
    assert late.concerns("admin-1")
    assert not late.concerns("operator-2")
    assert told(story)[0] == late
    assert story.event("ReactionOverdue").due_at == first.by
    story.do("anton", AcknowledgeProblem(problem=late.subject))
    assert not [each for each in told(story) if "react to" in each.what]


def test_unread_logs_are_asked_for_once_and_not_by_each_release_that_waits_for_them() -> None:
    story = given.running()
    story.prepared("4.12.0")
    story.at(SATURDAY_09)
    assert [each.command for each in told(story)].count("dt logs check production") == 1


def test_nobody_is_asked_to_judge_his_own_work() -> None:
    story = given.running().develop("4.12.0", author="qa-1").to_tests("4.12.0")
    story.deploy("4.12.0", SANDBOX)
    assert of(story, "test by hand").who == ("qa-2",)


def test_a_held_release_asks_nobody_for_anything() -> None:
    story = given.in_sandbox()
    story.do("rm-1", HoldRelease(release="4.12.0", reason="wait"))
    assert not [each for each in told(story) if each.subject == "4.12.0"]


def test_a_release_that_waits_only_for_its_window_asks_nobody() -> None:
    story = given.rehearsed()
    assert not [each for each in told(story) if each.subject == "4.12.0"]
    story.at(SATURDAY_09).check_logs()
    assert of(story, "deploy 4.12.0 to production").command == "dt deploy 4.12.0 production"


def test_a_requested_deploy_waits_for_its_executor() -> None:
    story = given.developed()
    story.do("anton", RequestDeploy(release="4.12.0", environment=TESTS))
    waiting = of(story, "start D-")
    assert (waiting.who, waiting.by) == (("ci-1",), story.now + timedelta(hours=24))


def test_a_problem_waits_for_a_reaction_and_then_for_its_end() -> None:
    story, name = examples.reported()
    reaction = of(story, "react to")
    assert (reaction.by, reaction.overdue) == (story.now + timedelta(minutes=15), False)
    story.tick(minutes=16)
    assert told(story)[0] == of(story, "react to")
    assert of(story, "react to").overdue
    story.do("dora", AcknowledgeProblem(problem=name))
    assert of(story, "settle").who == ("qa-1", "qa-2", "reviewer-1", "rm-1")


def test_the_logs_are_due_every_hour() -> None:
    story = given.released()
    assert of(story, "check the logs").by == story.now + timedelta(hours=1)
    story.tick(minutes=76)
    assert of(story, "check the logs").overdue


def test_an_unsure_environment_waits_for_two_persons() -> None:
    story = given.half_deployed()
    assert of(story, "find out what is in production").command == "dt env confirm production"


def test_what_takes_two_waits_for_another_one_than_asked() -> None:
    story, ask = examples.asked(given.team())
    waiting = of(story, "as second person")
    assert (waiting.who, waiting.command) == (("admin-2",), f"dt confirm {ask}")
    assert waiting.by == story.now + timedelta(days=7)


def test_a_proposed_policy_waits_for_another_administrator() -> None:
    story = given.team()
    story.do("admin-1", ProposePolicy(document=examples.tightened(), reason="fresher data"))
    assert of(story, "decide on policy 2").who == ("admin-2",)


def test_what_is_overdue_comes_first_then_what_is_due_first() -> None:
    story, _ = examples.reported()
    story.tick(minutes=20)
    found = told(story)
    assert [each.overdue for each in found] == sorted((each.overdue for each in found), reverse=True)
    dated = [each.by for each in found if each.by is not None and not each.overdue]
    assert dated == sorted(dated)


def test_a_project_that_does_not_exist_asks_nobody() -> None:
    assert obligations(EMPTY, MONDAY) == ()


@pytest.mark.parametrize("make,words,who,command", [
    (adjusting.requested, "rehearse ADJ-1", ("ci-1",), "dt adjust rehearse ADJ-1"),
    (adjusting.rehearsed, "verify ADJ-1", ("qa-1", "qa-2", "vera"), "dt adjust verify ADJ-1"),
    (adjusting.verified, "verify ADJ-1", ("qa-2", "vera"), "dt adjust verify ADJ-1"),
    (adjusting.authorized, "execute ADJ-1", ("operator-1",), "dt adjust execute ADJ-1"),
    (adjusting.unknown, "by its marker", ("operator-1", "ci-1"), "dt adjust show ADJ-1"),
    (adjusting.executed, "check the result of", ("qa-1", "qa-2", "reviewer-1", "rm-1", "vera"),
     "dt adjust check-result ADJ-1"),
])  # fmt: skip
def test_each_step_of_an_adjustment_names_who_can_take_it(make, words, who, command) -> None:
    waiting = of(make(), words)
    assert (waiting.who, waiting.command, waiting.subject) == (who, command, "ADJ-1")


def test_an_adjustment_is_to_be_verified_before_its_week_and_executed_before_its_day_is_over() -> None:
    story = adjusting.rehearsed()
    assert of(story, "verify ADJ-1").by == adjusting.of(story).expires_at
    story = adjusting.authorized()
    authorization = adjusting.of(story).authorization
    assert authorization is not None
    assert of(story, "execute ADJ-1").by == authorization.valid_until


def test_what_somebody_rejected_is_asked_of_him_and_of_who_asked_for_it() -> None:
    story = adjusting.verified()
    bound = adjusting.of(story).bound_digest
    story.do("vera", RejectAdjustment(adjustment="ADJ-1", bound_digest=bound, reason="no"))
    assert of(story, "the rejected ADJ-1").who == ("vera", "dora")
    assert not [each for each in told(story) if each.what == "verify ADJ-1"]


def test_where_the_operator_left_another_one_is_to_be_named() -> None:
    story = adjusting.authorized()
    story.do("admin-1", DeactivatePrincipal(principal="operator-1", reason="left"))
    waiting = of(story, "name who executes ADJ-1")
    assert (waiting.who, waiting.command) == (("admin-1", "admin-2"), "dt team operator production PERSON")
    assert not [each for each in told(story) if "execute ADJ-1" in each.what]


@pytest.mark.parametrize("make", [adjusting.started, adjusting.committed])
def test_what_is_being_executed_is_asked_of_none(make) -> None:
    assert not [each for each in told(make()) if each.subject == "ADJ-1"]


def test_a_disputed_result_is_to_be_settled() -> None:
    story = adjusting.executed()
    story.do("qa-1", DisputeAdjustmentResult(adjustment="ADJ-1", reason="15 fills are gone"))
    assert "qa-2" in of(story, "disputed result of ADJ-1").who


def test_a_scratch_database_is_to_be_registered_too() -> None:
    story = given.running()
    adjusting.tightened(story, scratch="scratch")
    assert of(story, "register scratch").command == "dt env register scratch"
