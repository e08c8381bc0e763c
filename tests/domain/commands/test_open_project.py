"""OpenProject: two founders, their codes, and a policy."""

from __future__ import annotations

import pytest

from interlock.domain import policy as policies
from interlock.domain.commands.governance import (
    OpenProject,
)
from interlock.domain.errors import InvalidCommand
from tests.domain import examples, given
from tests.domain.given import Story


def test_a_project_begins_with_two_founders_their_codes_and_a_policy() -> None:
    story = given.opened()
    assert story.types() == [
        "ProjectOpened", "PrincipalRegistered", "RoleGranted", "PrincipalRegistered", "RoleGranted",
        "PolicyActivated", "CredentialIssued", "CredentialIssued",
    ]  # fmt: skip
    assert story.situation.team.persons_holding("administrator") == ("admin-1", "admin-2")


@pytest.mark.parametrize("founders", [("admin-1",), ("admin-1", "admin-1"), ("admin-1", "admin-2", "admin-3")])
def test_the_founders_are_two_different_persons(founders) -> None:
    with pytest.raises(InvalidCommand, match="founders"):
        Story().do("serve", OpenProject(founders=founders, enrolments=examples.enrolments(), policy=policies.shipped()))


def test_each_founder_gets_a_code() -> None:
    with pytest.raises(InvalidCommand, match="enrolments"):
        Story().do(
            "serve",
            OpenProject(founders=("admin-1", "admin-9"), enrolments=examples.enrolments(), policy=policies.shipped()),
        )
