"""What a page outside the table of pages answers with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.responses import RedirectResponse

from interlock.web.asked import Asked, Document


@dataclass(frozen=True, slots=True)
class Shown:
    """A page: its template, its document, its status and its headers; `asked` where it is one of a project.

    `told` is what the reader's own last action came to.
    """

    name: str
    document: Document
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    asked: Asked | None = None
    told: Mapping[str, Any] | None = None


def gone_to(address: str, *cookies: str) -> RedirectResponse:
    """Return the way to another page, by GET, with cookies to set."""
    response = RedirectResponse(address, 303, headers={"Cache-Control": "no-store"})
    for each in cookies:
        response.headers.append("Set-Cookie", each)
    return response
