"""How long each command took, and how many there were in a second."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Timing:
    """Commands' durations and the whole run's, in seconds."""

    taken: list[float] = field(default_factory=list)
    seconds: float = 0.0

    def add(self, taken: list[float]) -> None:
        """Add one caller's commands."""
        self.taken += taken

    @property
    def rate(self) -> float:
        """Commands a second."""
        return len(self.taken) / self.seconds if self.seconds else 0.0

    def within(self, share: float) -> float:
        """Return the milliseconds within which `share` (0 to 1) of the commands were answered."""
        ordered = sorted(self.taken)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1_000 if ordered else 0.0
