"""The topics on Kafka: their names are part of what others build on, and never change."""

from __future__ import annotations

from typing import Final

EVENTS: Final = "interlock.events"
INTAKE: Final = "interlock.intake"
OUTCOMES: Final = "interlock.outcomes"
DEAD_LETTER: Final = "interlock.dead-letter"


def own_intake(principal: str) -> str:
    """Return the topic into which, by the broker's access list, this principal alone may write."""
    return f"{INTAKE}.{principal}"
