"""Signatures as Standard Webhooks wants them (v1: HMAC-SHA256 of id, timestamp and body)."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import datetime


def signed_headers(message: str, at: datetime, body: bytes, secret: bytes) -> dict[str, str]:
    """Return the three headers; `at` is when it is sent, so that what is old cannot be sent by somebody else again."""
    timestamp = str(int(at.timestamp()))
    signature = hmac.digest(secret, b".".join((message.encode(), timestamp.encode(), body)), hashlib.sha256)
    return {
        "webhook-id": message,
        "webhook-timestamp": timestamp,
        "webhook-signature": f"v1,{base64.b64encode(signature).decode()}",
    }
