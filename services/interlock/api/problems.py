"""A problem document as an HTTP response."""

from __future__ import annotations

from typing import Final

from starlette.responses import Response

from interlock.answers.documents import json_bytes
from interlock.answers.problems import Problem, bad_input, invalid, malformed, not_found, problem_of, refusal

__all__ = ["Problem", "bad_input", "invalid", "malformed", "not_found", "problem_of", "refusal", "response_of"]

MEDIA_TYPE: Final = "application/problem+json"


def response_of(problem: Problem) -> Response:
    """Return the HTTP response."""
    return Response(
        json_bytes(problem.document),
        status_code=problem.kind.status,
        headers=problem.headers,
        media_type=MEDIA_TYPE,
    )
