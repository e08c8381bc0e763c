"""Why a server does not start: in one line, what is wrong, why that stops it, and what to do next."""

from __future__ import annotations

from typing import Final

UNEXPECTED: Final = 1
USAGE: Final = 2
AWAY: Final = 7


class CannotStart(Exception):
    """the server does not start"""

    def __init__(self, what: str, why: str, then: str, *, exit_code: int = USAGE) -> None:
        """Each of the three is a part of the one line; none holds a secret."""
        parts = [" ".join(part.split()) for part in (what, why, then)]
        super().__init__(f"{parts[0]}: {parts[1]}. Next: {parts[2]}")
        self.exit_code = exit_code
