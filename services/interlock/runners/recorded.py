"""What the record says of an environment's leases, as the runners need it."""

from __future__ import annotations

from typing import Final

from interlock.runners.asking import Asker
from interlock.runners.failures import Stopped

# What is recorded of a failure; an event's text is bounded.
ERROR_CHARACTERS_MAX: Final = 1_000


async def attempt_of(asker: Asker, environment: str) -> tuple[int, int]:
    """Return what names the next attempt's first command: the newest lease's token, and the ledger's position.

    A question whose answer was lost is the same command again; one that was refused, which is recorded, is not: the
    next attempt may be allowed. Raises Refused, Away.
    """
    async for event in asker.events("LeaseGranted", environment=environment):
        return int(event["data"]["fencing_token"]), asker.position
    return 0, asker.position


def said_of(subject: str) -> str:
    """Return the activity's name in a lease's subject: "S-3" of "restore S-3 from production"."""
    return subject.split()[1]


def told_text(stopped: Exception) -> str:
    """Return what is recorded of a failure: nothing that a row held, on one line, bounded."""
    text = stopped.recorded if isinstance(stopped, Stopped) else str(stopped)
    return "".join(sign if sign.isprintable() else " " for sign in text)[:ERROR_CHARACTERS_MAX] or "it was stopped"
