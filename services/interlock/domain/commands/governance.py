"""What can be asked of the policy, the team and the record."""

from __future__ import annotations

from typing import Any, Literal

from interlock.domain.commands.registry import command
from interlock.events.catalogue.parts import CredentialGiven
from interlock.events.catalogue.team import PrincipalKind
from interlock.events.values import Digest, Instant, Line, Name, Positive, PrincipalId, Role, Text


@command()
class OpenProject:
    """Begin a project: two founders, who are its administrators, each with an enrolment credential, and its policy."""

    founders: tuple[PrincipalId, ...]
    enrolments: tuple[CredentialGiven, ...]
    policy: dict[str, Any]


@command()
class ProposePolicy:
    """Propose the whole of a policy."""

    document: dict[str, Any]
    reason: Text


@command()
class ApprovePolicy:
    """Approve another person's proposal; it is in force at once. `document_digest` proves that it was read."""

    version: Positive
    document_digest: Digest


@command()
class RejectPolicy:
    """Turn a proposal down."""

    version: Positive
    reason: Text


@command()
class RegisterPrincipal:
    """Let somebody, or something, act under this id; a person takes two administrators."""

    principal: PrincipalId
    kind: PrincipalKind


@command()
class DeactivatePrincipal:
    """Let this principal act no more."""

    principal: PrincipalId
    reason: Text


@command()
class GrantRole:
    """Give a role; every one but auditor takes two administrators."""

    principal: PrincipalId
    role: Role


@command()
class RevokeRole:
    """Take a role away."""

    principal: PrincipalId
    role: Role
    reason: Text


@command()
class AssignOwner:
    """Make this person the environment's owner, or until then its deputy; takes two administrators."""

    environment: Name
    principal: PrincipalId
    until: Instant | None = None


@command()
class DesignateOperator:
    """Make this person the one who adjusts data, or until then the deputy; takes two administrators."""

    environment: Name
    principal: PrincipalId
    until: Instant | None = None


@command()
class IssueCredential:
    """Accept a secret, by its digest, as proof of a principal; for somebody else it takes two administrators.

    The secret is made where it will be used and never sent here. For signing, the digest is of the public key as it is
    written in a record's header, `ed25519:` and its base64; the private key is the secret.
    """

    principal: PrincipalId
    secret_digest: Digest
    expires_at: Instant
    scopes: tuple[Literal["read", "write"], ...] = ("read", "write")
    purpose: Literal["token", "signing"] = "token"


@command()
class RevokeCredential:
    """Let a credential open nothing any more."""

    credential: Name
    reason: Text


@command()
class ConfirmAsked:
    """Do what another person asked for, as the second of two persons. `bound_digest` proves what was read."""

    ask: Name
    bound_digest: Digest | None = None


@command()
class DeclineAsked:
    """Say no to what another person asked for."""

    ask: Name
    reason: Text


@command()
class AcceptRestoredLedger:
    """Let a ledger that was restored take commands again; takes two administrators, who know what it lacks.

    `position` is where it ends, `backup` what it was restored from, `taken_at` when its last event was recorded.
    """

    position: Positive
    backup: Line
    taken_at: Instant


@command()
class MoveLedger:
    """Close this ledger for good, because it goes on elsewhere; takes two administrators.

    `source` and `target` are the names that people know the two clusters by. Every command is refused from then on,
    and told where it went; the whole record is then taken along, and opened there by two persons.
    """

    source: Name
    target: Name


@command()
class Annotate:
    """Put a remark beside an event, which itself stays as it is."""

    target: Positive
    kind: Literal["correction", "remark", "cause"]
    text: Text
