"""Evidence is kept under the digest of its bytes, so an event that names the digest binds the bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from interlock.ledger import Ledger
from interlock.ledger.connections import refused_by_name
from interlock.ledger.statements import sql

EVIDENCE_BYTES_MAX: Final = 16 * 1024 * 1024


class EvidenceTooLarge(Exception):
    """evidence holds at most 16 MiB"""


class NoSuchEvidence(Exception):
    """no evidence with this digest is kept in the project"""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Bytes and what they are, such as `application/json`."""

    media_type: str
    bytes: bytes


class EvidenceStore:
    """The evidence beside a ledger, in the same database."""

    def __init__(self, ledger: Ledger) -> None:
        """Use the connections of `ledger`."""
        self._ledger = ledger

    async def put(self, project: str, media_type: str, content: bytes) -> str:
        """Keep `content` (at most EVIDENCE_BYTES_MAX) and return its digest, `sha256:` and 64 hex digits.

        The same bytes again change nothing: a call whose outcome is unknown (OutcomeUnknown) is simply repeated. Put
        evidence before the event that names it: a crash between leaves bytes that nothing names, which do no harm.
        """
        if len(content) > EVIDENCE_BYTES_MAX:
            raise EvidenceTooLarge(f"{len(content)} bytes; {EvidenceTooLarge.__doc__}")
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        async with self._ledger.connection() as connection, refused_by_name(sent=True):
            await connection.execute(sql("put_evidence"), project, digest, media_type, content)
        return digest

    async def missing(self, project: str, digests: Iterable[str]) -> frozenset[str]:
        """Return those of `digests` under which nothing is kept."""
        wanted = sorted(set(digests))
        async with self._ledger.connection() as connection, refused_by_name(sent=False):
            rows = await connection.fetch(sql("kept_evidence"), project, wanted)
        return frozenset(wanted) - {row["digest"] for row in rows}

    async def get(self, project: str, digest: str) -> Evidence:
        """Return what is kept under `digest`; raises NoSuchEvidence."""
        async with self._ledger.connection() as connection, refused_by_name(sent=False):
            row = await connection.fetchrow(sql("get_evidence"), project, digest)
        if row is None:
            raise NoSuchEvidence(digest)
        return Evidence(row["media_type"], row["bytes"])
