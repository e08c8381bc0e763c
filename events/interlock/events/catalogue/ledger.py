"""What happened to the record itself. Streams: `ledger`, and `annotations/TARGET`.

These types are the storage format: a changed shape is a new schema number and an upcaster.
"""

from __future__ import annotations

from typing import Literal

from interlock.events.catalogue.registry import event
from interlock.events.values import Instant, Line, Name, Positive, PrincipalId, Text


@event()
class Annotated:
    """A remark about an event, which itself stays as it is; `target` is its position."""

    target: Positive
    kind: Literal["correction", "remark", "cause"]
    text: Text


@event()
class LedgerRestored:
    """The ledger was restored from a backup that ends at `position`; two persons let it write again."""

    position: Positive
    backup: Line
    taken_at: Instant
    asked_by: PrincipalId
    confirmed_by: PrincipalId


@event()
class LedgerMoved:
    """The project's ledger moved to another cluster."""

    source: Name
    target: Name
