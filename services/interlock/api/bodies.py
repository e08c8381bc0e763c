"""The bodies of requests: bounded in size and time, of a known form, and read strictly in one place."""

from __future__ import annotations

import asyncio
from typing import Final, TypeVar

from fastapi import Request
from starlette.requests import ClientDisconnect

from interlock.api.problems import Problem, bad_input
from interlock.events.strict import BODY_BYTES_MAX, BadInput, BodyTooLarge, read, strict_json

BODY_SECONDS: Final = 20.0
EVIDENCE_SECONDS: Final = 120.0
MEDIA_TYPE: Final = "application/json"

T = TypeVar("T")


async def command_body(request: Request, cls: type[T], *, limit: int = BODY_BYTES_MAX) -> T:
    """Return the command that the body, of at most `limit` bytes, holds. Raises a problem that names the field."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != MEDIA_TYPE:
        raise _form("Content-Type", f"it must be {MEDIA_TYPE}, not {media_type!r}")
    body = await body_bytes(request, limit=limit, seconds=BODY_SECONDS)
    try:
        value = strict_json(body, bytes_max=limit)
    except BodyTooLarge:
        raise _too_large(limit) from None
    except BadInput as bad:
        raise bad_input("malformed", bad) from None
    try:
        return read(cls, value)
    except BadInput as bad:
        raise bad_input("invalid", bad) from None


async def body_bytes(request: Request, *, limit: int, seconds: float) -> bytes:
    """Return the whole body: at most `limit` bytes that arrive within `seconds`, not compressed."""
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding != "identity":
        raise _form("Content-Encoding", f"a body is sent as it is, not {encoding!r}")
    announced = request.headers.get("content-length", "")
    if announced.isascii() and announced.isdigit() and int(announced) > limit:
        raise _too_large(limit)
    body = bytearray()
    try:
        async with asyncio.timeout(seconds):
            async for piece in request.stream():
                body += piece
                if len(body) > limit:
                    raise _too_large(limit)
    except TimeoutError:
        raise Problem(
            "too-slow",
            f"the body did not arrive within {seconds:g} s",
            headers={"Connection": "close"},
            errors=[("body", f"it did not arrive within {seconds:g} s")],
        ) from None
    except ClientDisconnect:
        raise Problem("malformed", "the body ended too early", errors=[("body", "it ended too early")]) from None
    return bytes(body)


def _form(field: str, what: str) -> Problem:
    return Problem("unsupported-media-type", f"{field}: {what}", errors=[(field, what)])


def _too_large(limit: int) -> Problem:
    what = f"it has more than {limit} bytes; larger things belong into evidence, by digest"
    # The rest is not read: the connection ends with this answer.
    return Problem("too-large", f"body: {what}", errors=[("body", what)], headers={"Connection": "close"})
