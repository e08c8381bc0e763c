"""A problem document as an HTTP response."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from starlette.responses import Response

from interlock.answers.documents import json_bytes
from interlock.answers.problems import Problem, bad_input, invalid, malformed, not_found, problem_of, refusal

__all__ = [
    "Problem",
    "bad_input",
    "found",
    "invalid",
    "malformed",
    "not_found",
    "problem_of",
    "refusal",
    "response_of",
]

MEDIA_TYPE: Final = "application/problem+json"


@contextmanager
def found(kind: str, name: str, *, unless: type[Exception]) -> Iterator[None]:
    """Within, `unless` says that there is no such thing: the problem not-found, of this kind and name."""
    try:
        yield
    except unless:
        raise not_found(kind, name) from None


def response_of(problem: Problem) -> Response:
    """Return the HTTP response."""
    return Response(
        json_bytes(problem.document),
        status_code=problem.kind.status,
        headers=problem.headers,
        media_type=MEDIA_TYPE,
    )
