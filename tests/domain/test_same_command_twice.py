"""A command given twice makes its events once."""

from __future__ import annotations

import pytest

from interlock.domain.commands import COMMANDS
from interlock.domain.errors import InvalidCommand, NotFound
from tests.domain.examples import EXAMPLES

# Starting twice is starting two things: the environment is not free for the second, which is a refusal.
OVER_AFTERWARDS = {"BreakLease", "CancelDeploy", "RevokeCredential", "ConfirmAsked", "DeclineAsked", "RejectPolicy"}


def test_every_command_has_an_example() -> None:
    assert set(EXAMPLES) == set(COMMANDS)


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_a_command_is_accepted_once_and_makes_an_event(name: str) -> None:
    story, who, command = EXAMPLES[name]()
    assert type(command).__name__ == name
    assert story.do(who, command).facts


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_the_same_command_again_makes_no_second_event(name: str) -> None:
    story, who, command = EXAMPLES[name]()
    story.do(who, command)
    before = len(story.events)
    try:
        story.ask(who, command)
    except (NotFound, InvalidCommand):
        # What it was about is over: there is nothing left that the command could be about.
        assert name in OVER_AFTERWARDS
    assert set(story.types(before)) <= {"ActionRefused"}
