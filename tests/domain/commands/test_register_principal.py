"""RegisterPrincipal, DeactivatePrincipal: who may act under which id."""

from __future__ import annotations

import pytest

from interlock.domain.commands.governance import (
    DeactivatePrincipal,
    RegisterPrincipal,
)
from interlock.domain.errors import InvalidCommand
from tests.domain import given
from tests.domain.examples import EXAMPLES
from tests.domain.given import Story
from tests.domain.story import digest


def asks(story: Story, command: object) -> bool:
    """Whether one administrator alone only asks."""
    return [type(new.event).__name__ for new in story.do("admin-1", command).facts] == ["SecondPersonAsked"]


def test_a_person_takes_two_administrators_and_a_service_one() -> None:
    assert asks(given.team(), RegisterPrincipal(principal="eva", kind="person"))
    assert not asks(given.team(), RegisterPrincipal(principal="ci-2", kind="service"))


def test_who_left_has_no_role_no_key_and_comes_back_under_no_old_id() -> None:
    story, who, command = EXAMPLES["IssueCredential"]()
    story.do(who, command)
    story.do("admin-1", DeactivatePrincipal(principal="dora", reason="left"))
    assert story.situation.team.credential_for(digest("a secret")) is None
    assert not story.situation.team.principals["dora"].roles
    with pytest.raises(InvalidCommand, match="never given again"):
        story.do("admin-1", RegisterPrincipal(principal="dora", kind="person"))
