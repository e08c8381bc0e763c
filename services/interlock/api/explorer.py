"""/docs: the API's reference as a page. Every part of it comes from a Python package, none from another host."""

from __future__ import annotations

from importlib.resources import files
from typing import Final

from fastapi import APIRouter, Response

from interlock.api.problems import Problem

ASSETS_PACKAGE: Final = "fastapi_swagger.resources"
ASSETS: Final = {
    "swagger-ui-bundle.js": "application/javascript",
    "swagger-ui.css": "text/css",
    "favicon-32x32.png": "image/png",
}
PAGE: Final = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Interlock's API</title>
<link rel="icon" href="/docs/favicon-32x32.png">
<link rel="stylesheet" href="/docs/swagger-ui.css">
</head>
<body>
<noscript><p>This page needs JavaScript; <a href="/openapi.json">the OpenAPI document</a> says the same.</p></noscript>
<div id="reference"></div>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</body>
</html>
"""
# Its own default would show the document's address to a validator of somebody else's.
START: Final = """SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#reference",
  deepLinking: true,
  docExpansion: "list",
  validatorUrl: null,
  presets: [SwaggerUIBundle.presets.apis],
});
"""
HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
}
DAY: Final = {"Cache-Control": "max-age=86400"}

router = APIRouter(include_in_schema=False)


@router.get("/docs")
async def page() -> Response:
    """Answer with the page."""
    return Response(PAGE, media_type="text/html", headers=HEADERS)


@router.get("/docs/start.js")
async def start() -> Response:
    """Answer with what starts the page: no script stands in it."""
    return Response(START, media_type="application/javascript", headers={"X-Content-Type-Options": "nosniff"})


@router.get("/docs/{asset}")
async def part(asset: str) -> Response:
    """Answer with one of the page's parts."""
    media_type = ASSETS.get(asset)
    if media_type is None:
        raise Problem("not-found", "the page has no such part")
    body = files(ASSETS_PACKAGE).joinpath(asset).read_bytes()
    return Response(body, media_type=media_type, headers={**DAY, "X-Content-Type-Options": "nosniff"})
