"""Forms that browsers send: bounded in size and time, of one form, and read in one place; nothing in them is a 500."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl

from starlette.types import Receive, Scope

from interlock.web.asked import refused
from interlock.web.asking import NotAnswered

FORM_BYTES_MAX: Final = 64 * 1024
FORM_SECONDS: Final = 20.0
FIELDS_MAX: Final = 100
MEDIA_TYPE: Final = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class Form:
    """What was sent: each field with its values. Lines end with a line feed, as everywhere else in Interlock."""

    fields: Mapping[str, list[str]]

    def one(self, name: str) -> str:
        """Return a field's only value, without space around it; empty where it was not sent. Raises NotAnswered."""
        values = self.fields.get(name, [])
        if len(values) > 1:
            raise refused(422, "A value is not allowed here", f"{name}: it is given twice")
        return values[0].strip() if values else ""

    def all(self, name: str) -> list[str]:
        """Return a field's values, without those that are empty."""
        return [value.strip() for value in self.fields.get(name, []) if value.strip()]


def form_of(scope: Scope, body: bytes) -> Form:
    """Return the request's form. Raises NotAnswered, whose message says what is wrong with it."""
    headers = dict(scope["headers"])
    media_type = headers.get(b"content-type", b"").decode("latin-1").partition(";")[0].strip().lower()
    if media_type != MEDIA_TYPE:
        raise _odd(415, f"it must be {MEDIA_TYPE}")
    if headers.get(b"content-encoding", b"identity").strip().lower() != b"identity":
        raise _odd(415, "it is sent as it is, not compressed")
    try:
        text = body.decode("ascii")
        pairs = parse_qsl(
            text, keep_blank_values=True, strict_parsing=bool(text), max_num_fields=FIELDS_MAX, errors="strict"
        )
    except ValueError as wrong:
        raise _odd(400, "it cannot be read") from wrong
    fields: dict[str, list[str]] = {}
    for name, value in pairs:
        fields.setdefault(name, []).append(value.replace("\r\n", "\n"))
    return Form(fields)


async def body_of(receive: Receive) -> bytes:
    """Return the request's whole body. Raises NotAnswered where it is too large, too slow, or ends too early."""
    body = bytearray()
    try:
        async with asyncio.timeout(FORM_SECONDS):
            while True:
                message = await receive()
                if message["type"] != "http.request":
                    raise _odd(400, "it ended too early")
                body += message.get("body", b"")
                if len(body) > FORM_BYTES_MAX:
                    raise _odd(413, f"it has more than {FORM_BYTES_MAX} bytes")
                if not message.get("more_body", False):
                    return bytes(body)
    except TimeoutError as late:
        raise _odd(408, f"it did not arrive within {FORM_SECONDS:g} s") from late


def _odd(status: int, what: str) -> NotAnswered:
    return refused(status, "The form is not understood", f"the form: {what}; nothing was done")
