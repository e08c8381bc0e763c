"""How the rules' figures changed. Stream: `policy`.

These types are the storage format: a changed shape is a new schema number and an upcaster.
"""

from __future__ import annotations

from typing import Any

from interlock.events.catalogue.registry import event
from interlock.events.values import Digest, Instant, Positive, Text


@event()
class PolicyProposed:
    """Somebody proposes a policy; `document` is the whole of it."""

    version: Positive
    document: dict[str, Any]
    document_digest: Digest
    reason: Text


@event()
class PolicyApproved:
    """Another person approves it."""

    version: Positive
    document_digest: Digest


@event()
class PolicyRejected:
    """It will not come into force."""

    version: Positive
    reason: Text


@event()
class PolicyActivated:
    """From `effective_from` on, decisions follow it."""

    version: Positive
    effective_from: Instant
    document: dict[str, Any]
    document_digest: Digest
