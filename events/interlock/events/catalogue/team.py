"""Who is there and what each may do. Stream: `team`.

These types are the storage format: a changed shape is a new schema number and an upcaster.
"""

from __future__ import annotations

from typing import Any, Literal

from interlock.events.catalogue.registry import event
from interlock.events.values import Digest, Instant, Name, PrincipalId, Role, Text

PrincipalKind = Literal["person", "service", "agent"]


@event()
class ProjectOpened:
    """The project begins with two administrators."""

    founders: tuple[PrincipalId, ...]


@event()
class PrincipalRegistered:
    """Somebody, or something, may act under this id."""

    principal: PrincipalId
    kind: PrincipalKind
    second_person: PrincipalId | None = None


@event()
class PrincipalDeactivated:
    """This principal acts no more."""

    principal: PrincipalId
    reason: Text


@event()
class RoleGranted:
    """The principal holds the role."""

    principal: PrincipalId
    role: Role
    second_person: PrincipalId | None = None


@event()
class RoleRevoked:
    """The principal holds the role no more."""

    principal: PrincipalId
    role: Role
    reason: Text


@event()
class OwnerAssigned:
    """The environment has this one owner (until `until`, where it is a deputy)."""

    environment: Name
    principal: PrincipalId
    second_person: PrincipalId | None = None
    until: Instant | None = None


@event()
class OperatorDesignated:
    """Data of this environment is adjusted by this one person (until `until`, where it is a deputy)."""

    environment: Name
    principal: PrincipalId
    second_person: PrincipalId | None = None
    until: Instant | None = None


@event(schema=2)
class CredentialIssued:
    """The principal may prove itself by the secret with this digest; an enrolment serves once.

    For signing, the digest is of a public key (`ed25519:` and its base64), which every signed record brings along.
    """

    credential: Name
    principal: PrincipalId
    secret_digest: Digest
    purpose: Literal["token", "enrolment", "signing"]
    scopes: tuple[Literal["read", "write"], ...]
    expires_at: Instant
    second_person: PrincipalId | None = None


@event()
class CredentialRevoked:
    """The credential opens nothing any more."""

    credential: Name
    principal: PrincipalId
    reason: Text


@event()
class SecondPersonAsked:
    """Somebody wants something for which two are needed; `command` is what the second would do."""

    ask: Name
    action: str
    command_type: Name
    command: dict[str, Any]
    bound_digest: Digest
    asked_by: PrincipalId
    until: Instant


@event()
class SecondPersonConfirmed:
    """Another person did it, by an own authenticated command; the effect follows in the same command."""

    ask: Name
    asked_by: PrincipalId
    bound_digest: Digest


@event()
class SecondPersonDeclined:
    """The second person says no."""

    ask: Name
    reason: Text


@event()
class SecondPersonExpired:
    """Nobody confirmed it in time."""

    ask: Name
