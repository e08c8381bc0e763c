"""The shapes that go into the ledger and come out of it: streams, versions, types and bytes, no meanings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID


@dataclass(slots=True)
class Row:
    """One event about to be appended; `body` holds the canonical JSON bytes of its whole envelope.

    The last three only on a command's first row: `command_events` counts the command's rows, this one included.
    """

    position: int
    stream: str
    version: int
    type: str
    recorded_at: datetime
    body: bytes
    command_id: UUID | None = None
    request_hash: str | None = None
    command_events: int | None = None


@dataclass(slots=True)
class Stored:
    """One event as the ledger holds it."""

    project: str
    position: int
    stream: str
    version: int
    type: str
    recorded_at: datetime
    body: bytes


@dataclass(slots=True)
class Head:
    """How far a project's log is: its last position (0 for none), when that was recorded, and the clock now."""

    position: int
    recorded_at: datetime | None
    clock: datetime


@dataclass(slots=True)
class Ends:
    """Where a stream begins (a position), how far it is (its last version), and its first event's bytes, if asked."""

    first: int
    version: int
    body: bytes | None = None


@dataclass(slots=True)
class Answer:
    """What a command id was answered with, for ever: all its events, and the hash of what was asked."""

    request_hash: str
    events: tuple[Stored, ...]
