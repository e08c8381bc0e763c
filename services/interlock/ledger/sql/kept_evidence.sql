select evidence.digest from ledger.evidence as evidence
 where evidence.project = $1 and evidence.digest = any($2::text[])
