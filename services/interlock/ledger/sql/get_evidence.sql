select evidence.media_type, evidence.bytes from ledger.evidence as evidence
 where evidence.project = $1 and evidence.digest = $2
