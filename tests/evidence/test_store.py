"""Evidence is kept under the digest of its bytes, added and never changed."""

from __future__ import annotations

import hashlib

import asyncpg
import pytest

from interlock.evidence import EVIDENCE_BYTES_MAX, Evidence, EvidenceStore, EvidenceTooLarge, NoSuchEvidence
from interlock.ledger import Ledger
from interlock.ledger.embedded import Dsns

REPORT = b'{"passed": 412}'


async def test_what_was_put_is_read_back_by_its_digest(ledger: Ledger) -> None:
    store = EvidenceStore(ledger)
    digest = await store.put("shop", "application/json", REPORT)
    assert digest == f"sha256:{hashlib.sha256(REPORT).hexdigest()}"
    assert await store.get("shop", digest) == Evidence("application/json", REPORT)


async def test_the_same_bytes_again_change_nothing(ledger: Ledger) -> None:
    store = EvidenceStore(ledger)
    first = await store.put("shop", "application/json", REPORT)
    assert await store.put("shop", "text/plain", REPORT) == first
    assert (await store.get("shop", first)).media_type == "application/json"


async def test_projects_keep_their_evidence_apart(ledger: Ledger) -> None:
    store = EvidenceStore(ledger)
    digest = await store.put("shop", "application/json", REPORT)
    with pytest.raises(NoSuchEvidence):
        await store.get("bank", digest)


async def test_evidence_has_at_most_16_mebibytes(ledger: Ledger) -> None:
    store = EvidenceStore(ledger)
    digest = await store.put("shop", "application/octet-stream", b"x" * EVIDENCE_BYTES_MAX)
    assert len((await store.get("shop", digest)).bytes) == EVIDENCE_BYTES_MAX
    with pytest.raises(EvidenceTooLarge):
        await store.put("shop", "application/octet-stream", b"x" * (EVIDENCE_BYTES_MAX + 1))


async def test_the_database_refuses_a_digest_that_is_not_of_the_bytes(ledger: Ledger, dsns: Dsns) -> None:
    app = await asyncpg.connect(dsns.app, timeout=10)
    with pytest.raises(asyncpg.CheckViolationError, match="evidence_digest_of_bytes"):
        await app.execute(
            "insert into ledger.evidence values ('shop', $1, 'text/plain', $2)", "sha256:" + "0" * 64, REPORT
        )
    await app.close()
