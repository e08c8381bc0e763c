"""IssueCredential, RevokeCredential: what proves a principal."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from interlock.domain.commands.governance import (
    ConfirmAsked,
    GrantRole,
    IssueCredential,
    RevokeCredential,
    RevokeRole,
)
from interlock.domain.errors import InvalidCommand, NotFound
from interlock.events.envelope import Actor
from tests.domain import given
from tests.domain.examples import EXAMPLES
from tests.domain.given import Story
from tests.domain.story import digest


def asks(story: Story, command: object) -> bool:
    """Whether one administrator alone only asks."""
    return [type(new.event).__name__ for new in story.do("admin-1", command).facts] == ["SecondPersonAsked"]


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


def test_a_credential_gives_no_more_than_it_has() -> None:
    story = given.opened()
    founder = Actor(id="admin-1", kind="person", credential="K-1")
    more = IssueCredential(principal="admin-1", secret_digest=digest("more"), expires_at=story.now + timedelta(days=9))
    story.do(founder, replace(more, secret_digest=digest("only writes"), scopes=("write",)))
    writer = replace(founder, credential=story.event("CredentialIssued").credential)
    with pytest.raises(InvalidCommand, match="no more than it has: write"):
        story.ask(writer, more)
    story.do(writer, replace(more, scopes=("write",)))


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


def test_a_key_for_signing_is_a_credential_like_any_other() -> None:
    story, _, command = EXAMPLES["IssueCredential"]()
    key = replace(command, secret_digest=digest("ed25519:key"), purpose="signing")
    assert asks(story, key)
    story.refuse("qa-1", key, "administrator")
    story.both("admin-2", "admin-1", key)
    issued = story.event("CredentialIssued")
    assert (issued.purpose, issued.second_person) == ("signing", "admin-1")
    held = story.situation.team.credential_for(key.secret_digest)
    assert held is not None
    assert held.purpose == "signing"
    story.do("admin-1", RevokeCredential(credential=issued.credential, reason="lost"))
    assert story.situation.team.credential_for(key.secret_digest) is None


def test_a_digest_serves_for_one_purpose() -> None:
    story, who, command = EXAMPLES["IssueCredential"]()
    story.do(who, command)
    with pytest.raises(InvalidCommand, match="purpose"):
        story.ask(who, replace(command, purpose="signing"))


def test_what_a_key_gives_is_no_more_than_it_has() -> None:
    story, who, command = EXAMPLES["IssueCredential"]()
    key = replace(command, secret_digest=digest("ed25519:key"), purpose="signing", scopes=("write",))
    story.do(who, key)
    signer = Actor(id=command.principal, kind="person", credential=story.event("CredentialIssued").credential)
    with pytest.raises(InvalidCommand, match="no more than it has: write"):
        story.ask(signer, replace(command, secret_digest=digest("reads too")))
