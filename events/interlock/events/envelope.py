"""What is known of every recorded event, whatever happened: the envelope."""

from __future__ import annotations

from datetime import datetime
from typing import Final, Generic, Literal, TypeVar
from uuid import UUID

from interlock.events.fact import fact

# What an actor's credential begins with where it is none of the record's, but a session that an identity provider's
# signed statement opened: its name goes on with the statement's digest. Stored forever.
VOUCHED: Final = "oidc-"

ActorKind = Literal["person", "service", "agent", "system"]
E = TypeVar("E", covariant=True)  # noqa: PLC0105 - as `Recorded[E]` it reads better than `E_co`


@fact
class Actor:
    """Who did it: an opaque principal id, its kind, and the credential it came with."""

    id: str
    kind: ActorKind
    credential: str | None = None


@fact
class Recorded(Generic[E]):
    """One event as it stands in the ledger.

    `position` counts the project's events from 1 without gaps; `version` counts the stream's.
    `causation` and `correlation` are positions in the same project: what directly led here, and
    where the whole story began. `occurred_at` differs from `recorded_at` only for a past fact
    that was reported. `ordinal` is 0 for a command's first event.
    """

    project: str
    position: int
    id: UUID
    type: str
    schema: int
    stream: str
    version: int
    recorded_at: datetime
    occurred_at: datetime
    actor: Actor
    command_id: UUID
    ordinal: int
    request_hash: str
    causation: int | None
    correlation: int | None
    policy_version: int
    event: E
    raw: bytes = b""

    # The eventsourcing library's DomainEventProtocol (its `originator` is our stream).
    @property
    def originator_id(self) -> str:
        """The stream's name."""
        return self.stream

    @property
    def originator_version(self) -> int:
        """The version in the stream, from 1."""
        return self.version

    @property
    def timestamp(self) -> datetime:
        """When the ledger recorded it, UTC."""
        return self.recorded_at
