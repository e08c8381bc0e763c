"""Secrets of `dt`: made here, shown once, known elsewhere by their digest only."""

from __future__ import annotations

import base64
import hashlib

from interlock.cli import seams

PREFIX = "il_"
SECRET_BYTES = 32


def new_token() -> str:
    """Return a new token: "il_" and 256 random bits."""
    return PREFIX + base64.urlsafe_b64encode(seams.secret(SECRET_BYTES)).rstrip(b"=").decode("ascii")


def digest_of(token: str) -> str:
    """Return what the record keeps of a token."""
    return f"sha256:{hashlib.sha256(token.encode('utf-8')).hexdigest()}"
