"""Who may give which command: each command by each role, by nobody, by a service, an agent, and the watch."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import pytest

from interlock.domain.commands import COMMANDS
from interlock.domain.decide import Refused, Submitted, decide
from interlock.domain.entitlements import ENTITLED, EVERYBODY, PERSONS_ONLY, SYSTEM, role_held
from interlock.domain.errors import InvalidCommand, NotFound
from interlock.domain.situation import Principal, Situation
from interlock.events.envelope import Actor
from interlock.events.values import Role
from tests.domain import given
from tests.domain.examples import EXAMPLES
from tests.domain.story import WATCH

ROLES: tuple[str, ...] = get_args(Role)
VERBS = ("Approve", "Confirm", "Reject", "Withdraw", "Resolve", "Verify", "Dispute")
# To resolve an adjustment is to repeat what its marker says, which a runner reads.
APPROVING = {name for name in COMMANDS if name.startswith(VERBS)} - {"ResolveAdjustment"}
NEWCOMER = "newcomer"
GOVERNING = {"GrantRole", "RevokeRole", "RegisterPrincipal", "AssignOwner", "DesignateOperator", "ApprovePolicy"}


def joined(situation: Situation, kind: str, *roles: str) -> Situation:
    """The situation with a newcomer in it, who holds exactly these roles."""
    principal = Principal(id=NEWCOMER, kind=kind, roles=frozenset(roles))  # type: ignore[arg-type]
    team = situation.team
    return replace(situation, team=replace(team, principals={**team.principals, NEWCOMER: principal}))


def role_missing(name: str, kind: str, *roles: str) -> bool:
    """Whether the command is refused to such a newcomer because of who he is."""
    story, _, command = EXAMPLES[name]()
    situation = joined(given.seen(story, command), kind, *roles)
    actor = Actor(id=NEWCOMER, kind=kind)  # type: ignore[arg-type]
    try:
        answer = decide(situation, Submitted(command=command, actor=actor), story.now)
    except (NotFound, InvalidCommand):
        return not role_held(situation, command, actor).holds
    return isinstance(answer, Refused) and answer.reason == "role"


def test_every_command_has_a_row_and_every_row_a_command() -> None:
    assert set(ENTITLED) == set(COMMANDS)
    assert set(COMMANDS) >= PERSONS_ONLY


def test_a_row_names_roles_that_there_are() -> None:
    assert {role for roles in ENTITLED.values() for role in roles} <= {*ROLES, EVERYBODY, SYSTEM}


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_a_person_may_give_what_the_table_says_and_nothing_else(name: str, role: str) -> None:
    entitled = role in ENTITLED[name] or EVERYBODY in ENTITLED[name]
    if name == "ConfirmAsked":
        # Who may confirm may also have to be who could ask.
        entitled = role in ENTITLED["GrantRole"]
    if name == "DeclineAsked":
        entitled = role == "administrator"
    assert role_missing(name, "person", role) is not entitled


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_who_holds_no_role_may_do_what_everybody_may(name: str) -> None:
    everybody = EVERYBODY in ENTITLED[name] and name not in {"ConfirmAsked", "DeclineAsked"}
    assert role_missing(name, "person") is not everybody


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_who_is_not_registered_may_do_nothing_and_leaves_no_trace(name: str) -> None:
    story, _, command = EXAMPLES[name]()
    stranger = Actor(id="stranger", kind="person")
    answer = decide(given.seen(story, command), Submitted(command=command, actor=stranger), story.now)
    assert isinstance(answer, Refused)
    assert (answer.reason, answer.facts, answer.position) == ("role", (), None)


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_who_left_may_do_nothing(name: str) -> None:
    story, _, command = EXAMPLES[name]()
    situation = joined(story.situation, "person", *ROLES)
    team = situation.team
    gone = {**team.principals, NEWCOMER: replace(team.principals[NEWCOMER], active=False)}
    actor = Actor(id=NEWCOMER, kind="person")
    assert not role_held(replace(situation, team=replace(team, principals=gone)), command, actor).holds


@pytest.mark.parametrize("kind", ["service", "agent"])
@pytest.mark.parametrize("name", sorted(PERSONS_ONLY))
def test_what_judges_decides_or_authorizes_is_done_by_persons_whatever_the_roles(name: str, kind: str) -> None:
    assert role_missing(name, kind, *ROLES)


@pytest.mark.parametrize("name", sorted(APPROVING | GOVERNING))
def test_no_approving_command_is_forgotten_among_those_of_persons(name: str) -> None:
    assert name in PERSONS_ONLY


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_the_system_does_only_what_time_and_the_start_bring(name: str) -> None:
    story, _, command = EXAMPLES[name]()
    assert role_held(story.situation, command, WATCH).holds is (SYSTEM in ENTITLED[name])


def test_a_refusal_for_the_role_names_who_could_do_it() -> None:
    story, _, command = EXAMPLES["ApproveManualQA"]()
    [missing] = [o for o in story.refuse("dora", command, "role-held").decision.missing if o.check == "role-held"]
    assert (missing.state, missing.who) == ("needed", ("qa-1", "qa-2"))


def test_an_auditor_changes_nothing() -> None:
    allowed = {name for name, roles in ENTITLED.items() if "auditor" in roles}
    assert not allowed
    assert given.team().situation.team.holding("auditor") == ()
