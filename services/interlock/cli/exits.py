"""The exit codes of `dt`: what a script may rely on."""

from __future__ import annotations

DONE = 0
UNEXPECTED = 1
USAGE = 2
REFUSED = 3
NOT_ALLOWED = 4
NOT_FOUND = 5
CHANGED = 6
SERVER_AWAY = 7
PENDING = 8
VERIFICATION_FAILED = 9
TESTS_FAILED = 10
WORK_FAILED = 11
OUTCOME_UNKNOWN = 12
INTERRUPTED = 130

MEANINGS = (
    (DONE, "done (also: queued for the window, or already so)"),
    (UNEXPECTED, "unexpected; also a red line of dt doctor"),
    (USAGE, "usage: the command line or a field is wrong"),
    (REFUSED, "refused by a check: the refusal says which, who can act, and what is next"),
    (NOT_ALLOWED, "not logged in, or the role is missing"),
    (NOT_FOUND, "not found"),
    (CHANGED, "changed under you: read again, decide again"),
    (SERVER_AWAY, "server unreachable: gates stay closed"),
    (PENDING, "still pending: gate wait ran out of time"),
    (VERIFICATION_FAILED, "verification failed"),
    (TESTS_FAILED, "tests failed (recorded)"),
    (WORK_FAILED, "the work failed (recorded)"),
    (OUTCOME_UNKNOWN, "the outcome is unknown: ask again with the same --idempotency-key"),
    (INTERRUPTED, "interrupted"),
)


class Ended(Exception):
    """everything was said; `code` is the exit code"""

    def __init__(self, code: int) -> None:
        super().__init__(f"exit {code}")
        self.code = code


class Halt(Exception):
    """`dt` cannot go on: `what`, why, and the `next` commands as (command, why)"""

    def __init__(
        self, what: str, *, code: int = UNEXPECTED, why: str = "", then: tuple[tuple[str, str], ...] = ()
    ) -> None:
        super().__init__(what)
        self.what = what
        self.code = code
        self.why = why
        self.then = then
