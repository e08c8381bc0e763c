"""How the relay is doing, in figures and in a word: "behind" whenever it is, never "ok" when it is not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from interlock.relay import cursors

# Events on their way right now are no reason to worry anybody.
BEHIND_SECONDS_MAX: Final = 5.0
OK: Final = "ok"


@dataclass(frozen=True, slots=True)
class Lag:
    """What is recorded and not published: events, the oldest one's age in seconds, and in how many projects."""

    events: int
    seconds: float
    projects: int


@dataclass(frozen=True, slots=True)
class Standing:
    """One relay: whether it publishes, as which generation, what it did, and what went wrong last.

    `trouble` is what is wrong now; `last_error` stays after it passed.
    """

    active: bool
    generation: int
    published: int
    rebuilt: int
    trouble: str | None
    last_error: str | None


async def lag(connection: Any, topic: str) -> Lag:
    """Measure what is not published to `topic` yet."""
    row = await connection.fetchrow(cursors.LAG, topic)
    return Lag(row["events"], max(0.0, row["seconds"]), row["projects"])


def state_of(lag: Lag, standing: Standing) -> str:
    """Return "ok", or what is not."""
    trouble = f"; {standing.trouble}" if standing.trouble else ""
    if lag.events and (trouble or lag.seconds > BEHIND_SECONDS_MAX):
        return f"behind: {lag.events} events, {lag.seconds:.0f} s{trouble}"
    return standing.trouble or OK
