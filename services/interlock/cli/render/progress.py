"""A line at the bottom of the terminal that says how far the tests are; off a terminal nothing moves."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from dataclasses import dataclass

from interlock.cli.render.testing import minutes

BAR_COLUMNS = 20
# Between two drawings: output may come faster than anybody reads.
DRAW_SECONDS = 0.1
# How frameworks tell one test's end on a line: pytest -v, go test -v, TAP, cargo test, mocha, Gradle's test logging,
# ctest. docs/RUNNERS.md says so too.
ENDED = re.compile(
    r"::\S.* (?P<pytest>PASSED|FAILED|ERROR|SKIPPED|XFAIL)\b|^\s*--- (?P<go>PASS|FAIL|SKIP): |^(?P<tap>ok|not ok) \d"
    r"|^test .* \.\.\. (?P<cargo>ok|FAILED|ignored)$|^\s+(?P<mocha>✓|✔|✗) "
    r"|^\S.* > .* (?P<gradle>PASSED|FAILED|SKIPPED)$"
    r"|^\s*\d+/\d+ Test\s+#\d+: .*?(?P<ctest>   Passed|\*\*\*[A-Z][A-Za-z ]*?)\s+\d+\.\d+ sec$"
)
FAILED = frozenset({"FAILED", "ERROR", "FAIL", "not ok", "✗", "***Failed", "***Timeout", "***Exception"})
PASSED = frozenset({"PASSED", "PASS", "ok", "✓", "✔", "   Passed"})
PERCENT = re.compile(r"\[\s*(\d{1,3})%\]\s*$")


@dataclass(slots=True)
class Progress:
    """What was seen go by. `total` and `usual` seconds come from earlier runs, and may be unknown."""

    clock: Callable[[], float]
    total: int | None = None
    usual: float | None = None
    began: float | None = None
    passed: int = 0
    failed: int = 0
    others: int = 0
    percent: int | None = None
    _drawn: float = 0.0

    @property
    def moves(self) -> bool:
        """Whether there is a terminal to draw on, and somebody who sees it."""
        return self.began is not None and sys.stderr.isatty()

    def begin(self) -> None:
        """The command starts."""
        self.began = self.clock()

    def line(self, text: str) -> None:
        """Write a line of the command's output, above the progress."""
        self.count(text)
        self.wipe()
        sys.stderr.write(f"{text}\n")
        self.draw()
        sys.stderr.flush()

    def count(self, text: str) -> None:
        """Count what a line says."""
        told = ENDED.search(text)
        if told is not None:
            word = next(each for each in told.groups() if each)
            self.passed += word in PASSED
            self.failed += word in FAILED
            self.others += word not in PASSED and word not in FAILED
        share = PERCENT.search(text)
        if share is not None:
            self.percent = min(100, int(share[1]))

    def draw(self, *, now: bool = False) -> None:
        """Draw it anew, not more often than eyes can follow."""
        if self.moves and (now or self.clock() - self._drawn >= DRAW_SECONDS):
            self._drawn = self.clock()
            sys.stderr.write(f"\r\x1b[K{self.text()}")
            sys.stderr.flush()

    def wipe(self) -> None:
        """Take it away."""
        if self.moves:
            sys.stderr.write("\r\x1b[K")

    def end(self) -> None:
        """The command has ended."""
        self.wipe()
        sys.stderr.flush()
        self.began = None

    def text(self) -> str:
        """Return "████░░  331/412   passed 329   failed 2   11:02   about 03:10 left"."""
        gone = self.clock() - (self.began or 0.0)
        seen = self.passed + self.failed + self.others
        share = self.share(seen, gone)
        parts = []
        if share is not None:
            full = round(min(1.0, share) * BAR_COLUMNS)
            parts.append("█" * full + "░" * (BAR_COLUMNS - full))
        if seen:
            parts.append(f"{seen}/{self.total}" if self.total and seen <= self.total else str(seen))
            parts.append(f"passed {self.passed}   failed {self.failed}")
        elif self.percent is not None:
            parts.append(f"{self.percent} %")
        parts.append(minutes(gone))
        left = self.usual - gone if self.usual else None
        if left is not None:
            parts.append(f"about {minutes(left)} left" if left > 0 else f"usually {minutes(self.usual or 0)}")
        return "  " + "   ".join(parts)

    def share(self, seen: int, gone: float) -> float | None:
        """How much is done: by the tests that were seen, by what the output says, or by the time it usually takes."""
        if seen and self.total:
            return seen / self.total
        if self.percent is not None:
            return self.percent / 100
        return gone / self.usual if self.usual else None
