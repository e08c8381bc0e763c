"""What is known of every recorded event, whatever happened: the envelope."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final, Generic, Literal, TypeVar, dataclass_transform
from uuid import UUID

from msgspec import Meta
from msgspec.structs import force_setattr

from interlock.events.fact import fact, struct_of
from interlock.events.values import Instant, Integer

# Not even an empty one is taken for it; whoever reads refuses an envelope in which it is not empty.
NEVER_STORED: Final = Meta(min_length=1)
# What an actor's credential begins with where it is none of the record's, but a session that an identity provider's
# signed statement opened: its name goes on with the statement's digest. Stored forever.
VOUCHED: Final = "oidc-"

ActorKind = Literal["person", "service", "agent", "system"]
E = TypeVar("E", covariant=True)  # noqa: PLC0105 - as `Recorded[E]` it reads better than `E_co`
T = TypeVar("T")


@fact
class Actor:
    """Who did it: an opaque principal id, its kind, and the credential it came with."""

    id: str
    kind: ActorKind
    credential: str | None = None


@dataclass_transform(kw_only_default=True, frozen_default=True)
def _envelope(cls: type[T]) -> type[T]:
    """Make `cls` a fact whose `event` is called `data` where it is stored."""
    return struct_of(cls, rename={"event": "data"})


@_envelope
class Recorded(Generic[E]):
    """One event as it stands in the ledger.

    `position` counts the project's events from 1 without gaps; `version` counts the stream's.
    `causation` and `correlation` are positions in the same project: what directly led here, and
    where the whole story began. `occurred_at` differs from `recorded_at` only for a past fact
    that was reported, and is the same where it is left out. `ordinal` is 0 for a command's first
    event. `raw` are the canonical bytes, where there are some: no field of what is stored.
    """

    project: str
    position: Integer
    id: UUID
    type: str
    schema: Integer
    stream: str
    version: Integer
    recorded_at: Instant
    occurred_at: Instant = None  # type: ignore[assignment] # see __post_init__
    actor: Actor
    command_id: UUID
    ordinal: Integer
    request_hash: str
    causation: Integer | None = None
    correlation: Integer | None = None
    policy_version: Integer
    event: E
    raw: Annotated[bytes, NEVER_STORED] = b""

    def __post_init__(self) -> None:
        """Let it have occurred when it was recorded, where nothing else is said."""
        if self.occurred_at is None:
            force_setattr(self, "occurred_at", self.recorded_at)  # type: ignore[unreachable]

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


def sealed(recorded: Recorded[E], raw: bytes) -> Recorded[E]:
    """Give an event that nobody has seen yet its canonical bytes, and return it: no copy is made."""
    force_setattr(recorded, "raw", raw)  # type: ignore[arg-type]
    return recorded
