"""CheckLogs: production's logs are read every hour, without a gap."""

from __future__ import annotations

from datetime import timedelta

import pytest

from interlock.domain.commands.environment import CheckLogs
from interlock.domain.commands.problem import AcknowledgeProblem, ResolveProblem
from interlock.domain.errors import InvalidCommand
from interlock.events.catalogue.parts import LogMatch
from tests.domain import given
from tests.domain.given import PRODUCTION, Story
from tests.domain.story import SATURDAY_09


def checked(story: Story, **more: object) -> CheckLogs:
    since = story.situation.environment(PRODUCTION).logs_from
    fields = {"since": since, "until": story.now, "result": "clean", **more}
    return CheckLogs(environment=PRODUCTION, **fields)  # type: ignore[arg-type]


@pytest.fixture
def story() -> Story:
    return given.released().tick(minutes=30)


def test_a_gap_is_refused_and_an_overlap_is_not(story) -> None:
    since = story.situation.environment(PRODUCTION).logs_from
    story.refuse("qa-1", checked(story, since=since + timedelta(seconds=1)), "logs-continuous")
    story.do("qa-1", checked(story, since=since - timedelta(hours=1)))


def test_findings_are_a_problem_of_production_at_once(story) -> None:
    before = len(story.events)
    story.do("qa-1", checked(story, result="findings", findings="orders are lost\nsince 11:20"))
    assert story.types(before) == ["LogsChecked", "MisbehaviourDetected", "ProblemReported"]
    event = story.event("ProblemReported")
    assert (event.environment, event.release, event.title) == (PRODUCTION, "4.12.0", "orders are lost")


@pytest.mark.parametrize("more,field", [
    ({"result": "findings"}, "findings"), ({"findings": "odd"}, "findings"),
    ({"until": SATURDAY_09 + timedelta(hours=3)}, "until"),
    ({"until": SATURDAY_09}, "until"),
])  # fmt: skip
def test_what_contradicts_itself_is_invalid(story, more, field) -> None:
    with pytest.raises(InvalidCommand) as raised:
        story.do("qa-1", checked(story, **more))
    assert raised.value.field == field


def test_a_check_that_comes_too_late_first_tells_the_silence(story) -> None:
    story.now += timedelta(hours=3)
    before = len(story.events)
    story.do("qa-1", checked(story))
    assert story.types(before) == ["LogCheckMissed", "LogsChecked"]


def test_the_silence_is_told_once(story) -> None:
    before = len(story.events)
    story.tick(hours=1).tick(hours=1).tick(hours=1)
    story.do("qa-1", checked(story))
    assert [kind for kind in story.types(before) if kind.startswith("Log")] == ["LogCheckMissed", "LogsChecked"]


DIGEST = "sha256:" + "44c05e01be025e01" * 4
LOST = LogMatch(pattern="orders are lost", severity="critical", lines=14)
SLOW = LogMatch(pattern="slow", severity="low", lines=1)


def found(story: Story, *matches: LogMatch, by: str = "ci-1") -> None:
    text = "; ".join(match.pattern for match in matches)
    story.do(by, checked(story, result="findings", findings=text, report=DIGEST, matches=matches))


def test_a_runner_says_what_it_read_and_what_its_patterns_found(story) -> None:
    found(story, LOST, SLOW)
    event = story.event("LogsChecked")
    assert (event.report, event.matches) == (DIGEST, (LOST, SLOW))
    problems = [each for each in story.situation.problems.values() if each.source == "log-check"]
    assert [(each.title, each.severity, each.release) for each in problems] == [
        ("orders are lost", "critical", "4.12.0"),
        ("slow", "low", "4.12.0"),
    ]
    detected = [each.event for each in story.events if each.type == "MisbehaviourDetected"]
    assert [each.problem for each in detected] == [each.problem for each in problems]
    assert detected[0].description.startswith("orders are lost: 14 lines, ")


def test_what_misbehaves_every_hour_is_one_problem_for_each_pattern_and_release(story) -> None:
    found(story, LOST)
    [problem] = [each.problem for each in story.situation.problems.values() if each.source == "log-check"]
    story.tick(minutes=30)
    before = len(story.events)
    found(story, LOST)
    assert story.types(before) == ["LogsChecked", "MisbehaviourDetected"]
    assert story.event("MisbehaviourDetected").problem == problem
    found(story.tick(minutes=30), SLOW)
    assert len([each for each in story.situation.problems.values() if each.source == "log-check"]) == 2


def test_after_it_was_settled_the_same_misbehaviour_is_a_new_problem(story) -> None:
    found(story, LOST)
    [problem] = [each.problem for each in story.situation.problems.values() if each.source == "log-check"]
    story.do("qa-2", AcknowledgeProblem(problem=problem))
    story.do("qa-2", ResolveProblem(problem=problem, how="the queue was drained"))
    before = len(story.tick(minutes=30).events)
    found(story, LOST)
    assert story.types(before) == ["LogsChecked", "MisbehaviourDetected", "ProblemReported"]


@pytest.mark.parametrize("who", ["anton", "qa-1", "rm-1", "ci-1"])
def test_developers_testers_release_managers_and_runners_may_say_so(story, who) -> None:
    story.do(who, checked(story, report=DIGEST))
    assert story.situation.environment(PRODUCTION).logs_from == story.now


@pytest.mark.parametrize("who", ["reviewer-1", "admin-1"])
def test_nobody_else_may(story, who) -> None:
    story.refuse(who, checked(story), "role-held")


@pytest.mark.parametrize("more", [
    {"matches": (LOST,)},
    {"result": "findings", "findings": "twice", "matches": (LOST, LOST)},
])  # fmt: skip
def test_counts_that_contradict_the_rest_are_invalid(story, more) -> None:
    with pytest.raises(InvalidCommand) as raised:
        story.do("qa-1", checked(story, **more))
    assert raised.value.field == "matches"
