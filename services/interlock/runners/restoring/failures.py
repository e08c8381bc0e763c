"""What can keep a restore from being done, named for the situation."""

from __future__ import annotations

import re
from typing import Final

from interlock.runners.failures import Stopped

# What PostgreSQL's tools say, and what it means; the first that is found counts.
MEANINGS: Final = (
    (r"No space left on device|File too large|Disk quota exceeded", "no space is left"),
    (r"password authentication failed|no password supplied", "the password is wrong"),
    (r"permission denied|must be owner|must be superuser", "the login role lacks a right"),
    (r"server closed the connection|terminating connection|connection to server", "the database went away"),
    (r"canceling statement due to lock timeout|could not obtain lock", "a table stayed locked"),
)


class Impossible(Stopped):
    """it must not be restored into this database"""


class StillRunning(Stopped):
    """another restore of this database is still under way, or its sessions do not end"""


class NoTools(Stopped):
    """pg_dump and pg_restore are missing"""


class ToolRefused(Stopped):
    """pg_dump or pg_restore did not do it; their own words may quote a row, and are for the person at the terminal"""

    def __init__(self, tool: str, how: str, words: str) -> None:
        """`words` are the last of what it wrote."""
        meaning = next((meaning for pattern, meaning in MEANINGS if re.search(pattern, words, re.IGNORECASE)), None)
        self._recorded = f"{tool}: {meaning or how}"
        errors = [line.strip() for line in words.splitlines() if "error" in line.lower()]
        super().__init__(f"{self._recorded}; {errors[0] if errors else 'it did not say why'}")

    @property
    def recorded(self) -> str:
        """Which tool, and what its words mean."""
        return self._recorded


class MaskRefused(Stopped):
    """the masking script did not run; PostgreSQL's own words may quote a row"""

    def __init__(self, error: object, *, recorded: str = "") -> None:
        """`recorded` says the same without what a row held."""
        super().__init__(f"the masking script: {error}")
        self._recorded = f"the masking script: {recorded or error}"

    @property
    def recorded(self) -> str:
        """PostgreSQL's name for what was wrong."""
        return self._recorded
