"""Signed records: a record's reader cannot see who wrote it, so its signature must tell."""

from __future__ import annotations

import base64
import binascii
from datetime import datetime
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from interlock.domain.situation import Situation
from interlock.events.envelope import Actor
from interlock.events.intake import KEY_ALGORITHM, key_digest
from interlock.identity.authenticate import Caller, NotAuthenticated

PUBLIC_KEY_BYTES: Final = 32
SIGNATURE_BYTES: Final = 64


def authenticate_signature(
    situation: Situation, key: str | None, signature: str | None, signed: bytes, now: datetime
) -> Caller:
    """Return who signed `signed`, at `now` (the ledger's clock); raise NotAuthenticated.

    `key` and `signature` are as the record's headers have them: `ed25519:` and base64, and base64. The record brings
    its public key along; that the key is somebody's is what the project's record says, by the key's digest.
    """
    if key is None or signature is None:
        raise NotAuthenticated("the record is not signed, and its topic is not its principal's own")
    public, proof = _public_key(key), _decoded(signature, SIGNATURE_BYTES)
    if public is None or proof is None:
        raise NotAuthenticated("the record's key or signature is not written as ed25519: and base64 are")
    try:
        public.verify(proof, signed)
    except InvalidSignature:
        raise NotAuthenticated("the record's signature does not fit the record") from None
    credential = situation.team.credential_for(key_digest(key))
    principal = situation.team.principals.get(credential.principal) if credential is not None else None
    serves = credential is not None and credential.purpose == "signing" and now < credential.expires_at
    if credential is None or not serves or principal is None or not principal.active:
        raise NotAuthenticated("this key opens nothing: it is unknown, expired or revoked")
    actor = Actor(id=principal.id, kind=principal.kind, credential=credential.credential)
    return Caller(actor=actor, credential=credential)


def _public_key(key: str) -> Ed25519PublicKey | None:
    raw = _decoded(key.removeprefix(KEY_ALGORITHM), PUBLIC_KEY_BYTES) if key.startswith(KEY_ALGORITHM) else None
    # Another spelling of the same key has another digest, and so is nobody's.
    return None if raw is None else Ed25519PublicKey.from_public_bytes(raw)


def _decoded(text: str, size: int) -> bytes | None:
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return raw if len(raw) == size else None
