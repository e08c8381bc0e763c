"""What a page is asked: by whom, about which project, as of which moment, with which parameters."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import parse_qsl, quote

from interlock.web.asking import Asker, NotAnswered

Document = dict[str, Any]

QUERY_PARAMETERS_MAX: Final = 50
_AS_TYPED: Final = re.compile(r"(\d{4}-\d\d-\d\d)(?:[ T+](\d\d:\d\d)(?::(\d\d))?)?(?: ?(?:GMT|Z))?")


@dataclass(slots=True)
class Asked:
    """One page's request. `at` is None for the present, else as the API takes it: a position or RFC 3339.

    `path` holds what stands in the address for the names in the page's pattern.
    """

    asker: Asker
    project: str
    path: Mapping[str, str]
    query: Mapping[str, str]
    at: str | None = None

    async def get(self, question: str, **query: object) -> Document:
        """Return the API's answer about the project, as of the page's moment. Raises NotAnswered.

        `question` begins with "/"; names in it are quoted by `named`.
        """
        return await self.asker.get(f"/v1/{self.project}{question}", {"at": self.at, **query})

    async def now(self, question: str, **query: object) -> Document:
        """Return the API's answer as of now, also on a page of the past. Raises NotAnswered."""
        return await self.asker.get(f"/v1/{self.project}{question}", query)


def named(name: str) -> str:
    """Return a name as it stands in a path."""
    return quote(name, safe="")


def moment(typed: str | None) -> str | None:
    """Return what people type for a moment as the API takes it: a position, RFC 3339, "2026-11-14 10:30", or a day.

    GMT is meant, always. What is none of these goes on as it is: the API says what is wrong with it.
    """
    if typed is None or not typed.strip():
        return None
    text = typed.strip().replace(",", "").removeprefix("@")
    found = _AS_TYPED.fullmatch(text)
    if found is None:
        return text
    try:
        at = datetime.fromisoformat(f"{found[1]}T{found[2] or '00:00'}:{found[3] or '00'}").replace(tzinfo=UTC)
    except ValueError:
        return text
    return at.isoformat().replace("+00:00", "Z")


def parameters(query: bytes, known: frozenset[str]) -> dict[str, str]:
    """Return the parameters; raise NotAnswered for one that is unknown, given twice or not readable."""
    try:
        pairs = parse_qsl(
            query.decode("ascii"), keep_blank_values=True, max_num_fields=QUERY_PARAMETERS_MAX, errors="strict"
        )
    except ValueError as wrong:
        raise refused(400, "The request is not understood", f"the query cannot be read: {wrong}") from wrong
    found: dict[str, str] = {}
    for name, value in pairs:
        if name not in known:
            may = ", ".join(sorted(known)) or "none"
            raise refused(422, "A value is not allowed here", f"{name}: there is no such parameter; there are: {may}")
        if name in found:
            raise refused(422, "A value is not allowed here", f"{name}: it is given twice")
        if value.strip():
            found[name] = value
    return found


def refused(status: int, title: str, detail: str, **members: Any) -> NotAnswered:
    """Return a problem of web's own, in the form of the API's."""
    document = {"type": "about:blank", "title": title, "status": status, "detail": detail, "errors": [], "next": []}
    return NotAnswered(status, {**document, **members}, {})
