"""Addresses that are found in a table, and answered without the framework, which documents them.

The framework tries its routes one after the other, and works out for each request what the endpoint declares. Commands
are most of what is asked, and have more addresses than everything else together: that took longer than deciding them.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from fastapi import FastAPI, Request, Response
from pydantic import TypeAdapter, ValidationError
from starlette.types import Receive, Scope, Send

from interlock.api.asked import Asked, identified
from interlock.api.problems import Problem
from interlock.api.query import NoQuery
from interlock.events.values import Name

Endpoint = Callable[[Request, Asked, Any], Awaitable[Response]]

METHOD: Final = "POST"
# As the framework's own routes match: a part of a path is whatever stands between two slashes.
_PATH: Final = re.compile(r"/v1/([^/]+)/([^/]+/[^/]+)")
_PROJECT: Final[TypeAdapter[str]] = TypeAdapter(Name)


@dataclass(frozen=True, slots=True)
class Direct:
    """What answers a POST at one address. `path` is its template, by which requests are counted.

    `endpoint` takes what the framework would give it: the request, who asks (and `may`: what the credential must be
    for), and the query, read as a `query`.
    """

    path: str
    endpoint: Endpoint
    query: type[NoQuery]
    may: Callable[[Asked], Awaitable[Asked]] | None = None


class Table:
    """The ASGI application of the addresses below /v1/{project}/ in a table; every other request is the framework's."""

    def __init__(self, others: FastAPI, table: Mapping[str, Direct]) -> None:
        """Answer by `table`: the path's two parts after the project, and what answers there."""
        self._others = others
        self._table = table

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request. What an endpoint raises is the edge's affair."""
        found = _PATH.fullmatch(scope["path"])
        direct = self._table.get(found[2]) if found is not None else None
        if found is None or direct is None:
            await self._others(scope, receive, send)
            return
        scope.update(app=self._others, path_params={"project": found[1]}, route=direct)
        response = await _answered(direct, found[1], Request(scope, receive))
        await response(scope, receive, send)


async def _answered(direct: Direct, project: str, request: Request) -> Response:
    """Return the answer, worked out in the framework's order: method, address, who asks, query, endpoint."""
    if request.method != METHOD:
        raise other_method(request.method, METHOD)
    query, wrong = _query(direct.query, request)
    if unnamed := _errors(_PROJECT, project, "path", "project"):
        raise refused_parameters([*unnamed, *wrong])
    asked = await identified(request, project)
    if direct.may is not None:
        asked = await direct.may(asked)
    if wrong:
        raise refused_parameters(wrong)
    return await direct.endpoint(request, asked, query)


def _query(model: type[NoQuery], request: Request) -> tuple[NoQuery | None, list[dict[str, Any]]]:
    """Return what the query says, and what is wrong with it."""
    given = dict(request.query_params) if request.scope["query_string"] else {}
    try:
        return model.model_validate(given), []
    except ValidationError as wrong:
        return None, _located(wrong, "query")


def _errors(adapter: TypeAdapter[str], value: str, *loc: str) -> list[dict[str, Any]]:
    try:
        adapter.validate_python(value)
    except ValidationError as wrong:
        return _located(wrong, *loc)
    return []


def _located(wrong: ValidationError, *loc: str) -> list[dict[str, Any]]:
    return [{**said, "loc": (*loc, *said["loc"])} for said in wrong.errors(include_url=False)]


def other_method(method: str, allowed: str) -> Problem:
    """Return what a caller is told who came with another method than the `allowed` one; empty where none is known."""
    detail = f"{method} is not possible here" + (f"; {allowed} is" if allowed else "")
    return Problem("method-not-allowed", detail, headers={"Allow": allowed} if allowed else {})


def refused_parameters(found: Sequence[Mapping[str, Any]]) -> Problem:
    """Return the problem of parameters, in the path or the query, in which pydantic `found` these errors."""
    errors = [(_field(said["loc"]), _what(said)) for said in found]
    return Problem("invalid", "; ".join(f"{field}: {what}" for field, what in errors), errors=errors)


def _field(loc: Sequence[Any]) -> str:
    """The parameter's name, without where it stood."""
    return ".".join(str(part) for part in loc[1:]) or "query"


def _what(said: Mapping[str, Any]) -> str:
    if said["type"] == "extra_forbidden":
        return "there is no such parameter"
    if said["type"] == "string_pattern_mismatch":
        return f"the text looks different here: {said['ctx']['pattern']}"
    message: str = said["msg"]
    return message.removeprefix("Value error, ")
