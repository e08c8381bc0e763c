"""The code that a terminal and a page show for the same sign-in, so that a person sees that they belong together."""

from __future__ import annotations

import base64
import hashlib
from typing import Final

CODE_CHARACTERS: Final = 10


def login_code(secret_digest: str) -> str:
    """Return the code of a new secret's digest, as `ABCDE-FGHIJ`: 50 bits of it, to be compared by eye."""
    raw = hashlib.sha256(f"dt login\n{secret_digest}".encode()).digest()
    letters = base64.b32encode(raw).decode("ascii")[:CODE_CHARACTERS]
    return f"{letters[: CODE_CHARACTERS // 2]}-{letters[CODE_CHARACTERS // 2 :]}"
