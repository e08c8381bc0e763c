"""Every error becomes one problem document (RFC 9457), by the one table of the domain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from math import ceil
from typing import Any, Final

from interlock import desk, evidence, ledger
from interlock.domain import errors as domain
from interlock.domain.problem_types import PROBLEM_TYPES
from interlock.events.codec import plain
from interlock.events.decision import Decision, NextStep
from interlock.events.strict import BadInput
from interlock.identity import NotAuthenticated, ScopeMissing

RETRY_SECONDS: Final = 1


class Problem(Exception):
    """the request is answered with a problem document"""

    def __init__(
        self,
        name: str,
        detail: str,
        *,
        errors: Sequence[tuple[str, str]] = (),
        next_steps: Sequence[NextStep] = (),
        headers: Mapping[str, str] | None = None,
        **members: Any,
    ) -> None:
        """`name` stands in the domain's table; `errors` are (field, what); `members` are further members."""
        super().__init__(detail)
        self.kind = PROBLEM_TYPES[name]
        self.detail = detail
        self.errors = tuple(errors)
        self.next_steps = tuple(next_steps)
        self.headers = dict(headers or {})
        self.members = members

    @property
    def document(self) -> dict[str, Any]:
        """The document's members; `errors` and `next` are always there, so that clients need not ask."""
        return {
            "type": self.kind.uri,
            "title": self.kind.title,
            "status": self.kind.status,
            "detail": self.detail,
            "errors": [{"field": field, "what": what} for field, what in self.errors],
            "next": [{"command": step.command, "why": step.why} for step in self.next_steps],
            **self.members,
        }


def invalid(field: str, what: str) -> Problem:
    """One value that is not allowed."""
    return Problem("invalid", f"{field}: {what}", errors=[(field, what)])


def malformed(field: str, what: str) -> Problem:
    """A part of the request that cannot be read at all."""
    return Problem("malformed", f"{field}: {what}", errors=[(field, what)])


def not_found(kind: str, name: str) -> Problem:
    """Nothing of that name."""
    return Problem("not-found", str(domain.NotFound(kind, name)))


def refusal(decision: Decision, reason: str | None, *, recorded: int | None, now: datetime) -> Problem:
    """What the rules refused, with the whole decision, who can act, and when time alone is missing also the wait."""
    name = {"role": "role-missing", "missing": "not-found"}.get(reason or "", "refused")
    headers = {}
    if decision.allowed_at is not None:
        headers["Retry-After"] = str(max(0, ceil((decision.allowed_at - now).total_seconds())))
    missing = ", ".join(check.check for check in decision.missing) or "a rule"
    members: dict[str, Any] = {"decision": plain(decision)}
    if recorded is not None:
        members["recorded"] = recorded
    return Problem(
        name, f"{decision.action} was refused: {missing}", next_steps=decision.next, headers=headers, **members
    )


def problem_of(error: Exception) -> Problem:
    """Return what `error`, of any part below, is for the caller; an unknown error tells nothing of itself."""
    match error:
        case Problem():
            return error
        case BadInput():
            return bad_input("invalid", error)
        case NotAuthenticated() | desk.CredentialOver():
            return Problem("not-authenticated", str(error), headers={"WWW-Authenticate": 'Bearer realm="interlock"'})
        case ScopeMissing():
            return Problem("scope-missing", str(error))
        case domain.NotFound():
            return Problem("not-found", str(error))
        case domain.Changed():
            return Problem("changed", str(error), version=error.actual, headers={"ETag": f'"{error.actual}"'})
        case domain.InvalidCommand():
            return invalid(error.field, error.what)
        case desk.CommandIdReused():
            return Problem("idempotency-key-reused", str(error), errors=[("Idempotency-Key", str(error))])
        case desk.CommandTooLarge():
            return Problem("too-large", str(error), errors=[("body", str(error))])
        case desk.NoSuchPosition():
            return Problem("not-found", str(error))
        case desk.LedgerElsewhere():
            return Problem("moved", str(error), target=error.detail)
        case desk.UnknownOutcome() | ledger.OutcomeUnknown():
            return _later("outcome-unknown", str(error))
        case desk.DeskError() | ledger.LedgerError():
            return _later("unavailable", str(error))
        case evidence.NoSuchEvidence():
            return not_found("evidence", str(error))
        case evidence.EvidenceTooLarge():
            return Problem("too-large", str(error), errors=[("body", str(error))])
    return Problem("unexpected", "An error that nobody foresaw; the server's log has it. Nothing is said here.")


def _later(name: str, detail: str) -> Problem:
    return Problem(name, detail, headers={"Retry-After": str(RETRY_SECONDS)})


def bad_input(name: str, error: BadInput) -> Problem:
    """What the strict decoder found wrong, each thing with its field; the body as a whole is the field `body`."""
    errors = [(fault.field or "body", fault.what) for fault in error.faults]
    return Problem(name, "; ".join(f"{field}: {what}" for field, what in errors), errors=errors)
