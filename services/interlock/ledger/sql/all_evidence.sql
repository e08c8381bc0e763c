select evidence.digest, evidence.media_type from ledger.evidence as evidence
 where evidence.project = $1
 order by evidence.digest
