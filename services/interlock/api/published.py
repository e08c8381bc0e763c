"""What is published of the topics: the AsyncAPI document, every frozen schema, and a plain page that lists them."""

from __future__ import annotations

import hashlib
from functools import cache
from html import escape
from importlib.resources import files
from typing import Any, Final

from fastapi import APIRouter, Request, Response

from interlock.api import asyncapi
from interlock.api.documents import json_bytes
from interlock.api.openapi import Documented
from interlock.api.parts import Parts
from interlock.api.problems import not_found
from interlock.events import schemas, topics
from interlock.events.catalogue import CATALOGUE

# A published schema never changes: whoever has it never asks again.
IMMUTABLE: Final = "public, max-age=31536000, immutable"
SCHEMA_MEDIA_TYPE: Final = "application/schema+json"

router = APIRouter(tags=["server"])


@router.get("/asyncapi.json", **Documented.of(project=False))
async def asyncapi_document(request: Request) -> Response:
    """Every topic and what stands on it, as AsyncAPI 3, made of the registry of events."""
    parts: Parts = request.app.state.parts
    return Response(json_bytes(asyncapi.document(parts.version)), media_type="application/json")


@router.get("/schemas", **Documented.of(project=False, media_type="text/html"))
async def page() -> Response:
    """A page for people: the topics, and every event type's schemas."""
    return Response(_page(), media_type="text/html; charset=utf-8")


@router.get("/schemas/{type}/{version}.json", **Documented.of(project=False, also=["not-found"]))
async def schema(type: str, version: str) -> Response:  # noqa: A002 - as the path names it
    """One event type's JSON Schema, for ever the same."""
    body = _files().get(f"{type}.{version}.json")
    if body is None:
        raise not_found("schema", f"{type} {version}")
    tag = f'"{hashlib.sha256(body).hexdigest()}"'
    return Response(body, media_type=SCHEMA_MEDIA_TYPE, headers={"Cache-Control": IMMUTABLE, "ETag": tag})


@cache
def _files() -> dict[str, bytes]:
    return {name: files(schemas).joinpath(name).read_bytes() for name in schemas.frozen()}


@cache
def _page() -> str:
    rows = "\n".join(_row(name, schemas.frozen()) for name in sorted(CATALOGUE))
    names = ", ".join(
        f"<code>{name}</code>" for name in (topics.EVENTS, topics.INTAKE, topics.OUTCOMES, topics.DEAD_LETTER)
    )
    return f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Interlock: what happens, and its schemas</title>
<style>
body {{ font: 16px/1.6 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; }}
td, th {{ text-align: left; vertical-align: baseline; padding: .2rem 1rem .2rem 0; }}
</style>
<h1>What happens, and its schemas</h1>
<p>Topics: {names}. All of it for machines: <a href="/asyncapi.json">AsyncAPI</a>;
the HTTP interface: <a href="/docs">OpenAPI</a>. A published schema never changes; a new shape has a new number.</p>
<table>
<thead><tr><th>event</th><th>schema</th><th>what it says</th></tr></thead>
<tbody>
{rows}
</tbody>
</table>
</html>
"""


def _row(name: str, frozen: Any) -> str:
    today = CATALOGUE[name][1]
    links = " ".join(
        f'<a href="/schemas/{name}/{number}.json">{number}</a>'
        for number in range(1, today + 1)
        if schemas.file_name(name, number) in frozen
    )
    said = escape(frozen[schemas.file_name(name, today)]["description"])
    return f"<tr><td><code>{name}</code></td><td>{links}</td><td>{said}</td></tr>"
