"""CheckLogs: production's logs are read every hour, without a gap."""

from __future__ import annotations

from datetime import timedelta

import pytest

from interlock.domain.commands.environment import CheckLogs
from interlock.domain.errors import InvalidCommand
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
