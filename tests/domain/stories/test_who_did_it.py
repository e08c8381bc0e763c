"""Stories of persons: two keys are one person, and nobody lifts himself up."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from interlock.domain.commands.environment import BaselineEnvironment
from interlock.domain.commands.evidence import ApproveManualQA
from interlock.domain.commands.governance import (
    ApprovePolicy,
    AssignOwner,
    ConfirmAsked,
    DesignateOperator,
    GrantRole,
    IssueCredential,
    ProposePolicy,
    RegisterPrincipal,
    RevokeRole,
)
from interlock.domain.commands.release import OpenRelease
from interlock.domain.policy import shipped
from tests.domain.story import (
    DEVELOPMENT,
    MONDAY,
    PRODUCTION,
    SANDBOX,
    digest,
    empty_production,
    lacks,
    running,
    team,
)

R = "4.12.0"


def test_the_same_person_with_two_keys_is_one_person() -> None:
    story = team()
    ask = story.do("admin-1", BaselineEnvironment(environment=PRODUCTION, empty=True)).facts[0].event.ask
    other_key = replace(story.actor("admin-1"), credential="another-key-of-admin-1")
    outcome = lacks(story.refuse(other_key, ConfirmAsked(ask=ask)).decision)
    assert set(outcome) == {"second-person"}
    story.do("rm-1", ConfirmAsked(ask=ask))


def test_two_keys_do_not_make_an_author_independent() -> None:
    story = running()
    story.both("admin-1", "admin-2", GrantRole(principal="dora", role="tester"))
    story.do("dora", OpenRelease(name=R, kind="normal", title=R))
    story.develop(R).to_tests(R)
    story.deploy(R, SANDBOX)
    other_key = replace(story.actor("dora"), credential="another-key-of-dora")
    story.refuse(other_key, ApproveManualQA(release=R, environment=SANDBOX), "approver-independent")


WAYS = [
    GrantRole(principal="admin-1", role="tester"),
    GrantRole(principal="admin-1", role="reviewer"),
    GrantRole(principal="admin-1", role="verifier"),
    GrantRole(principal="admin-1", role="release-manager"),
    GrantRole(principal="anton", role="tester"),
    AssignOwner(environment=DEVELOPMENT, principal="admin-1"),
    AssignOwner(environment=DEVELOPMENT, principal="admin-1", until=MONDAY + timedelta(days=1)),
    DesignateOperator(environment=PRODUCTION, principal="admin-1"),
    RegisterPrincipal(principal="admin-1-again", kind="person"),
    IssueCredential(principal="qa-1", secret_digest=digest("mine"), expires_at=MONDAY + timedelta(days=1)),
    IssueCredential(principal="ci-1", secret_digest=digest("mine"), expires_at=MONDAY + timedelta(days=1)),
]


@pytest.mark.parametrize("command", WAYS, ids=lambda c: f"{type(c).__name__} {getattr(c, 'role', '')}")
def test_one_administrator_alone_makes_nobody_an_approver_himself_least(command: object) -> None:
    story = empty_production()
    known = story.situation.team
    ask = story.do("admin-1", command).facts[0].event.ask
    story.refuse("admin-1", ConfirmAsked(ask=ask), "second-person")
    for who in ("anton", "rm-1", "ci-1"):
        story.refuse(who, ConfirmAsked(ask=ask))
    assert story.situation.team == known


def test_an_administrator_does_not_get_rid_of_the_other_one() -> None:
    story = running()
    story.refuse(
        "admin-1",
        RevokeRole(principal="admin-2", role="administrator", reason="alone at last"),
        "two-administrators-remain",
    )


def test_nor_does_he_change_the_policy_alone() -> None:
    story = running()
    document = shipped("weekdays-free")
    proposed = story.do("admin-1", ProposePolicy(document=document, reason="more freedom")).facts[0].event
    approve = ApprovePolicy(version=proposed.version, document_digest=proposed.document_digest)
    story.refuse("admin-1", approve, "proposer-is-another")
    story.do("admin-2", approve)
    assert story.situation.policy_version == proposed.version


def test_what_was_asked_is_decided_anew_when_it_is_confirmed() -> None:
    story = team()
    empty = BaselineEnvironment(environment=PRODUCTION, empty=True)
    first = story.do("admin-1", empty).facts[0].event.ask
    second = story.do("admin-2", empty).facts[0].event.ask
    story.do("rm-1", ConfirmAsked(ask=first))
    story.refuse("rm-1", ConfirmAsked(ask=second), "base-undeclared")
