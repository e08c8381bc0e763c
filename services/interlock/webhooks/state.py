"""How the telling is doing, in figures and in a word: "behind" whenever it is, never "ok" when it is not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

# What is on its way right now is no reason to worry anybody.
BEHIND_SECONDS_MAX: Final = 30.0
OK: Final = "ok"


@dataclass(frozen=True, slots=True)
class Standing:
    """The sender, and all endpoints together; `trouble` is what is wrong with the sender itself now."""

    active: bool
    told: int
    waiting: int
    failed: int
    oldest_seconds: float
    behind: tuple[str, ...]
    trouble: str | None


def state_of(standing: Standing) -> str:
    """Return "ok", or what is not."""
    if standing.trouble:
        return standing.trouble
    parts = []
    if standing.waiting and standing.oldest_seconds > BEHIND_SECONDS_MAX:
        parts.append(f"behind: {standing.waiting} messages, {standing.oldest_seconds:.0f} s")
    if standing.failed:
        parts.append(f"{standing.failed} given up (dt notify failed)")
    return f"{'; '.join(parts)}: {', '.join(standing.behind)}" if parts else OK
