"""Larger things by digest: reports, scripts, diffs, long commit lists. Added and read, never changed."""

from interlock.evidence.store import EVIDENCE_BYTES_MAX, Evidence, EvidenceStore, EvidenceTooLarge, NoSuchEvidence

__all__ = ["EVIDENCE_BYTES_MAX", "Evidence", "EvidenceStore", "EvidenceTooLarge", "NoSuchEvidence"]
