"""How `dt` ends after a problem document: by the domain's table; types newer than this client by their status."""

from __future__ import annotations

from interlock.domain.problem_types import PROBLEM_TYPES

UNEXPECTED = 1


def exit_code_of(name: str, status: int) -> int:
    """Return the exit code of a problem type; an unknown one is judged by its HTTP status."""
    known = PROBLEM_TYPES.get(name)
    if known is not None:
        return known.exit_code
    of_status = [kind.exit_code for kind in PROBLEM_TYPES.values() if kind.status == status]
    return of_status[0] if of_status else UNEXPECTED
