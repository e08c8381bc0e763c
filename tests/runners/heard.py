"""Who listens to a run of the tests, in a test."""

from __future__ import annotations

from dataclasses import dataclass, field

from interlock.runners.testing import Begun


@dataclass
class Heard:
    """What a run told."""

    said: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)

    def begun(self, begun: Begun) -> None:
        self.said.append(f"begun {begun.run}")

    def erased(self, position: int) -> None:
        self.said.append(f"erased @{position}")

    def running(self, report: str) -> None:
        self.said.append("running")

    def line(self, line: str) -> None:
        self.lines.append(line)

    def ran(self) -> None:
        self.said.append("ran")
