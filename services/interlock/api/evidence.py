"""Larger things by digest: put them here first, then name the digest in a command."""

from __future__ import annotations

import re
from typing import Annotated, Final

from fastapi import APIRouter, Path, Query, Request, Response

from interlock.api.asked import Identified, Reader
from interlock.api.bodies import EVIDENCE_SECONDS, body_bytes
from interlock.api.documents import answer
from interlock.api.openapi import Documented
from interlock.api.problems import Problem
from interlock.api.query import NoQuery
from interlock.events.values import Digest
from interlock.evidence import EVIDENCE_BYTES_MAX

_MEDIA_TYPE: Final = re.compile(r"[a-z0-9][a-z0-9.+-]{0,60}/[a-z0-9][a-z0-9.+-]{0,60}(; ?charset=[a-z0-9-]{1,20})?")

router = APIRouter(prefix="/v1/{project}", tags=["evidence"])


@router.post("/evidence", **Documented.of(body=True))
async def put(request: Request, asked: Identified, _query: Annotated[NoQuery, Query()]) -> Response:
    """Keep the body's bytes; the same bytes again are the same digest."""
    asked.caller.require("write")
    media_type = request.headers.get("content-type", "application/octet-stream").strip().lower()
    if not _MEDIA_TYPE.fullmatch(media_type):
        what = "it must be a media type, as in application/xml"
        raise Problem("unsupported-media-type", f"Content-Type: {what}", errors=[("Content-Type", what)])
    content = await body_bytes(request, limit=EVIDENCE_BYTES_MAX, seconds=EVIDENCE_SECONDS)
    digest = await asked.parts.evidence.put(asked.project, media_type, content)
    return answer(
        {"digest": digest, "media_type": media_type, "bytes": len(content)}, position=asked.situation.position
    )


@router.get("/evidence/{digest}", **Documented.of(media_type="*/*"))
async def get(
    asked: Reader,
    digest: Annotated[Digest, Path(description="sha256: and 64 hex digits")],
    _query: Annotated[NoQuery, Query()],
) -> Response:
    """The bytes as they were put; never shown as a page of this server."""
    found = await asked.parts.evidence.get(asked.project, digest)
    headers = {
        "Content-Disposition": "attachment",
        "Content-Security-Policy": "sandbox",
        "ETag": f'"{digest}"',
        "Cache-Control": "private, immutable",
        "Interlock-Position": str(asked.situation.position),
    }
    return Response(found.bytes, media_type=found.media_type, headers=headers)
