"""AssignOwner, DesignateOperator: one person at any instant."""

from __future__ import annotations

from datetime import timedelta

import pytest

from interlock.domain.commands.governance import (
    AssignOwner,
    DesignateOperator,
)
from interlock.domain.commands.release import ConfirmDevelopment
from interlock.domain.errors import InvalidCommand
from tests.domain import given
from tests.domain.examples import EXAMPLES
from tests.domain.given import DEVELOPMENT, PRODUCTION, STAGE, Story
from tests.domain.story import MONDAY


def asks(story: Story, command: object) -> bool:
    """Whether one administrator alone only asks."""
    return [type(new.event).__name__ for new in story.do("admin-1", command).facts] == ["SecondPersonAsked"]


def test_owner_and_operator_take_two_administrators() -> None:
    assert asks(given.team(), AssignOwner(environment=DEVELOPMENT, principal="dora"))
    assert asks(given.team(), DesignateOperator(environment=PRODUCTION, principal="dora"))


def test_a_deputy_is_the_owner_until_his_end_date_and_the_owner_is_not() -> None:
    story, _, _ = EXAMPLES["ConfirmDevelopment"]()
    until = story.now + timedelta(days=1)
    story.both("admin-1", "admin-2", AssignOwner(environment=DEVELOPMENT, principal="dora", until=until))
    story.refuse("anton", ConfirmDevelopment(release="4.12.0"), "owner-only")
    owner = story.situation.team.owners[DEVELOPMENT]
    assert (owner.at(until - timedelta(microseconds=1)), owner.at(until)) == ("dora", "anton")
    story.do("dora", ConfirmDevelopment(release="4.12.0"))


def test_the_gate_asks_the_deputy_while_there_is_one() -> None:
    story, who, command = EXAMPLES["SetReleaseContent"]()
    story.do(who, command)
    until = story.now + timedelta(days=1)
    story.both("admin-1", "admin-2", AssignOwner(environment=DEVELOPMENT, principal="dora", until=until))
    assert story.gate("4.12.0", DEVELOPMENT).allowed


def test_a_new_owner_ends_the_deputy() -> None:
    story = given.team()
    until = story.now + timedelta(days=1)
    story.both("admin-1", "admin-2", AssignOwner(environment=DEVELOPMENT, principal="dora", until=until))
    story.both("admin-1", "admin-2", AssignOwner(environment=DEVELOPMENT, principal="rm-1"))
    assert story.situation.team.owners[DEVELOPMENT].at(story.now) == "rm-1"


def test_a_deputy_operator_stands_in_until_his_end_date() -> None:
    story = given.team()
    until = story.now + timedelta(days=1)
    story.both("admin-1", "admin-2", DesignateOperator(environment=PRODUCTION, principal="dora", until=until))
    operator = story.situation.team.operators[PRODUCTION]
    assert (operator.at(story.now), operator.at(until)) == ("dora", "operator-1")


@pytest.mark.parametrize("command", [
    AssignOwner(environment=STAGE, principal="dora"),
    AssignOwner(environment=DEVELOPMENT, principal="ci-1"),
    AssignOwner(environment=DEVELOPMENT, principal="dora", until=MONDAY),
    DesignateOperator(environment=STAGE, principal="dora"),
    DesignateOperator(environment=PRODUCTION, principal="ci-1"),
])  # fmt: skip
def test_a_designation_is_of_one_person_for_what_has_one_from_now_on(command) -> None:
    with pytest.raises(InvalidCommand):
        given.team().do("admin-1", command)
