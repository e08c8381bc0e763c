"""Who is there: projects, principals, roles, owner, operator, credentials."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from interlock.domain import policy as policies
from interlock.domain.commands.governance import (
    AssignOwner,
    ConfirmAsked,
    DeactivatePrincipal,
    DesignateOperator,
    GrantRole,
    IssueCredential,
    OpenProject,
    RegisterPrincipal,
    RevokeCredential,
    RevokeRole,
)
from interlock.domain.commands.release import ConfirmDevelopment
from interlock.domain.errors import InvalidCommand, NotFound
from interlock.events.envelope import Actor
from tests.domain import examples, given
from tests.domain.examples import EXAMPLES
from tests.domain.given import DEVELOPMENT, PRODUCTION, STAGE, Story
from tests.domain.story import MONDAY, digest

ROLES_OF_TWO = ["developer", "tester", "reviewer", "verifier", "release-manager", "administrator"]


def asks(story: Story, command: object) -> bool:
    """Whether one administrator alone only asks."""
    return [type(new.event).__name__ for new in story.do("admin-1", command).facts] == ["SecondPersonAsked"]


# -- the project


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
        Story().do("serve", OpenProject(
            founders=("admin-1", "admin-9"), enrolments=examples.enrolments(), policy=policies.shipped()))


# -- principals and roles


@pytest.mark.parametrize("role", ROLES_OF_TWO)
def test_a_role_that_can_do_something_takes_two_administrators(role) -> None:
    story = given.team()
    story.both("admin-1", "admin-2", RegisterPrincipal(principal="eva", kind="person"))
    assert asks(story, GrantRole(principal="eva", role=role))


def test_an_auditor_takes_one() -> None:
    assert not asks(given.team(), GrantRole(principal="dora", role="auditor"))


def test_a_person_takes_two_administrators_and_a_service_one() -> None:
    assert asks(given.team(), RegisterPrincipal(principal="eva", kind="person"))
    assert not asks(given.team(), RegisterPrincipal(principal="ci-2", kind="service"))


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


def test_who_left_has_no_role_no_key_and_comes_back_under_no_old_id() -> None:
    story, who, command = EXAMPLES["IssueCredential"]()
    story.do(who, command)
    story.do("admin-1", DeactivatePrincipal(principal="dora", reason="left"))
    assert story.situation.team.credential_for(digest("a secret")) is None
    assert not story.situation.team.principals["dora"].roles
    with pytest.raises(InvalidCommand, match="never given again"):
        story.do("admin-1", RegisterPrincipal(principal="dora", kind="person"))


@pytest.mark.parametrize("command", [
    DeactivatePrincipal(principal="admin-2", reason="left"),
    RevokeRole(principal="admin-2", role="administrator", reason="left"),
], ids=["deactivate", "revoke"])  # fmt: skip
def test_two_administrators_always_remain(command) -> None:
    given.team().refuse("admin-1", command, "two-administrators-remain")


# -- owner and operator


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


# -- credentials


def test_a_credential_for_somebody_else_takes_two_administrators() -> None:
    story, _, command = EXAMPLES["IssueCredential"]()
    assert asks(story, command)
    story.refuse("qa-1", command, "administrator")
    story.both("admin-2", "admin-1", command)
    assert story.event("CredentialIssued").second_person == "admin-1"


def test_who_is_no_administrator_any_more_has_not_asked_for_another() -> None:
    story, _, command = EXAMPLES["IssueCredential"]()
    story.both("admin-1", "admin-2", GrantRole(principal="rm-1", role="administrator"))
    ask = story.do("rm-1", command).facts[0].event.ask
    story.do("admin-1", RevokeRole(principal="rm-1", role="administrator", reason="other work"))
    story.refuse("admin-2", ConfirmAsked(ask=ask), "administrator")


def test_an_enrolment_serves_once() -> None:
    story = given.opened()
    founder = Actor(id="admin-1", kind="person", credential="K-1")
    issue = IssueCredential(principal="admin-1", secret_digest=digest("s"), expires_at=story.now + timedelta(days=9))
    story.do(founder, issue)
    assert story.types()[-2:] == ["CredentialIssued", "CredentialRevoked"]
    assert story.situation.team.credential_for(digest("enrolment of admin-1")) is None
    # A second one that was under way with the same code comes too late.
    story.refuse(founder, replace(issue, secret_digest=digest("stolen")), "credential-valid")


def test_a_secret_proves_one_principal() -> None:
    story, who, command = EXAMPLES["IssueCredential"]()
    story.do(who, command)
    with pytest.raises(InvalidCommand, match="another principal"):
        story.do("qa-1", replace(command, principal="qa-1"))


@pytest.mark.parametrize("days", [0, -1, 367])
def test_a_credential_ends_within_a_year(days) -> None:
    story, who, command = EXAMPLES["IssueCredential"]()
    with pytest.raises(InvalidCommand, match="expires_at"):
        story.do(who, replace(command, expires_at=story.now + timedelta(days=days)))


def test_a_revoked_credential_proves_nothing_from_then_on() -> None:
    story, who, command = EXAMPLES["RevokeCredential"]()
    story.refuse("qa-1", command, "administrator")
    story.do("admin-1", command)
    assert story.situation.team.credential_for(digest("a secret")) is None
    with pytest.raises(NotFound):
        story.do(who, RevokeCredential(credential=command.credential, reason="again"))
