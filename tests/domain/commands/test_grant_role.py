"""GrantRole, RevokeRole: what each may do."""

from __future__ import annotations

import pytest

from interlock.domain.commands.governance import (
    ConfirmAsked,
    DeactivatePrincipal,
    GrantRole,
    RegisterPrincipal,
    RevokeRole,
)
from interlock.domain.errors import InvalidCommand
from interlock.events.envelope import Actor
from tests.domain import given
from tests.domain.given import Story

ROLES_OF_TWO = ["developer", "tester", "reviewer", "verifier", "release-manager", "administrator"]


def asks(story: Story, command: object) -> bool:
    """Whether one administrator alone only asks."""
    return [type(new.event).__name__ for new in story.do("admin-1", command).facts] == ["SecondPersonAsked"]


@pytest.mark.parametrize("role", ROLES_OF_TWO)
def test_a_role_that_can_do_something_takes_two_administrators(role) -> None:
    story = given.team()
    story.both("admin-1", "admin-2", RegisterPrincipal(principal="eva", kind="person"))
    assert asks(story, GrantRole(principal="eva", role=role))


def test_an_auditor_takes_one() -> None:
    assert not asks(given.team(), GrantRole(principal="dora", role="auditor"))


def test_a_runner_service_takes_two() -> None:
    story = given.team()
    story.do("admin-1", RegisterPrincipal(principal="ci-2", kind="service"))
    assert asks(story, GrantRole(principal="ci-2", role="runner"))


@pytest.mark.parametrize("kind", ["service", "agent"])
@pytest.mark.parametrize("role", ["tester", "reviewer", "verifier", "release-manager", "administrator"])
def test_services_and_agents_never_get_a_role_that_approves(kind, role) -> None:
    story = given.team()
    story.do("admin-1", RegisterPrincipal(principal="bot", kind=kind))
    with pytest.raises(InvalidCommand, match="role"):
        story.do("admin-1", GrantRole(principal="bot", role=role))


@pytest.mark.parametrize("kind", ["person", "agent"])
def test_only_a_service_is_a_runner(kind) -> None:
    story = given.team()
    if kind == "agent":
        story.do("admin-1", RegisterPrincipal(principal="bot", kind="agent"))
    with pytest.raises(InvalidCommand, match="runner"):
        story.do("admin-1", GrantRole(principal="bot" if kind == "agent" else "dora", role="runner"))


def test_an_administrator_alone_does_not_make_himself_an_approver() -> None:
    story = given.team()
    ask = story.do("admin-1", GrantRole(principal="admin-1", role="tester")).facts[0].event.ask
    story.refuse("admin-1", ConfirmAsked(ask=ask), "second-person")
    story.refuse(Actor(id="admin-1", kind="person", credential="another key"), ConfirmAsked(ask=ask), "second-person")
    assert "tester" not in story.situation.team.principals["admin-1"].roles


@pytest.mark.parametrize("command", [
    DeactivatePrincipal(principal="admin-2", reason="left"),
    RevokeRole(principal="admin-2", role="administrator", reason="left"),
], ids=["deactivate", "revoke"])  # fmt: skip
def test_two_administrators_always_remain(command) -> None:
    given.team().refuse("admin-1", command, "two-administrators-remain")
