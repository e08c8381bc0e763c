"""From a fact to what is recorded: the desk gives position, version, id, time, and where it came from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from interlock.desk.errors import CommandTooLarge
from interlock.events.canonical import EVENT_BYTES_MAX, EventTooLarge
from interlock.events.catalogue import CATALOGUE
from interlock.events.codec import encode
from interlock.events.envelope import Actor, Recorded, sealed
from interlock.ledger import Row

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from interlock.desk.rules import AnyRecorded, Fact

COMMAND_EVENTS_MAX: Final = 500


@dataclass(slots=True)
class Origin:
    """What all events of one command share. `causation` and `correlation` are positions."""

    project: str
    actor: Actor
    command_id: UUID
    request_hash: str
    recorded_at: datetime
    policy_version: int
    first: int
    correlation: int | None


def recorded(fact: Fact, origin: Origin, *, ordinal: int, version: int, event_id: UUID) -> AnyRecorded:
    """Return `fact` as it will stand in the ledger, with its canonical bytes.

    What follows from a command's first event names it as its cause. Raises CommandTooLarge, or what the codec says
    of a value that cannot be stored.
    """
    name = type(fact.event).__name__
    made: AnyRecorded = Recorded(
        project=origin.project,
        position=origin.first + ordinal,
        id=event_id,
        type=name,
        schema=CATALOGUE[name][1],
        stream=fact.stream,
        version=version,
        recorded_at=origin.recorded_at,
        occurred_at=fact.occurred_at or origin.recorded_at,
        actor=origin.actor,
        command_id=origin.command_id,
        ordinal=ordinal,
        request_hash=origin.request_hash,
        causation=origin.first if ordinal else None,
        correlation=origin.correlation,
        policy_version=origin.policy_version,
        event=fact.event,
    )
    try:
        body = encode(made)
    except EventTooLarge as large:
        raise CommandTooLarge(f"{name} has {large.size} bytes; {EVENT_BYTES_MAX} fit") from large
    return sealed(made, body)


def row(event: AnyRecorded, *, command_events: int) -> Row:
    """Return the ledger's row; a command's first one (ordinal 0) carries its id, hash and number of events."""
    made = Row(event.position, event.stream, event.version, event.type, event.recorded_at, event.raw)
    if event.ordinal == 0:
        made.command_id, made.request_hash, made.command_events = event.command_id, event.request_hash, command_events
    return made
