"""Signing what is published: an Ed25519 key that stays with its service; its public half is registered."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from interlock.events.intake import KEY_HEADER, SIGNATURE_HEADER, key_digest, key_text, signed_bytes


class NoSigningKey(ValueError):
    """the file holds no Ed25519 private key; `openssl genpkey -algorithm ed25519` makes one"""


class SigningKey:
    """A private key."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        """Use `SigningKey.of_seed` or `SigningKey.of_file`."""
        self._key = key

    @classmethod
    def of_seed(cls, seed: bytes) -> Self:
        """Return the key of 32 secret bytes."""
        return cls(Ed25519PrivateKey.from_private_bytes(seed))

    @classmethod
    def of_file(cls, path: Path) -> Self:
        """Return the key in a PEM file (PKCS 8, not encrypted). Raises NoSigningKey, OSError."""
        try:
            key = serialization.load_pem_private_key(path.read_bytes(), password=None)
        except (ValueError, TypeError) as wrong:
            raise NoSigningKey(f"{path}: {wrong}") from wrong
        if not isinstance(key, Ed25519PrivateKey):
            raise NoSigningKey(f"{path}: it holds another kind of key")
        return cls(key)

    @property
    def public(self) -> str:
        """The public key as the record's header, and `dt credential issue --signing-key`, take it."""
        raw = self._key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        return key_text(raw)

    @property
    def digest(self) -> str:
        """What the project's record keeps of it."""
        return key_digest(self.public)

    def headers(self, headers: Sequence[tuple[str, bytes]], value: bytes) -> list[tuple[str, bytes]]:
        """Return `headers` with the two that prove who sends this record."""
        signature = base64.b64encode(self._key.sign(signed_bytes(headers, value)))
        return [*headers, (KEY_HEADER, self.public.encode()), (SIGNATURE_HEADER, signature)]
