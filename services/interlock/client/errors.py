"""What can go wrong between a client and the server, named for the situation."""

from __future__ import annotations

from typing import Any

from interlock.client.exit_codes import exit_code_of

SERVER_AWAY = 7
OUTCOME_UNKNOWN = 12
UNEXPECTED = 1


class ServerAway(Exception):
    """the server is not reachable

    `cause` says why, `tries` how often it was tried within `seconds`. `sent` is the idempotency
    key of a command that may have arrived although no answer came: asking again with the same key
    is safe, and gives the first answer if there was one.
    """

    def __init__(self, url: str, cause: str, tries: int, seconds: float, sent: str | None = None) -> None:
        super().__init__(f"{url} is not reachable ({cause}, {tries} tries in {seconds:.0f} s)")
        self.url = url
        self.cause = cause
        self.tries = tries
        self.seconds = seconds
        self.sent = sent

    @property
    def exit_code(self) -> int:
        """Return 7, or 12 where a command was sent and nobody knows what became of it."""
        return SERVER_AWAY if self.sent is None else OUTCOME_UNKNOWN


class ProblemAnswer(Exception):
    """the server answered with a problem document (RFC 9457), which is `problem`"""

    def __init__(self, problem: dict[str, Any], status: int) -> None:
        super().__init__(str(problem.get("detail") or problem.get("title") or f"HTTP {status}"))
        self.problem = problem
        self.status = status

    @property
    def type(self) -> str:
        """The problem type's name, as in the domain's table: `refused`, `not-found`, …"""
        return str(self.problem.get("type", "")).rsplit("/", 1)[-1]

    @property
    def decision(self) -> dict[str, Any] | None:
        """The whole decision, where a check or a missing role was the reason."""
        found = self.problem.get("decision")
        return found if isinstance(found, dict) else None

    @property
    def exit_code(self) -> int:
        """Return what `dt` ends with."""
        return exit_code_of(self.type, self.status)


class OddAnswer(Exception):
    """something answered at this address that is no Interlock server"""

    exit_code = UNEXPECTED
