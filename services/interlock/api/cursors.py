"""Opaque cursors: where the next page begins, of which list, asked how, and as of which position."""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

import orjson
from fastapi import Request
from pydantic import BaseModel

from interlock.api.problems import Problem

_MARK_CHARACTERS: Final = 16
# What may differ between two pages of one list.
_FREE: Final = frozenset({"cursor", "limit", "after"})


@dataclass(slots=True)
class Place:
    """Where a page begins: after `key` (a position), in the list as it stood at `position`; None on the first page."""

    position: int | None = None
    key: int | None = None


def place_of(request: Request, query: BaseModel) -> Place:
    """Return where `query`'s page begins. Raises a problem where the cursor is another's."""
    cursor = getattr(query, "cursor", None)
    if cursor is None:
        return Place()
    try:
        mark, position, key = orjson.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), b"-_", validate=True))
    except (binascii.Error, ValueError, TypeError):
        raise _invalid() from None
    if mark != _mark(request, query) or not all(type(n) is int and 0 <= n < 2**53 for n in (position, key)):
        raise _invalid()
    return Place(position, key)


def next_page(
    request: Request, query: BaseModel, rows: list[dict[str, Any]], *, key: str, position: int, limit: int
) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the members and headers that lead to the page after `rows`; none where this page is not full."""
    if len(rows) < limit:
        return {}, {}
    packed = orjson.dumps([_mark(request, query), position, rows[-1][key]])
    cursor = base64.urlsafe_b64encode(packed).rstrip(b"=").decode()
    parameters = {name: value for name, value in request.query_params.items() if name != "cursor"}
    link = f'<{request.url.path}?{urlencode({**parameters, "cursor": cursor})}>; rel="next"'
    return {"next_cursor": cursor}, {"Link": link}


def _mark(request: Request, query: BaseModel) -> str:
    """A digest of the list and of what was asked of it: a cursor leads on only in the same list."""
    asked = sorted((name, str(value)) for name, value in query if name not in _FREE)
    return hashlib.sha256(repr((request.url.path, asked)).encode()).hexdigest()[:_MARK_CHARACTERS]


def _invalid() -> Problem:
    what = "it belongs to another list, or to the same list asked differently; begin without it"
    return Problem("cursor-invalid", f"cursor: {what}", errors=[("cursor", what)])
