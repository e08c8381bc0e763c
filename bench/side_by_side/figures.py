"""What was measured: for each contender its rounds, and of these the medians, the 99th percentile and the ratios."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import median
from typing import Literal

from bench.timing import Timing

Better = Literal["higher", "lower"]


@dataclass(slots=True)
class Measured:
    """One contender's rounds; `value` is what is compared, in `unit`."""

    name: str
    unit: str = "/s"
    values: list[float] = field(default_factory=list)
    p50: list[float] = field(default_factory=list)
    p99: list[float] = field(default_factory=list)
    note: str = ""

    def add(self, timing: Timing) -> None:
        """Add a round of single operations."""
        self.values.append(timing.rate)
        self.p50.append(timing.within(0.5))
        self.p99.append(timing.within(0.99))

    @property
    def value(self) -> float:
        """The rounds' median."""
        return median(self.values)

    @property
    def spread(self) -> tuple[float, float]:
        """The lowest and the highest round."""
        return min(self.values), max(self.values)


@dataclass(slots=True)
class Goal:
    """What is to be reached: a ratio of two contenders' medians, or a contender's figure."""

    says: str
    reached: float
    asked: float
    unit: str = "×"
    better: Better = "higher"

    @property
    def met(self) -> bool:
        """Whether it is reached."""
        return self.reached >= self.asked if self.better == "higher" else self.reached <= self.asked


@dataclass(slots=True)
class Section:
    """One comparison: its contenders, what is unequal about them, and its goals."""

    name: str
    title: str
    unequal: str
    contenders: dict[str, Measured] = field(default_factory=dict)
    goals: list[Goal] = field(default_factory=list)

    def of(self, name: str, unit: str = "/s") -> Measured:
        """Return the contender, new where it is not there yet."""
        return self.contenders.setdefault(name, Measured(name, unit))

    def ratio(self, ours: str, theirs: str, asked: float, *, says: str = "") -> None:
        """Add a goal: ours is so many times theirs."""
        both = self.contenders.get(ours), self.contenders.get(theirs)
        if both[0] and both[1] and both[0].values and both[1].values:
            self.goals.append(Goal(says or f"{ours} / {theirs}", both[0].value / both[1].value, asked))

    def at_most(self, name: str, reached: float, asked: float, unit: str) -> None:
        """Add a goal that is a limit."""
        self.goals.append(Goal(name, reached, asked, unit, "lower"))


def rounds(number: int, contenders: list[Callable[[int], None]]) -> None:
    """Let each contender have its turn, round after round, so that all meet the same disturbances."""
    for turn in range(number):
        for contender in contenders:
            contender(turn)
