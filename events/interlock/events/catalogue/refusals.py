"""What was refused, and why: a fact like any other. Stream: `refusals/PRINCIPAL`.

This type is the storage format: a changed shape is a new schema number and an upcaster.
"""

from __future__ import annotations

from typing import Any

from interlock.events.catalogue.registry import event
from interlock.events.decision import Decision
from interlock.events.values import Digest, Line, Name


@event(schema=2)
class ActionRefused:
    """Somebody asked for something that the rules do not allow now.

    `fingerprint` is the digest of actor, action, subject and failed checks: the same refusal
    within an hour is answered with the first one's position. `command` is what was asked, whole, so
    that it can be decided again; absent where it was too long to be kept, and before schema 2.
    """

    action: Line
    subject: Line
    fingerprint: Digest
    decision: Decision
    command_type: Name | None = None
    command: dict[str, Any] | None = None
