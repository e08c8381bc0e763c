"""The one table of what can go wrong with a request: its name, its HTTP status, and how `dt` exits.

The names are part of the API (`type` of a problem document is `/problems/NAME`) and never change their meaning.
"""

from __future__ import annotations

from typing import Final

from interlock.events.fact import fact

PROBLEM_PATH: Final = "/problems/"

USAGE: Final = 2
REFUSED: Final = 3
WHO: Final = 4
NOT_FOUND: Final = 5
CHANGED: Final = 6
UNREACHABLE: Final = 7
UNKNOWN_OUTCOME: Final = 12
UNEXPECTED: Final = 1


@fact
class ProblemType:
    """One kind of problem; `title` is the same for each occurrence, `exit_code` is what `dt` exits with."""

    name: str
    title: str
    status: int
    exit_code: int

    @property
    def uri(self) -> str:
        """The problem document's `type`."""
        return f"{PROBLEM_PATH}{self.name}"


_TABLE: Final = (
    ("malformed", "The request is not understood", 400, USAGE),
    ("cursor-invalid", "The cursor does not belong to this list", 400, USAGE),
    ("clock-went-back", "The test clock never goes back", 400, USAGE),
    ("no-test-clock", "This server has no test clock", 400, USAGE),
    ("not-authenticated", "The caller is not known", 401, WHO),
    ("role-missing", "The caller's role does not allow this", 403, WHO),
    ("scope-missing", "The credential's scope does not allow this", 403, WHO),
    ("not-found", "There is no such thing", 404, NOT_FOUND),
    ("method-not-allowed", "This cannot be done here", 405, USAGE),
    ("too-slow", "The request took too long to arrive", 408, UNREACHABLE),
    ("refused", "The rules do not allow this now", 409, REFUSED),
    ("moved", "This ledger goes on elsewhere", 410, UNREACHABLE),
    ("changed", "It changed since it was read", 412, CHANGED),
    ("too-large", "The request is too large", 413, USAGE),
    ("unsupported-media-type", "The body has a form that is not understood", 415, USAGE),
    ("invalid", "A value is not allowed here", 422, USAGE),
    ("idempotency-key-reused", "This Idempotency-Key was used for something else", 422, USAGE),
    ("unexpected", "Something went wrong here", 500, UNEXPECTED),
    ("unavailable", "Interlock cannot decide now, so the answer is no", 503, UNREACHABLE),
    ("not-ready", "This server is not ready", 503, UNREACHABLE),
    ("behind", "What was asked for is not readable yet", 503, UNREACHABLE),
    ("outcome-unknown", "Nobody knows yet whether it was recorded", 503, UNKNOWN_OUTCOME),
)

PROBLEM_TYPES: Final[dict[str, ProblemType]] = {
    name: ProblemType(name=name, title=title, status=status, exit_code=exit_code)
    for name, title, status, exit_code in _TABLE
}
