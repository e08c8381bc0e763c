"""What one source of lines gave: how far it counts as read, what is missing of it, and where to go on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

Sink = Callable[[str, bytes], None]
"""Takes a source's name and one line without its end."""


@dataclass(frozen=True, slots=True)
class Period:
    """What is to be read: from `since` up to `until`; `goes_on` where the last check ended at `since`."""

    since: datetime
    until: datetime
    goes_on: bool


@dataclass(slots=True)
class Part:
    """One file with its rotated ones, one unit, or one command.

    Read without a gap from the period's beginning up to `until`; None where nothing of it counts. `cursor` is where
    the next check goes on.
    """

    source: str
    until: datetime | None = None
    lines: int = 0
    skipped: int = 0
    missing: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    read: list[dict[str, Any]] = field(default_factory=list)
    cursor: dict[str, Any] | None = None

    def lacks(self, what: str) -> None:
        """Nothing of the period counts as read, because of this."""
        self.missing.append(what)
        self.until = None

    def document(self) -> dict[str, Any]:
        """Return it for the evidence."""
        return {
            "source": self.source,
            "read_until": self.until.isoformat() if self.until is not None else None,
            "lines": self.lines,
            "skipped_as_older": self.skipped,
            "missing": self.missing,
            "notes": self.notes,
            "read": self.read,
            "cursor": self.cursor,
        }
