"""Patterns of misbehaviour. RE2 reads them: a line takes time as it is long, whatever the pattern is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from interlock.events.catalogue.parts import LogMatch
from interlock.events.values import Severity
from interlock.runners.expressions import NoPattern, compiled

# What is kept of the lines that matched, so that evidence stays small and people see what it is about.
SAMPLES_MAX: Final = 20
SAMPLE_CHARACTERS_MAX: Final = 500


@dataclass(frozen=True, slots=True)
class Pattern:
    """One kind of misbehaviour, by what its lines look like."""

    name: str
    match: str
    severity: Severity
    expression: Any


@dataclass(slots=True)
class Found:
    """How many lines matched one pattern, and the first of them, shortened."""

    pattern: Pattern
    lines: int = 0
    samples: list[dict[str, str]] = field(default_factory=list)


class Findings:
    """Counts what the patterns find, line by line."""

    def __init__(self, patterns: Sequence[Pattern]) -> None:
        """Look for these."""
        self._found = [Found(pattern) for pattern in patterns]
        # Most lines match nothing: one look tells.
        try:
            self._any = compiled("|".join(f"(?:{pattern.match})" for pattern in patterns))
        except NoPattern:
            # Together they are too large for RE2; each alone is not.
            self._any = None

    def look(self, source: str, line: bytes) -> None:
        """Take one line, without its end."""
        if self._any is not None and self._any.search(line) is None:
            return
        for found in self._found:
            if found.pattern.expression.search(line) is not None:
                found.lines += 1
                if len(found.samples) < SAMPLES_MAX:
                    found.samples.append({"source": source, "line": _shown(line)})

    @property
    def matches(self) -> tuple[LogMatch, ...]:
        """The patterns that were found, in the order of the settings."""
        return tuple(
            LogMatch(pattern=found.pattern.name, severity=found.pattern.severity, lines=found.lines)
            for found in self._found
            if found.lines
        )

    def document(self) -> list[dict[str, Any]]:
        """Return each pattern with its count and its samples, for the evidence."""
        return [
            {
                "name": found.pattern.name,
                "match": found.pattern.match,
                "severity": found.pattern.severity,
                "lines": found.lines,
                "samples": found.samples,
            }
            for found in self._found
        ]


def _shown(line: bytes) -> str:
    text = line.decode("utf-8", "replace")
    kept = "".join(each if each.isprintable() else " " for each in text[:SAMPLE_CHARACTERS_MAX])
    return kept + (" …" if len(text) > SAMPLE_CHARACTERS_MAX else "")
